#include "keyservice/heartbeat.hpp"

#include <algorithm>
#include <array>

#include "attest/base/cbor.hpp"
#include "keyservice/error.hpp"
#include "keyservice/limits.hpp"

namespace concordat::keyservice {

using base::BytesView;
using base::Error;
using base::Result;
using base::cbor::Reader;
using base::cbor::Writer;

namespace {

constexpr std::string_view kBeat = "beat";
constexpr std::size_t kItemsOfOneThatServes = 2;
constexpr std::size_t kItemsOfOneThatDoesNot = 3;

bool is_code(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

// The number of items, where the record begins as one does: 0 otherwise.
std::size_t items_of(Reader& reader) {
  const auto count = reader.read_array(kItemsOfOneThatDoesNot);
  if (!count || *count < kItemsOfOneThatServes) return 0;
  const auto id = reader.read_uint();
  if (!id || *id != 0) return 0;
  const auto kind = reader.read_text(kBeat.size());
  return kind && *kind == kBeat ? *count : 0;
}

Result<SignOfLife> read_sign(Reader& reader, std::size_t items) {
  SignOfLife out;
  if (items == kItemsOfOneThatDoesNot) {
    CONCORDAT_TRY(const std::string_view code, reader.read_text(kMaxErrorCode));
    if (!is_code(code)) return Error(base::cbor::Errc::malformed, "this is no code");
    out.trouble = code;
  }
  CONCORDAT_CHECK(reader.finish());
  return out;
}

}  // namespace

BytesView heartbeat() noexcept {
  static constexpr std::array<std::uint8_t, 7> kRecord{0x82, 0x00, 0x64, 'b', 'e', 'a', 't'};
  return kRecord;
}

base::Bytes encode(const SignOfLife& sign) {
  Writer out;
  out.array(sign.serves() ? kItemsOfOneThatServes : kItemsOfOneThatDoesNot);
  out.uint(0).text(kBeat);
  if (!sign.serves()) out.text(sign.trouble);
  return std::move(out).take();
}

Result<std::optional<SignOfLife>> decode_sign_of_life(BytesView record) {
  Reader reader(record);
  const std::size_t items = items_of(reader);
  if (items == 0) return std::optional<SignOfLife>();
  auto sign = read_sign(reader, items);
  if (!sign) return Error(Errc::malformed_response, "a sign of life: " + sign.error().to_string());
  return std::optional(*std::move(sign));
}

}  // namespace concordat::keyservice

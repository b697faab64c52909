#include "keyservice/head_record.hpp"

#include "attest/base/cbor.hpp"
#include "attest/base/hash.hpp"
#include "attest/base/secret_access.hpp"
#include "keyservice/cbor_items.hpp"
#include "keyservice/error.hpp"

namespace concordat::keyservice {

using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
using base::cbor::Reader;
using base::cbor::Writer;

namespace {

constexpr std::uint64_t kNoRequest = 0;  // requests count from 1
constexpr std::string_view kKind = "head";
constexpr std::size_t kItems = 6;

HeadTag tag_of(const Root& root, const VouchedHead& vouched) {
  Writer message;
  message.array(4).text("concordat/head/1").uint(vouched.generation).uint(vouched.head.position);
  message.bytes(vouched.head.hash.view());
  const base::SecretBytes tag = base::hmac_sha256(root.head_key(), message.view());
  HeadTag out;
  std::ranges::copy(tag.expose(base::SecretAccess{}), out.mutable_view().begin());
  return out;
}

bool is_head_record(BytesView record) {
  Reader reader(record);
  const auto count = reader.read_array(kItems);
  if (!count || *count != kItems) return false;
  const auto id = reader.read_uint();
  if (!id || *id != kNoRequest) return false;
  const auto kind = reader.read_text(kKind.size());
  return kind && *kind == kKind;
}

Result<VouchedHead> read_head(BytesView record) {
  Reader reader(record);
  VouchedHead out;
  CONCORDAT_TRY([[maybe_unused]] const std::size_t count, reader.read_array(kItems));
  CONCORDAT_TRY([[maybe_unused]] const std::uint64_t id, reader.read_uint());
  CONCORDAT_TRY([[maybe_unused]] const std::string_view kind, reader.read_text(kKind.size()));
  CONCORDAT_TRY(out.generation, read_uint32(reader));
  CONCORDAT_TRY(out.head.position, reader.read_uint());
  CONCORDAT_TRY(out.head.hash, read_fixed<base::Sha256Digest>(reader));
  CONCORDAT_TRY(out.tag, read_fixed<HeadTag>(reader));
  CONCORDAT_CHECK(reader.finish());
  return out;
}

}  // namespace

VouchedHead vouch_for(const Root& root, const journal::Head& head) {
  VouchedHead out{root.generation(), head, {}};
  out.tag = tag_of(root, out);
  return out;
}

Status check_vouched(const Root& root, const VouchedHead& vouched) {
  if (vouched.generation == root.generation() &&
      base::equal_constant_time(tag_of(root, vouched).view(), vouched.tag.view())) {
    return {};
  }
  return Error(Errc::head_forged, "position " + std::to_string(vouched.head.position) +
                                      " under root generation " +
                                      std::to_string(vouched.generation));
}

base::Bytes encode(const VouchedHead& vouched) {
  Writer out;
  out.array(kItems).uint(kNoRequest).text(kKind).uint(vouched.generation);
  out.uint(vouched.head.position).bytes(vouched.head.hash.view()).bytes(vouched.tag.view());
  return std::move(out).take();
}

Result<std::optional<VouchedHead>> decode_head_record(BytesView record) {
  if (!is_head_record(record)) return std::optional<VouchedHead>();
  auto head = read_head(record);
  if (!head) return Error(Errc::malformed_head, head.error().to_string());
  return std::optional(*std::move(head));
}

}  // namespace concordat::keyservice

#include "attest/base/cbor.hpp"

#include <cbor.h>

#include <array>

#include "attest/base/utf8.hpp"

namespace concordat::base::cbor {
namespace {

struct Decoded {
  Kind kind = Kind::other;
  std::uint64_t value = 0;
  BytesView payload;
  bool indefinite = false;
};

template <Kind kind, class Integer>
void on_integer(void* out, Integer value) {
  *static_cast<Decoded*>(out) = {kind, value, {}, false};
}
template <Kind kind>
void on_string(void* out, cbor_data data, std::size_t size) {
  *static_cast<Decoded*>(out) = {kind, size, {data, size}, false};
}
template <Kind kind>
void on_start(void* out, std::size_t count) {
  *static_cast<Decoded*>(out) = {kind, count, {}, false};
}
template <Kind kind>
void on_indefinite(void* out) {
  *static_cast<Decoded*>(out) = {kind, 0, {}, true};
}
template <Kind kind>
void on_simple(void* out) {
  *static_cast<Decoded*>(out) = {kind, 0, {}, false};
}
void on_bool(void* out, bool value) {
  *static_cast<Decoded*>(out) = {Kind::boolean, value, {}, false};
}

cbor_callbacks make_callbacks() {
  cbor_callbacks c = cbor_empty_callbacks;  // floats and undefined stay Kind::other
  c.uint8 = on_integer<Kind::uint, std::uint8_t>;
  c.uint16 = on_integer<Kind::uint, std::uint16_t>;
  c.uint32 = on_integer<Kind::uint, std::uint32_t>;
  c.uint64 = on_integer<Kind::uint, std::uint64_t>;
  c.negint8 = on_integer<Kind::negative, std::uint8_t>;
  c.negint16 = on_integer<Kind::negative, std::uint16_t>;
  c.negint32 = on_integer<Kind::negative, std::uint32_t>;
  c.negint64 = on_integer<Kind::negative, std::uint64_t>;
  c.byte_string = on_string<Kind::bytes>;
  c.byte_string_start = on_indefinite<Kind::bytes>;
  c.string = on_string<Kind::text>;
  c.string_start = on_indefinite<Kind::text>;
  c.array_start = on_start<Kind::array>;
  c.indef_array_start = on_indefinite<Kind::array>;
  c.map_start = on_start<Kind::map>;
  c.indef_map_start = on_indefinite<Kind::map>;
  c.tag = on_integer<Kind::tag, std::uint64_t>;
  c.null = on_simple<Kind::null>;
  c.boolean = on_bool;
  c.indef_break = on_simple<Kind::brk>;
  return c;
}

// Heads of tags 0 to 23 (RFC 8949 section 3, major type 6).
constexpr std::uint8_t kFirstShortTag = 0xc0;
constexpr std::uint8_t kLastShortTag = 0xd7;

// RFC 8949 section 4.1: the shortest head for an argument.
std::size_t preferred_head_size(std::uint64_t argument) noexcept {
  if (argument < 24) return 1;
  if (argument <= 0xff) return 2;
  if (argument <= 0xffff) return 3;
  return argument <= 0xffffffff ? 5 : 9;
}

bool has_argument(Kind kind) noexcept {
  return kind != Kind::boolean && kind != Kind::null && kind != Kind::other && kind != Kind::brk;
}

}  // namespace

CodeInfo describe(Errc code) noexcept {
  switch (code) {
    case Errc::truncated:
      return {"truncated", "CBOR ends in the middle of an item"};
    case Errc::malformed:
      return {"malformed", "not well-formed CBOR"};
    case Errc::unexpected_type:
      return {"unexpected_type", "CBOR item of another type"};
    case Errc::not_preferred:
      return {"not_preferred", "CBOR not in preferred encoding"};
    case Errc::trailing_bytes:
      return {"trailing_bytes", "bytes after the CBOR item"};
    case Errc::too_large:
      return {"too_large", "CBOR item larger than allowed"};
    case Errc::unknown_key:
      return {"unknown_key", "unknown CBOR map key"};
    case Errc::duplicate_key:
      return {"duplicate_key", "CBOR map key appears twice"};
    case Errc::missing_key:
      return {"missing_key", "CBOR map lacks a required key"};
    case Errc::not_utf8:
      return {"not_utf8", "CBOR text is not UTF-8"};
    case Errc::too_deep:
      return {"too_deep", "CBOR nested deeper than allowed"};
  }
  return {"unknown", "unknown CBOR error"};
}

Error Reader::fail(Errc code, std::string_view what) const {
  return Error(code, std::string(what) + " at byte " + std::to_string(offset_));
}

Result<Reader::Head> Reader::head() const {
  static const cbor_callbacks callbacks = make_callbacks();
  const BytesView rest = input_.subspan(offset_);
  if (rest.empty()) return fail(Errc::truncated, "no more bytes");
  // libcbor 0.8 calls most one-byte tags malformed, 18 (COSE_Sign1) among them.
  if (rest[0] >= kFirstShortTag && rest[0] <= kLastShortTag) {
    return Head{Kind::tag, static_cast<std::uint64_t>(rest[0] - kFirstShortTag), {}, false, 1};
  }
  Decoded decoded;
  const cbor_decoder_result result =
      cbor_stream_decode(rest.data(), rest.size(), &callbacks, &decoded);
  if (result.status == CBOR_DECODER_NEDATA) return fail(Errc::truncated, "item");
  if (result.status != CBOR_DECODER_FINISHED) return fail(Errc::malformed, "item");
  const std::size_t head_size = result.read - decoded.payload.size();
  if (encoding_ == Encoding::preferred && !decoded.indefinite && has_argument(decoded.kind) &&
      head_size != preferred_head_size(decoded.value)) {
    return fail(Errc::not_preferred, "longer head than needed");
  }
  return Head{decoded.kind, decoded.value, decoded.payload, decoded.indefinite, result.read};
}

Result<Reader::Head> Reader::expect(Kind kind, std::string_view wanted) {
  CONCORDAT_TRY(const Head h, head());
  if (h.kind != kind) return fail(Errc::unexpected_type, std::string(wanted) + " expected");
  offset_ += h.size;
  return h;
}

Result<Kind> Reader::peek() const {
  CONCORDAT_TRY(const Head h, head());
  return h.kind;
}

Result<std::uint64_t> Reader::read_uint() {
  CONCORDAT_TRY(const Head h, expect(Kind::uint, "unsigned integer"));
  return h.value;
}

Result<std::int64_t> Reader::read_int() {
  CONCORDAT_TRY(const Head h, head());
  if (h.kind != Kind::uint && h.kind != Kind::negative) {
    return fail(Errc::unexpected_type, "integer expected");
  }
  if (h.value > static_cast<std::uint64_t>(INT64_MAX)) return fail(Errc::too_large, "integer");
  offset_ += h.size;
  const auto magnitude = static_cast<std::int64_t>(h.value);
  return h.kind == Kind::uint ? magnitude : -1 - magnitude;
}

Result<BytesView> Reader::read_bytes(std::size_t max) {
  CONCORDAT_TRY(const Head h, expect(Kind::bytes, "byte string"));
  if (h.indefinite) return fail(Errc::not_preferred, "byte string in chunks");
  if (h.payload.size() > max) {
    return fail(Errc::too_large, "byte string of " + std::to_string(h.payload.size()) + " bytes (" +
                                     std::to_string(max) + " allowed)");
  }
  return h.payload;
}

Result<std::string_view> Reader::read_text(std::size_t max) {
  CONCORDAT_TRY(const Head h, expect(Kind::text, "text string"));
  if (h.indefinite) return fail(Errc::not_preferred, "text string in chunks");
  if (h.payload.size() > max) {
    return fail(Errc::too_large, "text of " + std::to_string(h.payload.size()) + " bytes (" +
                                     std::to_string(max) + " allowed)");
  }
  if (!is_utf8(h.payload)) return fail(Errc::not_utf8, "text string");
  return as_text(h.payload);
}

Result<bool> Reader::read_bool() {
  CONCORDAT_TRY(const Head h, expect(Kind::boolean, "true or false"));
  return h.value != 0;
}

Status Reader::read_null() {
  CONCORDAT_CHECK(expect(Kind::null, "null"));
  return {};
}

Result<std::uint64_t> Reader::read_tag() {
  CONCORDAT_TRY(const Head h, expect(Kind::tag, "tag"));
  return h.value;
}

Result<std::size_t> Reader::read_array(std::size_t max) {
  CONCORDAT_TRY(const auto count, read_array_any(max));
  if (!count) return fail(Errc::not_preferred, "array of indefinite length");
  return *count;
}

Result<std::optional<std::size_t>> Reader::read_array_any(std::size_t max) {
  CONCORDAT_TRY(const Head h, expect(Kind::array, "array"));
  if (h.indefinite) return std::optional<std::size_t>();
  if (h.value > max) return fail(Errc::too_large, "array");
  return std::optional<std::size_t>(h.value);
}

Result<std::optional<std::size_t>> Reader::read_map(std::size_t max) {
  CONCORDAT_TRY(const Head h, expect(Kind::map, "map"));
  if (h.indefinite) return std::optional<std::size_t>();
  if (h.value > max) return fail(Errc::too_large, "map");
  return std::optional<std::size_t>(h.value);
}

Result<bool> Reader::take_break() {
  CONCORDAT_TRY(const Head h, head());
  if (h.kind != Kind::brk) return false;
  offset_ += h.size;
  return true;
}

Result<bool> Reader::take_null() {
  CONCORDAT_TRY(const Head h, head());
  if (h.kind != Kind::null) return false;
  offset_ += h.size;
  return true;
}

Status Reader::skip(unsigned max_depth) {
  // One counter a level: how many items are left there (indefinite: until its break).
  constexpr std::uint64_t kUntilBreak = UINT64_MAX;
  std::vector<std::uint64_t> left{1};
  while (!left.empty()) {
    if (left.back() == 0) {
      left.pop_back();
      continue;
    }
    CONCORDAT_TRY(const Head h, head());
    offset_ += h.size;
    if (h.kind == Kind::brk) {
      if (left.back() != kUntilBreak) return fail(Errc::malformed, "break outside of a map");
      left.pop_back();
      continue;
    }
    if (left.back() != kUntilBreak) --left.back();
    const bool container = h.kind == Kind::array || h.kind == Kind::map || h.kind == Kind::tag;
    if (!container && !h.indefinite) continue;
    if (left.size() > max_depth) return fail(Errc::too_deep, "nesting");
    // More items claimed than bytes left cannot be true; said here, so that doubling is safe.
    if (h.kind != Kind::tag && h.value > input_.size()) return fail(Errc::truncated, "container");
    const std::uint64_t count = h.kind == Kind::tag   ? 1
                                : h.kind == Kind::map ? 2 * h.value
                                                      : h.value;
    left.push_back(h.indefinite ? kUntilBreak : count);
  }
  return {};
}

Status Reader::finish() const {
  if (offset_ != input_.size()) return fail(Errc::trailing_bytes, "input goes on");
  return {};
}

namespace {

// A head is at most nine bytes; `encode` writes it and says how many.
template <class Encode>
void append_head(Bytes& out, Encode encode) {
  std::array<std::uint8_t, 9> head;
  const std::size_t size = encode(head.data(), head.size());
  out.insert(out.end(), head.begin(), head.begin() + static_cast<std::ptrdiff_t>(size));
}

}  // namespace

Writer& Writer::uint(std::uint64_t value) {
  append_head(out_, [&](auto* p, auto n) { return cbor_encode_uint(value, p, n); });
  return *this;
}
Writer& Writer::integer(std::int64_t value) {
  if (value >= 0) return uint(static_cast<std::uint64_t>(value));
  const auto argument = static_cast<std::uint64_t>(-1 - value);
  append_head(out_, [&](auto* p, auto n) { return cbor_encode_negint(argument, p, n); });
  return *this;
}
Writer& Writer::bytes_head(std::size_t size) {
  append_head(out_, [&](auto* p, auto n) { return cbor_encode_bytestring_start(size, p, n); });
  return *this;
}
Writer& Writer::bytes(BytesView value) {
  return bytes_head(value.size()).raw(value);
}
Writer& Writer::text(std::string_view value) {
  append_head(out_, [&](auto* p, auto n) { return cbor_encode_string_start(value.size(), p, n); });
  return raw(as_bytes(value));
}
Writer& Writer::boolean(bool value) {
  append_head(out_, [&](auto* p, auto n) { return cbor_encode_bool(value, p, n); });
  return *this;
}
Writer& Writer::null() {
  append_head(out_, [](auto* p, auto n) { return cbor_encode_null(p, n); });
  return *this;
}
Writer& Writer::array(std::size_t count) {
  append_head(out_, [&](auto* p, auto n) { return cbor_encode_array_start(count, p, n); });
  return *this;
}
Writer& Writer::map(std::size_t count) {
  append_head(out_, [&](auto* p, auto n) { return cbor_encode_map_start(count, p, n); });
  return *this;
}
Writer& Writer::tag(std::uint64_t value) {
  append_head(out_, [&](auto* p, auto n) { return cbor_encode_tag(value, p, n); });
  return *this;
}
Writer& Writer::raw(BytesView encoded) {
  append(out_, encoded);
  return *this;
}

}  // namespace concordat::base::cbor

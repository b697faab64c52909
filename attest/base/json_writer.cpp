#include "attest/base/json_writer.hpp"

#include <sodium.h>

#include <array>
#include <cstring>

#include "attest/base/secret_access.hpp"

namespace concordat::base {
namespace {

constexpr std::size_t kFirstSize = 512;

}  // namespace

JsonWriter::JsonWriter() {
  put("{");
}

std::uint8_t* JsonWriter::reserve(std::size_t size) {
  if (size_ + size > buffer_.size()) {
    SecretBytes larger =
        SecretBytes::zeroed(std::max({kFirstSize, 2 * buffer_.size(), size_ + size}));
    const auto old = buffer_.expose(SecretAccess{}).first(size_);
    std::ranges::copy(old, larger.expose_mutable(SecretAccess{}).begin());
    buffer_ = std::move(larger);
  }
  return buffer_.expose_mutable(SecretAccess{}).data() + size_;
}

void JsonWriter::put(std::string_view text) {
  std::memcpy(reserve(text.size()), text.data(), text.size());
  size_ += text.size();
}

void JsonWriter::begin(std::string_view name) {
  put(size_ == 1 ? "\"" : ",\"");
  put(name);
  put("\":");
}

// RFC 8259 section 7: quotation mark, reverse solidus and control characters.
void JsonWriter::put_quoted(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  put("\"");
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      put("\\");
      put({&c, 1});
    } else if (code < 0x20) {
      put("\\u00");
      put({&hex[code >> 4], 1});
      put({&hex[code & 15], 1});
    } else {
      put({&c, 1});
    }
  }
  put("\"");
}

JsonWriter& JsonWriter::text(std::string_view name, std::string_view value) {
  begin(name);
  put_quoted(value);
  return *this;
}
JsonWriter& JsonWriter::text(std::string_view name, const SecretBytes& value) {
  return text(name, as_text(value.expose(SecretAccess{})));
}
JsonWriter& JsonWriter::number(std::string_view name, std::uint64_t value) {
  begin(name);
  put(std::to_string(value));
  return *this;
}
JsonWriter& JsonWriter::flag(std::string_view name, bool value) {
  begin(name);
  put(value ? "true" : "false");
  return *this;
}

JsonWriter& JsonWriter::bytes(std::string_view name, BytesView value) {
  begin(name);
  put("\"");
  const std::size_t encoded =
      sodium_base64_ENCODED_LEN(value.size(), sodium_base64_VARIANT_ORIGINAL);
  // With room for the terminating zero that sodium writes; the closing quote overwrites it.
  auto* const at = reinterpret_cast<char*>(reserve(encoded));
  sodium_bin2base64(at, encoded, value.data(), value.size(), sodium_base64_VARIANT_ORIGINAL);
  size_ += encoded - 1;
  put("\"");
  return *this;
}
JsonWriter& JsonWriter::bytes(std::string_view name, const SecretBytes& value) {
  return bytes(name, value.expose(SecretAccess{}));
}

JsonWriter& JsonWriter::object(std::string_view name, JsonWriter&& value) {
  begin(name);
  put(as_text(value.buffer_.expose(SecretAccess{}).first(value.size_)));
  put("}");
  value.buffer_.wipe();
  value.size_ = 0;
  return *this;
}

SecretBytes JsonWriter::finish() && {
  put("}\n");
  SecretBytes out = SecretBytes::zeroed(size_);
  std::ranges::copy(buffer_.expose(SecretAccess{}).first(size_),
                    out.expose_mutable(SecretAccess{}).begin());
  buffer_.wipe();
  size_ = 0;
  return out;
}

}  // namespace concordat::base

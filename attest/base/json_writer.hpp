// One JSON object, put together in guarded memory.
#pragma once

#include <cstdint>
#include <string_view>

#include "attest/base/secret.hpp"

namespace concordat::base {

class JsonWriter {
 public:
  JsonWriter();

  // Names are the caller's own words: plain ASCII without quotes.
  JsonWriter& text(std::string_view name, std::string_view value);
  JsonWriter& text(std::string_view name, const SecretBytes& value);
  JsonWriter& number(std::string_view name, std::uint64_t value);
  JsonWriter& flag(std::string_view name, bool value);
  // Base64, RFC 4648 section 4.
  JsonWriter& bytes(std::string_view name, BytesView value);
  JsonWriter& bytes(std::string_view name, const SecretBytes& value);

  JsonWriter& object(std::string_view name, JsonWriter&& value);

  // The whole object with a line end; the writer is spent.
  [[nodiscard]] SecretBytes finish() &&;

 private:
  void begin(std::string_view name);
  void put(std::string_view text);
  void put_quoted(std::string_view text);
  [[nodiscard]] std::uint8_t* reserve(std::size_t size);

  SecretBytes buffer_;
  std::size_t size_ = 0;
};

}  // namespace concordat::base

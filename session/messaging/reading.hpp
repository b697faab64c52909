// Items of messages, read strictly.
#pragma once

#include <limits>

#include "attest/base/cbor_fixed.hpp"
#include "session/messaging/limits.hpp"
#include "session/messaging/statements.hpp"

namespace concordat::session::messaging {

// A round or a party, each from 1.
[[nodiscard]] inline base::Result<std::uint32_t> read_index(base::cbor::Reader& reader) {
  CONCORDAT_TRY(const std::uint64_t value, reader.read_uint());
  if (value == 0 || value > std::numeric_limits<std::uint32_t>::max()) {
    return base::Error(base::cbor::Errc::malformed, "an index is from 1 to 2^32-1");
  }
  return static_cast<std::uint32_t>(value);
}

[[nodiscard]] inline base::Result<base::Bytes> read_content(base::cbor::Reader& reader) {
  return read_bytes(reader, kMaxContent);
}

}  // namespace concordat::session::messaging

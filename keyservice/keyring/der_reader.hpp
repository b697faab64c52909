// A cursor over DER (X.690) that the caller keeps: nothing is copied, so that a private key stays
// in the guarded memory that it came in. OpenSSL reads the heads.
#pragma once

#include <optional>

#include "attest/base/bytes.hpp"

namespace concordat::keyservice {

// An identifier octet: class, form and number below 31.
struct DerTag {
  std::uint8_t octet = 0;
  friend bool operator==(DerTag, DerTag) = default;
};
inline constexpr DerTag kDerInteger{0x02};
inline constexpr DerTag kDerBitString{0x03};
inline constexpr DerTag kDerOctetString{0x04};
inline constexpr DerTag kDerObjectIdentifier{0x06};
inline constexpr DerTag kDerSequence{0x30};

class DerReader {
 public:
  explicit DerReader(base::BytesView input) noexcept : rest_(input) {}

  // The content of the next element, which must have this tag and a definite, shortest length.
  // nullopt otherwise; the reader then stays where it is.
  [[nodiscard]] std::optional<base::BytesView> read(DerTag tag);
  [[nodiscard]] bool is_at(DerTag tag) const noexcept {
    return !rest_.empty() && rest_.front() == tag.octet;
  }
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

 private:
  base::BytesView rest_;
};

}  // namespace concordat::keyservice

#include "deploy/token/public_point.hpp"

#include "deploy/token/errc.hpp"

namespace concordat::token {

base::Result<policy::SignerKey> read_public_point(base::BytesView value) {
  constexpr std::size_t kBare = policy::SignerKey::kSize;
  constexpr std::uint8_t kOctetString = 0x04;  // X.690
  const bool wrapped = value.size() == kBare + 2 && value[0] == kOctetString && value[1] == kBare;
  if (value.size() != kBare && !wrapped) {
    return base::Error(TokenErrc::no_public_key, "a point of " + std::to_string(value.size()) +
                                                     " bytes is no Ed25519 public key");
  }
  return policy::SignerKey::from(value.last(kBare));
}

}  // namespace concordat::token

#include "keyservice/keyring/key_types.hpp"

namespace concordat::keyservice {

std::string_view to_string(KeyType type) noexcept {
  switch (type) {
    case KeyType::derived:
      return "derived";
    case KeyType::ed25519:
      return "ed25519";
    case KeyType::p256:
      return "p256";
    case KeyType::p384:
      return "p384";
    case KeyType::x25519:
      return "x25519";
    case KeyType::aes256:
      return "aes256";
    case KeyType::hmac:
      return "hmac";
  }
  return "unknown";
}

std::string described(const KeyInUse& key) {
  return std::string(key.name) + " version " + std::to_string(key.version) + " (" +
         std::string(to_string(key.type)) + ")";
}

}  // namespace concordat::keyservice

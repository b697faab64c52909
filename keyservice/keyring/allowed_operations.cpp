#include "keyservice/keyring/allowed_operations.hpp"

#include "keyservice/keyring/key_errc.hpp"

namespace concordat::keyservice {
namespace {

using policy::Operation;

constexpr unsigned bit(Operation operation) noexcept {
  return 1U << static_cast<unsigned>(operation);
}

template <class... Operations>
constexpr unsigned set(Operations... operations) noexcept {
  return (bit(operations) | ...);
}

constexpr unsigned kEvery = set(Operation::get, Operation::random);
constexpr unsigned kSigning =
    kEvery | set(Operation::sign, Operation::verify, Operation::public_key);
constexpr unsigned kSealing = set(Operation::encrypt, Operation::decrypt, Operation::wrap,
                                  Operation::unwrap, Operation::derive);

constexpr unsigned allowed(KeyType type) noexcept {
  switch (type) {
    case KeyType::derived:
      return kSigning | kSealing | set(Operation::mac);
    case KeyType::ed25519:
    case KeyType::p256:
    case KeyType::p384:
      return kSigning;
    case KeyType::x25519:
      return kEvery | set(Operation::derive, Operation::public_key);
    case KeyType::aes256:
      return kEvery | kSealing;
    case KeyType::hmac:
      return kEvery | set(Operation::mac, Operation::verify, Operation::derive);
  }
  return 0;
}

}  // namespace

bool is_allowed(KeyType type, Operation operation) noexcept {
  return (allowed(type) & bit(operation)) != 0;
}

base::Status check_allowed(const KeyInUse& key, Operation operation) {
  if (is_allowed(key.type, operation)) return {};
  return base::Error(KeyErrc::operation_not_of_key,
                     described(key) + ": " + std::string(policy::to_string(operation)));
}

}  // namespace concordat::keyservice

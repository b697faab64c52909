// Keys as a keyring would hand them to an operation, and a source of "randomness" that counts.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "attest/base/random.hpp"
#include "attest/base/secret_access.hpp"
#include "keyservice/keyring/key_errc.hpp"
#include "keyservice/keyring/key_material.hpp"

namespace concordat::keyservice {

inline base::SecretBytes secret(base::BytesView bytes) {
  base::Bytes copy = base::to_bytes(bytes);
  return base::SecretBytes::take(copy);
}
inline base::SecretBytes secret_hex(std::string_view hex) {
  return secret(base::from_hex(hex).value());
}
inline std::string hex(const base::SecretBytes& bytes) {
  return base::to_hex(bytes.expose(base::SecretAccess{}));
}
inline std::string hex(base::BytesView bytes) {
  return base::to_hex(bytes);
}

inline const Root& test_root() {
  static const Root root = Root::create(1, secret(base::Bytes(kRootSize, 7))).value();
  return root;
}

// Owns what a KeyInUse points to.
class TestKey {
 public:
  TestKey(KeyType type, base::SecretBytes material, std::string name = "payments/tokens",
          std::uint32_t version = 1)
      : type_(type), material_(std::move(material)), name_(std::move(name)), version_(version) {}
  explicit TestKey(KeyType type, std::string name = "payments/tokens", std::uint32_t version = 1)
      : TestKey(type, fresh(type), std::move(name), version) {}

  [[nodiscard]] KeyInUse in_use() const {
    KeyInUse out;
    out.name = name_;
    out.type = type_;
    out.version = version_;
    out.material = type_ == KeyType::derived ? nullptr : &material_;
    out.root = type_ == KeyType::derived ? &test_root() : nullptr;
    out.exportable = exportable;
    return out;
  }

  bool exportable = true;

 private:
  static base::SecretBytes fresh(KeyType type) {
    base::SystemRandom random;
    return type == KeyType::derived ? base::SecretBytes() : generate(type, random).value();
  }

  KeyType type_;
  base::SecretBytes material_;
  std::string name_;
  std::uint32_t version_;
};

class CountingRandom final : public base::RandomSource {
 public:
  void fill(std::span<std::uint8_t> out) override {
    for (auto& byte : out)
      byte = next_++;
  }

 private:
  std::uint8_t next_ = 1;
};

// The stable name of what went wrong, or "" for success.
template <class T>
std::string refusal(const base::Result<T>& result) {
  return result ? std::string() : std::string(result.error().name());
}

}  // namespace concordat::keyservice

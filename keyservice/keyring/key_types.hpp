// What a key of the keyring is, as plain data. The numbers are written to sealed records and to
// envelopes (keyservice/KEYRING.md): they are never given another meaning.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attest/base/clock.hpp"
#include "attest/base/secret.hpp"

namespace concordat::keyservice {

class Root;

// A derived key has no bytes of its own: each use of it has its own key from root, name and version
// (root.hpp). All others have material, made at random by the custodian or imported.
enum class KeyType : std::uint8_t {
  derived = 1,
  ed25519,  // 32-byte seed (RFC 8032)
  p256,     // 32-byte scalar, big-endian; ECDSA with SHA-256
  p384,     // 48-byte scalar, big-endian; ECDSA with SHA-384
  x25519,   // 32-byte scalar (RFC 7748)
  aes256,   // 32 bytes; AES-256-GCM
  hmac,     // 32 to 64 bytes; HMAC-SHA-256
};

inline constexpr KeyType kKeyTypes[] = {KeyType::derived, KeyType::ed25519, KeyType::p256,
                                        KeyType::p384,    KeyType::x25519,  KeyType::aes256,
                                        KeyType::hmac};
[[nodiscard]] std::string_view to_string(KeyType type) noexcept;

enum class KeyOrigin : std::uint8_t { derived = 1, generated, imported };

// Destroyed is for good: the material is gone, the version's number stays taken.
enum class VersionState : std::uint8_t { enabled = 1, disabled, destroyed };

struct KeyVersion {
  std::uint32_t version = 0;  // from 1
  VersionState state = VersionState::enabled;
  KeyOrigin origin = KeyOrigin::derived;
  base::UnixMillis created;           // by the custodian's trusted clock
  std::uint32_t root_generation = 0;  // from which a derived version comes
  base::SecretBytes material;         // empty for derived and destroyed ones
};

struct Key {
  std::string name;  // policy/key_pattern.hpp
  KeyType type = KeyType::derived;
  // Whether `get` may ever give the material out; decided when the key is made, never afterwards.
  bool exportable = false;
  std::uint32_t minimum_version = 1;  // older ones are not even read with
  std::vector<KeyVersion> versions;   // ascending and gapless; the last one is used for making
};

// One version of one key, as an operation takes it. Lives no longer than what it points to.
struct KeyInUse {
  std::string_view name;
  KeyType type = KeyType::derived;
  std::uint32_t version = 0;
  const base::SecretBytes* material = nullptr;  // null for derived keys
  const Root* root = nullptr;                   // of the version's generation; null for others
  bool exportable = false;                      // of the key
};

// "payments/card-tokens version 3 (aes256)", for errors.
[[nodiscard]] std::string described(const KeyInUse& key);

}  // namespace concordat::keyservice

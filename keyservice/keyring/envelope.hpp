// What the keyring makes, as bytes: a signature, ciphertext, wrapped key or mac with the name and
// version of the key that made it (KEYRING.md has the format byte for byte). An Envelope that was
// decoded is well formed and otherwise untrusted: the operations judge it.
#pragma once

#include <optional>

#include "attest/base/bytes.hpp"
#include "keyservice/keyring/key_types.hpp"
#include "keyservice/keyring/operation_limits.hpp"

namespace concordat::keyservice {

inline constexpr std::uint64_t kEnvelopeFormat = 1;

// The numbers are in the bytes.
enum class EnvelopeKind : std::uint8_t { signature = 1, ciphertext, wrapped_key, mac };
[[nodiscard]] std::string_view to_string(EnvelopeKind kind) noexcept;

enum class Algorithm : std::uint8_t {
  ed25519 = 1,        // RFC 8032
  ecdsa_p256_sha256,  // DER
  ecdsa_p384_sha384,
  hkdf_sha384_aes256_gcm,  // a key of its own for each message (sealing.hpp)
  hmac_sha256,
};
[[nodiscard]] std::string_view to_string(Algorithm algorithm) noexcept;

using Salt = base::FixedBytes<struct SaltTag, kSaltSize>;

// Which key of a keyring was wrapped.
struct WrappedKey {
  KeyType type = KeyType::aes256;
  std::string name;
  std::uint32_t version = 0;
  bool exportable = false;

  friend bool operator==(const WrappedKey&, const WrappedKey&) = default;
};

struct Envelope {
  EnvelopeKind kind = EnvelopeKind::signature;
  Algorithm algorithm = Algorithm::ed25519;
  std::string key_name;
  std::uint32_t key_version = 0;
  std::optional<WrappedKey> wrapped;  // of a wrapped key; nullopt: bytes of the caller's
  Salt salt;                          // of ciphertexts and wrapped keys
  base::Bytes body;                   // signature, sealed bytes with their tag, or mac

  friend bool operator==(const Envelope&, const Envelope&) = default;
};

[[nodiscard]] base::Bytes encode(const Envelope& envelope);
// All before the body: what a ciphertext's key and tag are bound to.
[[nodiscard]] base::Bytes encode_header(const Envelope& envelope);

// envelope_malformed with the reason, or other_envelope_format. Whatever decodes is the one
// encoding of what it says.
[[nodiscard]] base::Result<Envelope> decode_envelope(base::BytesView encoded);

// That this key is said to have made it, by this algorithm: other_kind, other_key, other_version or
// other_algorithm, in this order.
[[nodiscard]] base::Status check_maker(const Envelope& envelope, EnvelopeKind kind,
                                       Algorithm algorithm, const KeyInUse& key);

}  // namespace concordat::keyservice

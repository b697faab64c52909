// Every number of the keyring's operations and envelopes, each with its reason (KEYRING.md).
#pragma once

#include <cstddef>

#include "keyservice/limits.hpp"

namespace concordat::keyservice {

// Like a message to sign: request and answer travel in one record (64 KiB) each. Larger things are
// encrypted by their owner under a data key.
inline constexpr std::size_t kMaxPlaintext = kMaxSignMessage;
// Says where a ciphertext belongs: names, numbers and digests.
inline constexpr std::size_t kMaxAssociatedData = 4 * 1024;
// A private key of another kind in its file: RSA of 8192 bits has 4.7 KiB.
inline constexpr std::size_t kMaxWrappedBytes = 8 * 1024;

// OpenSSL 3.0's HKDF takes 2 KiB of info; with its fields a context of this size stays below.
inline constexpr std::size_t kMaxContext = 1024;
// HKDF with SHA-384 gives 12,240 bytes at most; keys are far shorter.
inline constexpr std::size_t kMaxDerivedSize = 1024;
inline constexpr std::size_t kMaxRandomSize = 4 * 1024;

// 2^32 messages under one key share a salt with a probability below 2^-192.
inline constexpr std::size_t kSaltSize = 32;
inline constexpr std::size_t kMessageKeySize = 32;  // AES-256
inline constexpr std::size_t kMacSize = 32;         // HMAC-SHA-256, not shortened
// DER of two integers of 48 bytes, each with a sign byte.
inline constexpr std::size_t kMaxSignature = 104;

// Everything of an envelope before its last item, and that item's head.
inline constexpr std::size_t kMaxEnvelopeHeader = 512;
inline constexpr std::size_t kMaxEnvelope = kMaxEnvelopeHeader + kMaxPlaintext + 16;

inline constexpr std::size_t kMinHmacKey = 32;  // as long as the tag (RFC 2104 section 3)
inline constexpr std::size_t kMaxHmacKey = 64;  // the block: a longer key would be hashed first
// A P-384 key with both copies of its public key has 300 bytes; attributes are passed over.
inline constexpr std::size_t kMaxPkcs8 = 2 * 1024;

}  // namespace concordat::keyservice

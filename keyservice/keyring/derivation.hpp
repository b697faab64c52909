// Bytes from a key, from a key and somebody's public key, and from nothing:
//
//   derive   prk = HKDF-Extract("concordat/derive/1", key)
//            out = HKDF-Expand(prk, CBOR ["concordat/derive/1", name, version, size, context],
//            size)
//   agree    prk = HKDF-Extract("concordat/agree/1", X25519(key, peer))
//            out = HKDF-Expand(prk, CBOR ["concordat/agree/1", lesser, greater, size, context],
//            size)
//
// HKDF with SHA-384. lesser, greater: the two public keys as byte strings, in the order of their
// bytes, so that both sides compute the same. The size is bound: no output is a part of another.
#pragma once

#include "attest/base/random.hpp"
#include "keyservice/keyring/key_types.hpp"
#include "keyservice/keyring/operation_limits.hpp"

namespace concordat::keyservice {

using PeerPublicKey = base::FixedBytes<struct PeerPublicKeyTag, 32>;  // X25519 (RFC 7748)

// aes256, hmac and derived keys. `context`: at most kMaxContext bytes; `size`: 1 to
// kMaxDerivedSize.
[[nodiscard]] base::Result<base::SecretBytes> derive(const KeyInUse& key, base::BytesView context,
                                                     std::size_t size);
// x25519 keys. bad_peer_key when the two agree on zero.
[[nodiscard]] base::Result<base::SecretBytes> agree(const KeyInUse& key, const PeerPublicKey& peer,
                                                    base::BytesView context, std::size_t size);

// 1 to kMaxRandomSize bytes.
[[nodiscard]] base::Result<base::SecretBytes> random_bytes(base::RandomSource& random,
                                                           std::size_t size);

}  // namespace concordat::keyservice

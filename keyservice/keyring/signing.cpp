#include "keyservice/keyring/signing.hpp"

#include <sodium.h>

#include "attest/base/hash.hpp"
#include "attest/base/secret_access.hpp"
#include "attest/base/stack_wipe.hpp"
#include "keyservice/keyring/allowed_operations.hpp"
#include "keyservice/keyring/key_errc.hpp"
#include "keyservice/keyring/key_material.hpp"
#include "keyservice/keyring/nist_curve.hpp"
#include "keyservice/keyring/public_key.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using base::Status;
using policy::Operation;

// `type`: one that signs.
Algorithm signature_algorithm(KeyType type) noexcept {
  if (type == KeyType::p256) return Algorithm::ecdsa_p256_sha256;
  if (type == KeyType::p384) return Algorithm::ecdsa_p384_sha384;
  return Algorithm::ed25519;
}

bool is_edwards(KeyType type) noexcept {
  return signature_algorithm(type) == Algorithm::ed25519;
}

SecretBytes expanded(const SecretBytes& seed) {
  const base::StackWipe wipe;
  SecretBytes out = SecretBytes::zeroed(crypto_sign_SECRETKEYBYTES);
  Bytes ignored(crypto_sign_PUBLICKEYBYTES);
  crypto_sign_seed_keypair(ignored.data(), out.expose_mutable(SecretAccess{}).data(),
                           seed.expose(SecretAccess{}).data());
  return out;
}

Bytes sign_ed25519(const SecretBytes& expanded_key, BytesView message) {
  const base::StackWipe wipe;
  Bytes out(crypto_sign_BYTES);
  crypto_sign_detached(out.data(), nullptr, message.data(), message.size(),
                       expanded_key.expose(SecretAccess{}).data());
  return out;
}

Status check_message(BytesView message) {
  if (message.size() <= kMaxSignMessage) return {};
  return Error(KeyErrc::input_too_large, "a message of " + std::to_string(message.size()) +
                                             " bytes; at most " + std::to_string(kMaxSignMessage));
}

Status verify_signature(const KeyInUse& key, const Envelope& envelope, BytesView message) {
  CONCORDAT_CHECK(
      check_maker(envelope, EnvelopeKind::signature, signature_algorithm(key.type), key));
  CONCORDAT_TRY(const SecretBytes secret, bytes_for(key, KeyUse::ed25519_seed));
  const KeyType type = is_edwards(key.type) ? KeyType::ed25519 : key.type;
  CONCORDAT_TRY(const PublicKey public_half, public_key_of(type, secret));
  if (type != KeyType::ed25519) {
    return verify_ecdsa(nist_curve(type), public_half.raw, message, envelope.body);
  }
  if (crypto_sign_verify_detached(envelope.body.data(), message.data(), message.size(),
                                  public_half.raw.data()) != 0) {
    return Error(KeyErrc::authentication_failed, "signature");
  }
  return {};
}

Status verify_mac(const KeyInUse& key, const Envelope& envelope, BytesView message) {
  CONCORDAT_CHECK(check_maker(envelope, EnvelopeKind::mac, Algorithm::hmac_sha256, key));
  CONCORDAT_TRY(const SecretBytes secret, bytes_for(key, KeyUse::mac));
  const SecretBytes wanted = base::hmac_sha256(secret, message);
  if (!base::equal_constant_time(wanted.expose(SecretAccess{}), envelope.body)) {
    return Error(KeyErrc::authentication_failed, "mac");
  }
  return {};
}

}  // namespace

Result<Signer> Signer::create(const KeyInUse& key) {
  CONCORDAT_CHECK(check_allowed(key, Operation::sign));
  CONCORDAT_TRY(SecretBytes secret, bytes_for(key, KeyUse::ed25519_seed));
  Signer out;
  out.name_ = key.name;
  out.type_ = key.type;
  out.version_ = key.version;
  out.secret_ = is_edwards(key.type) ? expanded(secret) : std::move(secret);
  return out;
}

Result<Envelope> Signer::sign(BytesView message) const {
  CONCORDAT_CHECK(check_message(message));
  Envelope out;
  out.kind = EnvelopeKind::signature;
  out.algorithm = signature_algorithm(type_);
  out.key_name = name_;
  out.key_version = version_;
  if (is_edwards(type_)) {
    out.body = sign_ed25519(secret_, message);
  } else {
    CONCORDAT_TRY(out.body, sign_ecdsa(nist_curve(type_), secret_, message));
  }
  return out;
}

Result<Envelope> sign(const KeyInUse& key, BytesView message) {
  CONCORDAT_TRY(const Signer signer, Signer::create(key));
  return signer.sign(message);
}

Result<Envelope> mac(const KeyInUse& key, BytesView message) {
  CONCORDAT_CHECK(check_allowed(key, Operation::mac));
  CONCORDAT_CHECK(check_message(message));
  CONCORDAT_TRY(const SecretBytes secret, bytes_for(key, KeyUse::mac));
  Envelope out;
  out.kind = EnvelopeKind::mac;
  out.algorithm = Algorithm::hmac_sha256;
  out.key_name = key.name;
  out.key_version = key.version;
  out.body = base::to_bytes(base::hmac_sha256(secret, message).expose(SecretAccess{}));
  return out;
}

Status verify(const KeyInUse& key, const Envelope& envelope, BytesView message) {
  CONCORDAT_CHECK(check_allowed(key, Operation::verify));
  CONCORDAT_CHECK(check_message(message));
  const bool has_both = key.type == KeyType::derived;
  const bool wants_mac =
      has_both ? envelope.kind == EnvelopeKind::mac : is_allowed(key.type, Operation::mac);
  return wants_mac ? verify_mac(key, envelope, message) : verify_signature(key, envelope, message);
}

}  // namespace concordat::keyservice

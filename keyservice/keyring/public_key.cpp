#include "keyservice/keyring/public_key.hpp"

#include <openssl/pem.h>
#include <sodium.h>

#include <new>

#include "attest/base/secret_access.hpp"
#include "attest/base/stack_wipe.hpp"
#include "keyservice/keyring/allowed_operations.hpp"
#include "keyservice/keyring/key_errc.hpp"
#include "keyservice/keyring/key_material.hpp"
#include "keyservice/keyring/nist_curve.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;

// SEQUENCE { SEQUENCE { algorithm, curve } BIT STRING }, up to the key's own bytes.
std::string_view der_prefix(KeyType type) noexcept {
  switch (type) {
    case KeyType::p256:
      return "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    case KeyType::p384:
      return "3076301006072a8648ce3d020106052b81040022036200";
    case KeyType::ed25519:
      return "302a300506032b6570032100";
    case KeyType::x25519:
      return "302a300506032b656e032100";
    case KeyType::derived:
    case KeyType::aes256:
    case KeyType::hmac:
      break;
  }
  return "";
}

Bytes ed25519_public(const SecretBytes& seed) {
  const base::StackWipe wipe;
  Bytes out(crypto_sign_PUBLICKEYBYTES);
  SecretBytes secret_key = SecretBytes::zeroed(crypto_sign_SECRETKEYBYTES);
  crypto_sign_seed_keypair(out.data(), secret_key.expose_mutable(SecretAccess{}).data(),
                           seed.expose(SecretAccess{}).data());
  return out;
}

Bytes x25519_public(const SecretBytes& scalar) {
  const base::StackWipe wipe;
  Bytes out(crypto_scalarmult_BYTES);
  crypto_scalarmult_base(out.data(), scalar.expose(SecretAccess{}).data());
  return out;
}

}  // namespace

Bytes PublicKey::der() const {
  Bytes out = *base::from_hex(der_prefix(type));
  base::append(out, raw);
  return out;
}

std::string PublicKey::pem() const {
  const Bytes bytes = der();
  const base::BioPtr out(BIO_new(BIO_s_mem()));
  if (!out || PEM_write_bio(out.get(), PEM_STRING_PUBLIC, "", bytes.data(),
                            static_cast<long>(bytes.size())) <= 0) {
    throw std::bad_alloc();
  }
  const char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

Result<PublicKey> public_key(const KeyInUse& key) {
  CONCORDAT_CHECK(check_allowed(key, policy::Operation::public_key));
  CONCORDAT_TRY(const SecretBytes bytes, bytes_for(key, KeyUse::ed25519_seed));
  return public_key_of(key.type == KeyType::derived ? KeyType::ed25519 : key.type, bytes);
}

Result<PublicKey> public_key_of(KeyType type, const SecretBytes& material) {
  switch (type) {
    case KeyType::ed25519:
      return PublicKey{type, ed25519_public(material)};
    case KeyType::x25519:
      return PublicKey{type, x25519_public(material)};
    case KeyType::p256:
    case KeyType::p384: {
      CONCORDAT_TRY(Bytes point, public_point(nist_curve(type), material));
      return PublicKey{type, std::move(point)};
    }
    case KeyType::derived:
    case KeyType::aes256:
    case KeyType::hmac:
      break;
  }
  return base::Error(KeyErrc::operation_not_of_key, std::string(to_string(type)) + ": public");
}

}  // namespace concordat::keyservice

#include "keyservice/recipient_key.hpp"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "attest/base/hash.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;

constexpr int kBits = 2048;

}  // namespace

Result<RecipientKey> RecipientKey::from(base::PkeyPtr key) {
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA ||
      EVP_PKEY_get_bits(key.get()) != kBits) {
    return Error(base::CryptoErrc::bad_key, "want an RSA-2048 private key");
  }
  const int size = i2d_PUBKEY(key.get(), nullptr);
  if (size < 0) return base::openssl_error("encoding the recipient's public key");
  Bytes public_key(static_cast<std::size_t>(size));
  unsigned char* at = public_key.data();
  if (i2d_PUBKEY(key.get(), &at) != size) {
    return base::openssl_error("encoding the recipient's public key");
  }
  return RecipientKey(std::move(key), std::move(public_key));
}

Result<RecipientKey> RecipientKey::generate() {
  base::ensure_secure_heap();
  base::PkeyPtr key(EVP_RSA_gen(kBits));  // e = 65537 is its default
  if (!key) return base::openssl_error("generating the recipient's key");
  return from(std::move(key));
}

Result<RecipientKey> RecipientKey::from_private_der(BytesView der) {
  base::ensure_secure_heap();
  const unsigned char* at = der.data();
  base::PkeyPtr key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();  // the automatic detection leaves those of the forms it tried
  return from(std::move(key));
}

base::Sha256Digest RecipientKey::key_identifier() const {
  return base::sha256({public_key_});
}

}  // namespace concordat::keyservice

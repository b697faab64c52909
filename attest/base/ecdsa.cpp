#include "attest/base/ecdsa.hpp"

#include <openssl/ec.h>
#include <openssl/err.h>

namespace concordat::base {
namespace {

using SignaturePtr = std::unique_ptr<ECDSA_SIG, OpensslDeleter<ECDSA_SIG_free>>;

Result<Bytes> to_der(BytesView raw) {
  const int half = static_cast<int>(raw.size() / 2);
  BIGNUM* r = BN_bin2bn(raw.data(), half, nullptr);
  BIGNUM* s = BN_bin2bn(raw.data() + half, half, nullptr);
  const SignaturePtr signature(ECDSA_SIG_new());
  if (!signature || ECDSA_SIG_set0(signature.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return openssl_error("encoding a signature");
  }
  const int size = i2d_ECDSA_SIG(signature.get(), nullptr);
  if (size <= 0) return openssl_error("encoding a signature");
  Bytes der(static_cast<std::size_t>(size));
  unsigned char* at = der.data();
  if (i2d_ECDSA_SIG(signature.get(), &at) != size) return openssl_error("encoding a signature");
  return der;
}

}  // namespace

Status verify_ecdsa_raw(EVP_PKEY* key, BytesView digest, BytesView raw, OSSL_LIB_CTX* library) {
  if (raw.empty() || raw.size() % 2 != 0) return Error(CryptoErrc::authentication_failed);
  CONCORDAT_TRY(const Bytes der, to_der(raw));
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(library, key, nullptr));
  if (!context || EVP_PKEY_verify_init(context.get()) != 1) {
    return openssl_error("preparing to verify a signature");
  }
  if (EVP_PKEY_verify(context.get(), der.data(), der.size(), digest.data(), digest.size()) != 1) {
    (void)take_openssl_errors();
    return Error(CryptoErrc::authentication_failed);
  }
  return {};
}

Result<Bytes> sign_ecdsa_der(EVP_PKEY* key, const EVP_MD* hash, BytesView message) {
  ERR_clear_error();
  const DigestContextPtr context(EVP_MD_CTX_new());
  std::size_t size = 0;
  if (!context || EVP_DigestSignInit(context.get(), nullptr, hash, nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) != 1) {
    return openssl_error("signing");
  }
  Bytes der(size);
  if (EVP_DigestSign(context.get(), der.data(), &size, message.data(), message.size()) != 1) {
    return openssl_error("signing");
  }
  // OpenSSL 3.0 says yes to a signature that it had no memory to write, and leaves the reason.
  if (ERR_peek_error() != 0) return openssl_error("signing");
  der.resize(size);
  return der;
}

Result<Bytes> sign_ecdsa_raw(EVP_PKEY* key, const EVP_MD* hash, BytesView message) {
  CONCORDAT_TRY(const Bytes der, sign_ecdsa_der(key, hash, message));
  const unsigned char* at = der.data();
  const SignaturePtr signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  const int half = (EVP_PKEY_get_bits(key) + 7) / 8;
  Bytes raw(2 * static_cast<std::size_t>(half));
  if (!signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw.data(), half) < 0 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw.data() + half, half) < 0) {
    return openssl_error("writing a signature");
  }
  return raw;
}

}  // namespace concordat::base

#include "attest/base/hash.hpp"

#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>

#include <new>

#include "attest/base/secret_access.hpp"

namespace concordat::base {
namespace {

using KdfPtr = std::unique_ptr<EVP_KDF, OpensslDeleter<EVP_KDF_free>>;
using KdfContextPtr = std::unique_ptr<EVP_KDF_CTX, OpensslDeleter<EVP_KDF_CTX_free>>;

// Fetched once: EVP_sha384() is looked up anew in OpenSSL 3 at each use.
template <class Digest>
const EVP_MD* digest_of();
template <>
const EVP_MD* digest_of<Sha256Digest>() {
  static const EVP_MD* md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return md;
}
template <>
const EVP_MD* digest_of<Sha384Digest>() {
  static const EVP_MD* md = EVP_MD_fetch(nullptr, "SHA384", nullptr);
  return md;
}

// Hashing fails only when OpenSSL has no memory or no provider: nothing a caller could handle.
void require(int ok) {
  if (ok != 1) throw std::bad_alloc();
}

template <class Digest>
Digest hash(std::initializer_list<BytesView> parts) {
  Hasher<Digest> hasher;
  for (const BytesView part : parts)
    hasher.update(part);
  return hasher.finish();
}

SecretBytes hkdf(int mode, BytesView key, BytesView salt, BytesView info, std::size_t size) {
  static EVP_KDF* kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  KdfContextPtr context(EVP_KDF_CTX_new(kdf));
  if (!context) throw std::bad_alloc();
  char digest[] = "SHA384";
  // OSSL_PARAM takes non-const pointers and does not write through them for inputs.
  const auto octets = [](const char* name, BytesView bytes) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(bytes.data()),
                                             bytes.size());
  };
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      octets(OSSL_KDF_PARAM_KEY, key),
      mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY ? octets(OSSL_KDF_PARAM_SALT, salt)
                                             : octets(OSSL_KDF_PARAM_INFO, info),
      OSSL_PARAM_construct_end()};
  SecretBytes out = SecretBytes::zeroed(size);
  const auto bytes = out.expose_mutable(SecretAccess{});
  require(EVP_KDF_derive(context.get(), bytes.data(), bytes.size(), parameters));
  return out;
}

}  // namespace

template <class Digest>
Hasher<Digest>::Hasher() : context_(EVP_MD_CTX_new()) {
  require(context_ && EVP_DigestInit_ex2(context_.get(), digest_of<Digest>(), nullptr));
}
template <class Digest>
Hasher<Digest>::Hasher(const Hasher& other) : context_(EVP_MD_CTX_new()) {
  require(context_ && EVP_MD_CTX_copy_ex(context_.get(), other.context_.get()));
}
template <class Digest>
Hasher<Digest>& Hasher<Digest>::operator=(const Hasher& other) {
  require(EVP_MD_CTX_copy_ex(context_.get(), other.context_.get()));
  return *this;
}
template <class Digest>
Hasher<Digest>& Hasher<Digest>::update(BytesView bytes) {
  require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
  return *this;
}
template <class Digest>
Digest Hasher<Digest>::finish() {
  Digest out;
  require(EVP_DigestFinal_ex(context_.get(), out.mutable_view().data(), nullptr));
  return out;
}

template <class Digest>
Hasher<Digest>& Hasher<Digest>::restart() {
  require(EVP_DigestInit_ex2(context_.get(), nullptr, nullptr));
  return *this;
}

template class Hasher<Sha256Digest>;
template class Hasher<Sha384Digest>;

Sha256Digest sha256(std::initializer_list<BytesView> parts) {
  return hash<Sha256Digest>(parts);
}
Sha384Digest sha384(std::initializer_list<BytesView> parts) {
  return hash<Sha384Digest>(parts);
}

SecretBytes hkdf_extract(BytesView salt, const SecretBytes& input_key) {
  return hkdf(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, input_key.expose(SecretAccess{}), salt, {},
              Sha384Digest::kSize);
}

SecretBytes hkdf_expand(const SecretBytes& pseudorandom_key, BytesView info, std::size_t size) {
  return hkdf(EVP_KDF_HKDF_MODE_EXPAND_ONLY, pseudorandom_key.expose(SecretAccess{}), {}, info,
              size);
}

SecretBytes hmac_sha256(const SecretBytes& key, BytesView message) {
  const BytesView key_bytes = key.expose(SecretAccess{});
  SecretBytes out = SecretBytes::zeroed(Sha256Digest::kSize);
  // HMAC() refuses a null key even when its length is zero.
  static constexpr std::uint8_t kEmpty = 0;
  const void* key_data = key_bytes.empty() ? &kEmpty : key_bytes.data();
  const auto* done =
      HMAC(digest_of<Sha256Digest>(), key_data, static_cast<int>(key_bytes.size()), message.data(),
           message.size(), out.expose_mutable(SecretAccess{}).data(), nullptr);
  require(done != nullptr);
  return out;
}

}  // namespace concordat::base

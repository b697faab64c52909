// Owning handles for OpenSSL objects, and its error queue as text.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <memory>
#include <string>

#include "attest/base/bytes.hpp"

namespace concordat::base {

template <auto Free>
struct OpensslDeleter {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};

using BioPtr = std::unique_ptr<BIO, OpensslDeleter<BIO_free_all>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, OpensslDeleter<EVP_PKEY_free>>;
using PkeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, OpensslDeleter<EVP_PKEY_CTX_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, OpensslDeleter<EVP_MD_CTX_free>>;
using CipherContextPtr = std::unique_ptr<EVP_CIPHER_CTX, OpensslDeleter<EVP_CIPHER_CTX_free>>;
using X509Ptr = std::unique_ptr<X509, OpensslDeleter<X509_free>>;
using X509StorePtr = std::unique_ptr<X509_STORE, OpensslDeleter<X509_STORE_free>>;
using X509StoreContextPtr = std::unique_ptr<X509_STORE_CTX, OpensslDeleter<X509_STORE_CTX_free>>;

inline void free_x509_stack(STACK_OF(X509) * stack) noexcept {
  sk_X509_pop_free(stack, X509_free);
}
using X509StackPtr = std::unique_ptr<STACK_OF(X509), OpensslDeleter<free_x509_stack>>;

enum class CryptoErrc { openssl_failed = 1, bad_key, bad_certificate, authentication_failed };
[[nodiscard]] CodeInfo describe(CryptoErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(CryptoErrc) {
  return "crypto";
}
[[nodiscard]] inline boost::system::error_code make_error_code(CryptoErrc e) {
  return enum_code(e);
}

// Empties OpenSSL's error queue of this thread into one line. Never holds key bytes. Throws
// std::bad_alloc where OpenSSL failed for want of memory.
[[nodiscard]] std::string take_openssl_errors();
[[nodiscard]] Error openssl_error(std::string_view while_doing);

// OpenSSL keeps the numbers of private keys on its secure heap (locked, not dumped, wiped) where
// there is one, and on the ordinary heap (wiped) where not: call this before it holds any. Where
// the kernel refuses the lock the heap is there all the same.
void ensure_secure_heap();

// DER only, no bytes after it. `library`: where its key's algorithms come from; null: OpenSSL's
// own.
[[nodiscard]] Result<X509Ptr> parse_certificate_der(BytesView der, OSSL_LIB_CTX* library = nullptr);
// PEM (first certificate) or DER.
[[nodiscard]] Result<X509Ptr> parse_certificate(BytesView pem_or_der);
[[nodiscard]] Result<Bytes> certificate_der(const X509* certificate);

}  // namespace concordat::base

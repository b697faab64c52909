#include "attest/base/openssl.hpp"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#ifdef CONCORDAT_LEAK_CHECKER
#include <sanitizer/lsan_interface.h>
#endif

namespace concordat::base {
namespace {

// An RSA key takes 4 KiB of it while it is there, an operation with a key on a NIST curve less than
// that for its own length.
constexpr std::size_t kSecureHeap = 64 * 1024;
constexpr std::size_t kSecureHeapMinimum = 32;

#ifdef CONCORDAT_LEAK_CHECKER
// The leak checker does not search that heap by itself, and what only OpenSSL's generators in it
// point to would look lost. An allocation of the whole tells where it is.
void show_the_leak_checker_the_secure_heap() {
  void* const whole = OPENSSL_secure_malloc(kSecureHeap);
  if (!whole) return;
  __lsan_register_root_region(whole, kSecureHeap);
  OPENSSL_secure_free(whole);
}
#endif

bool make_secure_heap() {
  if (CRYPTO_secure_malloc_initialized()) return true;
  const bool made = CRYPTO_secure_malloc_init(kSecureHeap, kSecureHeapMinimum) != 0;
#ifdef CONCORDAT_LEAK_CHECKER
  if (made) show_the_leak_checker_the_secure_heap();
#endif
  return made;
}

}  // namespace

CodeInfo describe(CryptoErrc code) noexcept {
  switch (code) {
    case CryptoErrc::openssl_failed:
      return {"openssl_failed", "OpenSSL failed"};
    case CryptoErrc::bad_key:
      return {"bad_key", "not a usable key"};
    case CryptoErrc::bad_certificate:
      return {"bad_certificate", "not a usable certificate"};
    case CryptoErrc::authentication_failed:
      return {"authentication_failed", "ciphertext does not authenticate"};
  }
  return {"unknown", "unknown crypto error"};
}

std::string take_openssl_errors() {
  std::string out;
  bool lacked_memory = false;
  while (const unsigned long code = ERR_get_error()) {
    lacked_memory = lacked_memory || ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
    char text[256];
    ERR_error_string_n(code, text, sizeof text);
    if (!out.empty()) out += "; ";
    out += text;
  }
  if (lacked_memory) throw std::bad_alloc();
  return out;
}

Error openssl_error(std::string_view while_doing) {
  const std::string queue = take_openssl_errors();
  return Error(CryptoErrc::openssl_failed,
               std::string(while_doing) + (queue.empty() ? "" : ": " + queue));
}

void ensure_secure_heap() {
  static const bool ready = make_secure_heap();
  static_cast<void>(ready);
}

Result<X509Ptr> parse_certificate_der(BytesView der, OSSL_LIB_CTX* library) {
  X509* reused = X509_new_ex(library, nullptr);
  if (!reused) return openssl_error("parsing a certificate");
  const unsigned char* at = der.data();
  // On failure d2i_X509 frees what it was given and clears the pointer.
  const X509* parsed = d2i_X509(&reused, &at, static_cast<long>(der.size()));
  X509Ptr certificate(reused);
  if (!parsed || at != der.data() + der.size()) {
    return Error(CryptoErrc::bad_certificate, take_openssl_errors());
  }
  return certificate;
}

Result<X509Ptr> parse_certificate(BytesView pem_or_der) {
  if (!pem_or_der.empty() && pem_or_der[0] == 0x30) return parse_certificate_der(pem_or_der);
  BioPtr bio(BIO_new_mem_buf(pem_or_der.data(), static_cast<int>(pem_or_der.size())));
  X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) return Error(CryptoErrc::bad_certificate, take_openssl_errors());
  return certificate;
}

Result<Bytes> certificate_der(const X509* certificate) {
  const int size = i2d_X509(certificate, nullptr);
  if (size < 0) return openssl_error("encoding a certificate");
  Bytes out(static_cast<std::size_t>(size));
  unsigned char* at = out.data();
  if (i2d_X509(certificate, &at) != size) return openssl_error("encoding a certificate");
  return out;
}

}  // namespace concordat::base

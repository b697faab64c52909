#include "deploy/lab/image_signer.hpp"

#include <openssl/pem.h>

#include "attest/base/file.hpp"
#include "attest/base/secret_access.hpp"

namespace concordat::lab {
namespace {

constexpr std::size_t kMaxPemFile = 16 * 1024;

// OpenSSL would ask the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

base::Result<base::PkeyPtr> read_key(const std::filesystem::path& path) {
  CONCORDAT_TRY(const base::SecretBytes pem, base::read_secret_file(path, kMaxPemFile));
  const base::BytesView bytes = pem.expose(base::SecretAccess{});
  const base::BioPtr in(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  base::PkeyPtr key(PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, nullptr));
  if (key) return key;
  return base::Error(base::CryptoErrc::bad_key,
                     path.string() + ": want a private key in PEM without a passphrase (" +
                         base::take_openssl_errors() + ")");
}

}  // namespace

base::Result<ImageSigner> read_image_signer(const std::filesystem::path& certificate,
                                            const std::filesystem::path& private_key) {
  ImageSigner signer;
  CONCORDAT_TRY(signer.certificate_pem, base::read_file(certificate, kMaxPemFile));
  CONCORDAT_TRY(signer.key, read_key(private_key));
  return signer;
}

}  // namespace concordat::lab

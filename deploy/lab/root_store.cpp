#include "deploy/lab/root_store.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "attest/base/file.hpp"
#include "attest/base/secret_access.hpp"
#include "deploy/lab/error.hpp"

namespace concordat::lab {
namespace {

constexpr std::size_t kMaxKeySize = 4096;
constexpr std::size_t kMaxCertificateSize = 4096;

std::filesystem::path key_path(const std::filesystem::path& directory) {
  return directory / "root.key";
}
std::filesystem::path certificate_path(const std::filesystem::path& directory) {
  return directory / "root.der";
}

base::Result<base::SecretBytes> key_to_der(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PrivateKey(key, &der);
  if (size < 0) return base::openssl_error("encoding the lab root key");
  base::SecretBytes out = base::SecretBytes::take({der, static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return out;
}

base::Result<base::PkeyPtr> key_from_der(const base::SecretBytes& der) {
  const base::BytesView bytes = der.expose(base::SecretAccess{});
  const unsigned char* at = bytes.data();
  base::PkeyPtr key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(bytes.size())));
  if (!key) return base::openssl_error("reading the lab root key");
  return key;
}

}  // namespace

base::Status prepare_private_directory(const std::filesystem::path& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return system_error(directory.string());
  }
  struct stat status {};
  if (::lstat(directory.c_str(), &status) != 0) return system_error(directory.string());
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 077) != 0) {
    return base::Error(
        LabErrc::bad_state,
        directory.string() + ": must be a directory of this user with mode 0700 (it keeps a key)");
  }
  return {};
}

base::Result<bool> has_root(const std::filesystem::path& directory) {
  // The certificate is written last: without it the key beside it was never used.
  if (::access(certificate_path(directory).c_str(), F_OK) == 0) return true;
  if (errno == ENOENT) return false;
  return system_error(certificate_path(directory).string());
}

base::Result<Credential> load_root(const std::filesystem::path& directory) {
  Credential root;
  CONCORDAT_TRY(const base::Bytes der,
                base::read_file(certificate_path(directory), kMaxCertificateSize));
  CONCORDAT_TRY(root.certificate, base::parse_certificate_der(der));
  CONCORDAT_TRY(const base::SecretBytes key,
                base::read_secret_file(key_path(directory), kMaxKeySize));
  CONCORDAT_TRY(root.key, key_from_der(key));
  if (X509_check_private_key(root.certificate.get(), root.key.get()) != 1) {
    return base::Error(LabErrc::bad_state, directory.string() +
                                               ": root.key is not the key of root.der (" +
                                               base::take_openssl_errors() + ")");
  }
  return root;
}

base::Status save_root(const std::filesystem::path& directory, const Credential& root) {
  CONCORDAT_TRY(const base::SecretBytes key, key_to_der(root.key.get()));
  CONCORDAT_CHECK(
      base::write_file(key_path(directory), key.expose(base::SecretAccess{}), S_IRUSR | S_IWUSR));
  CONCORDAT_TRY(const base::Bytes der, base::certificate_der(root.certificate.get()));
  return base::write_file(certificate_path(directory), der);
}

}  // namespace concordat::lab

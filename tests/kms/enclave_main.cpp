// An enclave of the lab as the tests of foreign AWS clients need it, in three commands:
//
//   kms_test_enclave root DIR             makes the lab's PKI in DIR; prints the root's path
//   kms_test_enclave document DIR HEX     makes a recipient key in DIR; prints a document whose
//   PCR0
//                                         is that byte forty-eight times, base64
//   kms_test_enclave open DIR             reads CiphertextForRecipient, base64, from standard
//   input;
//                                         prints the plaintext, base64
#include <iostream>

#include "attest/base/file.hpp"
#include "attest/base/secret_access.hpp"
#include "attest/mint.hpp"
#include "deploy/lab/software_nsm.hpp"
#include "keyservice/cms.hpp"

namespace {

using namespace concordat;
using base::Result;
using base::Status;
using std::filesystem::path;

constexpr std::size_t kMaxInput = 64 * 1024;

Status print_root(const path& directory) {
  CONCORDAT_TRY(const auto pki, lab::Pki::open(directory, base::system_wall_clock()));
  std::cout << (directory / "root.der").string() << "\n";
  return {};
}

Status save_key(const keyservice::RecipientKey& key, const path& file) {
  unsigned char* der = nullptr;
  const int size = i2d_PrivateKey(key.handle(), &der);
  if (size < 0) return base::openssl_error("encoding the key");
  const Status saved = base::write_file(file, {der, static_cast<std::size_t>(size)}, 0600);
  OPENSSL_clear_free(der, static_cast<std::size_t>(size));
  return saved;
}

Status print_document(const path& directory, const std::string& image) {
  CONCORDAT_TRY(const auto pki, lab::Pki::open(directory, base::system_wall_clock()));
  std::string pcr0;
  for (std::size_t i = 0; i < attest::PcrValue::kSize; ++i)
    pcr0 += image;
  lab::EnclaveIdentity identity;
  CONCORDAT_TRY(identity.pcr0, attest::PcrValue::from_hex(pcr0));
  identity.pcr1 = identity.pcr2 = identity.pcr0;
  lab::SoftwareNsm nsm(*pki, identity, base::system_wall_clock);
  CONCORDAT_TRY(const auto key, keyservice::RecipientKey::generate());
  CONCORDAT_CHECK(save_key(key, directory / "recipient.key"));
  CONCORDAT_TRY(const base::Bytes document,
                attest::mint(nsm, {.purpose = attest::Purpose::kms_recipient,
                                   .items = {},
                                   .nonce = std::nullopt,
                                   .public_key = base::to_bytes(key.public_key_der())}));
  std::cout << base::to_base64(document) << "\n";
  return {};
}

Status print_plaintext(const path& directory) {
  CONCORDAT_TRY(const base::Bytes der, base::read_file(directory / "recipient.key", kMaxInput));
  CONCORDAT_TRY(const auto key, keyservice::RecipientKey::from_private_der(der));
  CONCORDAT_TRY(const base::Bytes text, base::read_file("-", kMaxInput));
  CONCORDAT_TRY(const base::Bytes cms, base::from_base64(base::as_text(text)));
  CONCORDAT_TRY(const auto plaintext, keyservice::open_ciphertext_for_recipient(cms, key));
  std::cout << base::to_base64(plaintext.expose(base::SecretAccess{})) << "\n";
  return {};
}

Status run(const std::vector<std::string>& arguments) {
  if (arguments.size() == 2 && arguments[0] == "root") return print_root(arguments[1]);
  if (arguments.size() == 3 && arguments[0] == "document") {
    return print_document(arguments[1], arguments[2]);
  }
  if (arguments.size() == 2 && arguments[0] == "open") return print_plaintext(arguments[1]);
  return base::Error(boost::system::errc::make_error_code(boost::system::errc::invalid_argument),
                     "root DIR | document DIR HEX | open DIR");
}

}  // namespace

int main(int argc, char** argv) {
  const Status done = run({argv + 1, argv + argc});
  if (done) return 0;
  std::cerr << "kms_test_enclave: " << done.error().to_string() << "\n";
  return 1;
}

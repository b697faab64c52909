#include "deploy/lab/tls_identity.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "attest/base/random.hpp"
#include "deploy/lab/error.hpp"
#include "deploy/lab/root_store.hpp"

namespace concordat::lab {
namespace {

using base::Error;
using base::Result;
using std::chrono::days;
using std::chrono::hours;

constexpr std::size_t kSerialSize = 16;

base::Bytes random_serial() {
  base::Bytes serial(kSerialSize);
  base::SystemRandom().fill(serial);
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7f) | 0x40);  // positive, of full length
  return serial;
}

// The name goes into OpenSSL's text form of an extension, where a comma would start another one.
Result<std::string> alternative_name(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  if (name.empty() || name.size() > 253 || !std::ranges::all_of(name, allowed)) {
    return Error(LabErrc::bad_name, "'" + name + "': want a DNS name in lower case or an address");
  }
  const bool address = name.find_first_not_of("0123456789.") == std::string::npos;
  return (address ? "IP:" : "DNS:") + name;
}

Result<Credential> make_authority(base::UnixMillis now) {
  Credential out;
  CONCORDAT_TRY(out.key, generate_p384_key());
  const CertificateProfile profile{
      .subject = {{"O", "Concordat"}, {"CN", "Concordat lab TLS CA"}},
      .serial = random_serial(),
      .not_before = now - hours(1),
      .not_after = now + days(3650),
      .extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                     {NID_key_usage, "critical,keyCertSign,cRLSign"},
                     {NID_subject_key_identifier, "hash"}}};
  CONCORDAT_TRY(out.certificate, make_certificate(profile, out.key.get(), nullptr));
  return out;
}

Result<Credential> open_authority(const std::filesystem::path& directory, base::UnixMillis now) {
  CONCORDAT_CHECK(prepare_private_directory(directory));
  CONCORDAT_TRY(const bool exists, has_root(directory));
  if (exists) return load_root(directory);
  CONCORDAT_TRY(Credential made, make_authority(now));
  CONCORDAT_CHECK(save_root(directory, made));
  return made;
}

Result<Credential> make_server(const Credential& authority, const std::vector<std::string>& names,
                               base::UnixMillis now) {
  std::string alternatives;
  for (const std::string& name : names) {
    CONCORDAT_TRY(const std::string entry, alternative_name(name));
    alternatives += (alternatives.empty() ? "" : ",") + entry;
  }
  Credential out;
  CONCORDAT_TRY(out.key, generate_p384_key());
  const CertificateProfile profile{.subject = {{"O", "Concordat"}, {"CN", "Concordat lab KMS"}},
                                   .serial = random_serial(),
                                   .not_before = now - hours(1),
                                   .not_after = now + days(90),
                                   .extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                                                  {NID_key_usage, "critical,digitalSignature"},
                                                  {NID_ext_key_usage, "serverAuth"},
                                                  {NID_subject_key_identifier, "hash"},
                                                  {NID_authority_key_identifier, "keyid:always"},
                                                  {NID_subject_alt_name, alternatives}}};
  CONCORDAT_TRY(out.certificate, make_certificate(profile, out.key.get(), &authority));
  return out;
}

Result<std::string> to_pem(X509* certificate) {
  const base::BioPtr out(BIO_new(BIO_s_mem()));
  char* text = nullptr;
  if (!out || PEM_write_bio_X509(out.get(), certificate) != 1) {
    return base::openssl_error("encoding a certificate");
  }
  const long size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

}  // namespace

Result<TlsIdentity> open_tls_identity(const std::filesystem::path& directory,
                                      const std::vector<std::string>& names, base::UnixMillis now) {
  CONCORDAT_TRY(const Credential authority, open_authority(directory, now));
  TlsIdentity out;
  CONCORDAT_TRY(out.authority_pem, to_pem(authority.certificate.get()));
  CONCORDAT_TRY(out.server, make_server(authority, names, now));
  return out;
}

}  // namespace concordat::lab

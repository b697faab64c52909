#include "deploy/lab/pki.hpp"

#include <openssl/x509v3.h>

#include "attest/base/random.hpp"
#include "deploy/lab/error.hpp"
#include "deploy/lab/root_store.hpp"

namespace concordat::lab {
namespace {

using base::UnixMillis;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Lifetimes as measured on AWS's certificates.
constexpr milliseconds kRootLife = days(30 * 365 + 8) + hours(1);
constexpr milliseconds kRegionalLife = days(20) + hours(1) - seconds(1);
constexpr milliseconds kZonalLife = days(6) - hours(3) - seconds(1);
constexpr milliseconds kInstanceLife = hours(24);
constexpr milliseconds kLeafLife = hours(3) + seconds(3);
constexpr milliseconds kLeafBackdated = seconds(3);
constexpr milliseconds kAuthorityBackdated = hours(1);

constexpr const char* kPartition = "concordat-lab";
constexpr const char* kAuthorityUsage = "critical,digitalSignature,keyCertSign,cRLSign";

base::Bytes random_bytes(std::size_t size) {
  base::Bytes out(size);
  base::SystemRandom().fill(out);
  return out;
}

// Positive and of full length, as AWS's are.
base::Bytes random_serial(std::size_t size) {
  base::Bytes serial = random_bytes(size);
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7f) | 0x40);
  return serial;
}

std::string under_partition(const std::string& prefix) {
  return prefix + kPartition + ".nitro-enclaves";
}

CertificateProfile root_profile(UnixMillis now) {
  const UnixMillis start = now - kAuthorityBackdated;
  return {.subject = {{"C", "US"}, {"O", "Concordat"}, {"OU", "Lab"}, {"CN", under_partition("")}},
          .serial = random_serial(16),
          .not_before = start,
          .not_after = start + kRootLife,
          .extensions = {{NID_basic_constraints, "critical,CA:TRUE"},
                         {NID_subject_key_identifier, "hash"},
                         {NID_key_usage, kAuthorityUsage}}};
}

CertificateProfile authority_profile(std::vector<NameEntry> subject, UnixMillis now,
                                     milliseconds life, int path_length) {
  const UnixMillis start = now - kAuthorityBackdated;
  return {.subject = std::move(subject),
          .serial = random_serial(16),
          .not_before = start,
          .not_after = start + life,
          .extensions = {
              {NID_basic_constraints, "critical,CA:TRUE,pathlen:" + std::to_string(path_length)},
              {NID_authority_key_identifier, "keyid:always"},
              {NID_subject_key_identifier, "hash"},
              {NID_key_usage, kAuthorityUsage},
              {NID_crl_distribution_points, "URI:http://crl.invalid/lab.crl"}}};
}

CertificateProfile regional_profile(const std::string& region, UnixMillis now) {
  const std::string name = under_partition(base::to_hex(random_bytes(8)) + "." + region + ".");
  return authority_profile({{"C", "US"}, {"O", "Concordat"}, {"OU", "Lab"}, {"CN", name}}, now,
                           kRegionalLife, 2);
}

CertificateProfile zonal_profile(const std::string& region, UnixMillis now) {
  const std::string name =
      under_partition(base::to_hex(random_bytes(8)) + ".zonal." + region + ".");
  return authority_profile({{"CN", name},
                            {"OU", "Lab"},
                            {"O", "Concordat"},
                            {"C", "US"},
                            {"ST", "WA"},
                            {"L", "Seattle"}},
                           now, kZonalLife, 1);
}

std::vector<NameEntry> machine_name(std::string common_name) {
  return {{"C", "US"},        {"ST", "Washington"}, {"L", "Seattle"},
          {"O", "Concordat"}, {"OU", "Lab"},        {"CN", std::move(common_name)}};
}

CertificateProfile instance_profile(const std::string& region, const std::string& instance_id,
                                    UnixMillis now) {
  const UnixMillis start = now - kAuthorityBackdated;
  return {.subject = machine_name(under_partition(instance_id + "." + region + ".")),
          .serial = random_serial(20),
          .not_before = start,
          .not_after = start + kInstanceLife,
          .extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                         {NID_key_usage, "critical,keyCertSign"},
                         {NID_subject_key_identifier, "hash"},
                         {NID_authority_key_identifier, "keyid:always"}}};
}

// AWS's leaf serial is the enclave's 8-byte id, then the second of issue.
base::Bytes leaf_serial(const std::string& module_id, UnixMillis now) {
  const auto at = module_id.rfind("enc");
  auto id = at == std::string::npos ? base::Result<base::Bytes>(random_serial(8))
                                    : base::from_hex(module_id.substr(at + 3));
  base::Bytes serial = id ? *std::move(id) : random_serial(8);
  const auto second = static_cast<std::uint64_t>(now.value / 1000);
  for (int shift = 56; shift >= 0; shift -= 8) {
    serial.push_back(static_cast<std::uint8_t>(second >> shift));
  }
  return serial;
}

CertificateProfile leaf_profile(const std::string& region, const std::string& module_id,
                                UnixMillis now) {
  const UnixMillis start = now - kLeafBackdated;
  return {.subject = machine_name(module_id + "." + region + "." + kPartition),
          .serial = leaf_serial(module_id, now),
          .not_before = start,
          .not_after = start + kLeafLife,
          .extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                         {NID_key_usage, "digitalSignature,nonRepudiation"}}};
}

base::Result<Credential> make_credential(const CertificateProfile& profile,
                                         const Credential* issuer) {
  Credential made;
  CONCORDAT_TRY(made.key, generate_p384_key());
  CONCORDAT_TRY(made.certificate, make_certificate(profile, made.key.get(), issuer));
  return made;
}

// Valid now, and still when something issued now with the life `child` ends.
base::Result<bool> outlives(const Credential& authority, UnixMillis now, milliseconds child) {
  if (!authority.certificate) return false;
  CONCORDAT_TRY(const UnixMillis start, not_before(authority.certificate.get()));
  CONCORDAT_TRY(const UnixMillis end, not_after(authority.certificate.get()));
  return start <= now && now + child <= end;
}

}  // namespace

base::Result<std::unique_ptr<Pki>> Pki::create(UnixMillis now, std::string region) {
  CONCORDAT_TRY(Credential root, make_credential(root_profile(now), nullptr));
  CONCORDAT_TRY(base::Bytes der, base::certificate_der(root.certificate.get()));
  return std::unique_ptr<Pki>(new Pki(std::move(root), std::move(der), std::move(region)));
}

base::Result<std::unique_ptr<Pki>> Pki::open(const std::filesystem::path& directory, UnixMillis now,
                                             std::string region) {
  CONCORDAT_CHECK(prepare_private_directory(directory));
  CONCORDAT_TRY(const bool known, has_root(directory));
  if (!known) {
    CONCORDAT_TRY(auto pki, create(now, std::move(region)));
    CONCORDAT_CHECK(save_root(directory, pki->root_));
    return pki;
  }
  CONCORDAT_TRY(Credential root, load_root(directory));
  CONCORDAT_TRY(const bool usable, outlives(root, now, kRegionalLife));
  if (!usable) {
    return base::Error(LabErrc::bad_state, directory.string() +
                                               ": the lab root is not valid at this time; use "
                                               "another state directory");
  }
  CONCORDAT_TRY(base::Bytes der, base::certificate_der(root.certificate.get()));
  return std::unique_ptr<Pki>(new Pki(std::move(root), std::move(der), std::move(region)));
}

base::Status Pki::ensure_regional(UnixMillis now) {
  CONCORDAT_TRY(const bool good, outlives(regional_, now, kZonalLife));
  if (good) return {};
  CONCORDAT_TRY(regional_, make_credential(regional_profile(region_, now), &root_));
  zonal_ = {};
  instances_.clear();
  return {};
}

base::Status Pki::ensure_zonal(UnixMillis now) {
  CONCORDAT_CHECK(ensure_regional(now));
  CONCORDAT_TRY(const bool good, outlives(zonal_, now, kInstanceLife));
  if (good) return {};
  CONCORDAT_TRY(zonal_, make_credential(zonal_profile(region_, now), &regional_));
  instances_.clear();
  return {};
}

base::Result<const Credential*> Pki::ensure_instance(const std::string& instance_id,
                                                     UnixMillis now) {
  CONCORDAT_CHECK(ensure_zonal(now));
  Credential& instance = instances_[instance_id];
  CONCORDAT_TRY(const bool good, outlives(instance, now, kLeafLife));
  if (!good) {
    CONCORDAT_TRY(instance, make_credential(instance_profile(region_, instance_id, now), &zonal_));
  }
  return &instance;
}

base::Result<LeafCredential> Pki::issue_leaf(const std::string& instance_id,
                                             const std::string& module_id, UnixMillis now) {
  const std::scoped_lock lock(mutex_);
  CONCORDAT_TRY(const Credential* instance, ensure_instance(instance_id, now));
  CONCORDAT_TRY(Credential leaf, make_credential(leaf_profile(region_, module_id, now), instance));
  LeafCredential out;
  out.cabundle.push_back(root_der_);
  for (const Credential* authority :
       {&std::as_const(regional_), &std::as_const(zonal_), instance}) {
    CONCORDAT_TRY(base::Bytes der, base::certificate_der(authority->certificate.get()));
    out.cabundle.push_back(std::move(der));
  }
  CONCORDAT_TRY(out.certificate, base::certificate_der(leaf.certificate.get()));
  CONCORDAT_TRY(out.not_after, not_after(leaf.certificate.get()));
  out.key = std::move(leaf.key);
  return out;
}

}  // namespace concordat::lab

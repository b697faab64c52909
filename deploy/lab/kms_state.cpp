#include "deploy/lab/kms_state.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "attest/base/random.hpp"
#include "deploy/lab/error.hpp"
#include "deploy/lab/root_store.hpp"

namespace concordat::lab {
namespace {

using base::Error;
using base::Result;
using base::Status;
using base::UnixMillis;

constexpr std::size_t kMaxCredentialsFile = 16 * 1024;
constexpr std::size_t kAccessKeyIdSize = 16;  // after its prefix
constexpr std::size_t kSecretSize = 30;       // 40 characters of base64
constexpr std::size_t kTokenSize = 96;
constexpr std::chrono::days kCredentialsLife{3650};  // the lab renews nothing

struct PrincipalKind {
  const char* file;
  const char* resource;  // of its ARN
  const char* prefix;    // of its access key id: AKIA long-lived, ASIA of a session
  bool session;
};
constexpr PrincipalKind kKinds[] = {
    {"admin.json", "user/lab-admin", "AKIA", false},
    {"instance.json", "role/lab-instance", "ASIA", true},
};

base::Bytes random_bytes(std::size_t size) {
  base::Bytes out(size);
  base::SystemRandom().fill(out);
  return out;
}

std::string random_access_key_id(const char* prefix) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string out = prefix;
  for (const std::uint8_t byte : random_bytes(kAccessKeyIdSize))
    out += kAlphabet[byte % kAlphabet.size()];
  return out;
}

// The members that IMDSv2 answers for iam/security-credentials/ROLE.
std::string make_credentials(const PrincipalKind& kind, UnixMillis now) {
  const nlohmann::ordered_json value{
      {"Code", "Success"},
      {"LastUpdated", base::format_rfc3339({now.value - now.value % 1000})},
      {"Type", "AWS-HMAC"},
      {"AccessKeyId", random_access_key_id(kind.prefix)},
      {"SecretAccessKey", base::to_base64(random_bytes(kSecretSize))},
      {"Token", kind.session ? base::to_base64(random_bytes(kTokenSize)) : ""},
      {"Expiration", base::format_rfc3339({now.value - now.value % 1000 +
                                           std::chrono::milliseconds(kCredentialsLife).count()})}};
  return value.dump(2) + "\n";
}

Result<LabPrincipal> open_principal(const std::filesystem::path& directory,
                                    const PrincipalKind& kind, const std::string& account,
                                    UnixMillis now) {
  const auto path = directory / kind.file;
  if (!std::filesystem::exists(path)) {
    CONCORDAT_CHECK(
        base::write_file(path, base::as_bytes(make_credentials(kind, now)), S_IRUSR | S_IWUSR));
  }
  CONCORDAT_TRY(const base::Bytes text, base::read_file(path, kMaxCredentialsFile));
  auto credentials = keyservice::parse_imds_credentials(text);
  if (!credentials) {
    return Error(LabErrc::bad_state, path.string() + ": " + credentials.error().to_string());
  }
  return LabPrincipal{"arn:aws:iam::" + account + ":" + kind.resource, std::move(*credentials)};
}

Result<base::Descriptor> lock_directory(const std::filesystem::path& directory) {
  const auto path = directory / "lock";
  base::Descriptor lock(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!lock.open()) return system_error(path.string());
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error(LabErrc::bad_state,
                 directory.string() + " is in use by another concordat-lab-kms; stop that first");
  }
  return lock;
}

}  // namespace

Result<KmsState> open_kms_state(const std::filesystem::path& directory, const std::string& account,
                                UnixMillis now) {
  CONCORDAT_CHECK(prepare_private_directory(directory));
  CONCORDAT_TRY(base::Descriptor lock, lock_directory(directory));
  CONCORDAT_TRY(KeyTable keys, KeyTable::open(directory / "keys"));
  const auto credentials = directory / "credentials";
  CONCORDAT_CHECK(prepare_private_directory(credentials));
  std::vector<LabPrincipal> principals;
  for (const PrincipalKind& kind : kKinds) {
    CONCORDAT_TRY(LabPrincipal principal, open_principal(credentials, kind, account, now));
    principals.push_back(std::move(principal));
  }
  return KmsState{std::move(lock), std::move(keys), std::move(principals)};
}

}  // namespace concordat::lab

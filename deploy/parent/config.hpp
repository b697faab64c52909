// The parent's configuration: one strict JSON file (`concordat-parent --help` shows one). It
// decides where bytes go and nothing else: no enclave believes any of it.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "deploy/parent/http.hpp"
#include "deploy/parent/store/limits.hpp"
#include "peer/relay/limits.hpp"
#include "peer/relay_preface.hpp"

namespace concordat::parent {

enum class ConfigErrc { bad_path = 1, ambiguous, missing_part };
[[nodiscard]] base::CodeInfo describe(ConfigErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(ConfigErrc) {
  return "parent_config";
}
[[nodiscard]] inline boost::system::error_code make_error_code(ConfigErrc e) {
  return base::enum_code(e);
}

inline constexpr std::size_t kMaxConfigFile = 1024 * 1024;

struct EnclaveConfig {
  // Where the enclave listens. On EC2 `vsock:CID:7100`: the CID is also how a caller is known.
  peer::Endpoint dial;
  // A relay socket for this enclave alone: whoever connects there is it (the lab).
  std::optional<peer::Endpoint> listen;
  std::string role;
  std::optional<std::string> store;  // the folder of the store that it may use; absent: none
  // What it may reach outside, by the names of the section "egress". An enclave that needs neither
  // this nor credentials has neither: whoever breaks into it gets no further.
  std::set<std::string> egress;
  bool credentials = false;  // whether it is handed those of the section "credentials"
  std::map<std::string, std::string> settings;  // passed on as they are
};

struct PeersConfig {
  std::optional<peer::Endpoint> listen;
  std::map<std::string, peer::Endpoint> enclaves;  // name -> the parent that hosts it
};

struct EtcdConfig {
  std::vector<peer::Endpoint> endpoints;  // of one cluster
  std::string prefix = "concordat";       // of all its keys
  std::optional<TlsFiles> tls;
};
// One of the two.
struct StoreConfig {
  std::optional<std::filesystem::path> sqlite;
  std::optional<EtcdConfig> etcd;
  StoreLimits limits;
};

// Which of this parent's enclaves others find through the store, and where.
struct AnnounceConfig {
  peer::Endpoint address;  // where other parents dial this one
  std::set<std::string> enclaves;
  std::chrono::seconds ttl{15};
};

// What AWS calls temporary credentials. They authorise calls to KMS, whose answers only an attested
// enclave can open; they are not a secret that this design relies on.
struct Credentials {
  std::string access_key_id, secret_access_key;
  std::optional<std::string> session_token;
  std::optional<std::string> expires_at;  // RFC 3339
};

struct CredentialsConfig {
  std::optional<Credentials> fixed;    // the lab
  std::optional<peer::Endpoint> imds;  // EC2: tcp:169.254.169.254:80
};

struct Config {
  std::map<std::string, EnclaveConfig> enclaves;
  std::vector<peer::Endpoint> relay_listen;  // shared, for callers known by CID
  unsigned unix_mode = 0600;
  peer::relay::Limits limits;
  std::map<std::string, peer::Endpoint> egress;  // "HOST:PORT" -> where to dial
  PeersConfig peers;
  // `freshness` beside the policy unless it is named: both are replaced by what operators push.
  std::optional<std::filesystem::path> policy, authority, freshness;
  std::optional<StoreConfig> store;
  std::optional<AnnounceConfig> announce;
  std::optional<CredentialsConfig> credentials;
  std::optional<peer::Endpoint> operator_listen;
};

[[nodiscard]] base::Result<Config> parse_config(std::string_view text);
[[nodiscard]] base::Result<Config> read_config(const std::filesystem::path& file);
// One for `--help`, and for tests that it is valid.
[[nodiscard]] std::string_view example_config() noexcept;

// "enclave/NAME" for the enclave whose context id it is.
[[nodiscard]] std::optional<std::string> enclave_with_context_id(const Config& config,
                                                                 std::uint32_t context_id);

}  // namespace concordat::parent

#include "deploy/parent/config.hpp"

#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "attest/base/json.hpp"

namespace concordat::parent {
namespace {

using base::Error;
using base::JsonObject;
using base::Result;
using base::Status;
using nlohmann::json;
using peer::Endpoint;

constexpr std::uint64_t kMaxTimeout = std::uint64_t{7} * 24 * 3600 * 1000;

Error bad_path(const std::string& place, const std::string& path) {
  return Error(ConfigErrc::bad_path, place + ": \"" + path + "\" is not absolute");
}

Result<std::optional<std::filesystem::path>> find_path(JsonObject& object, std::string_view key) {
  CONCORDAT_TRY(const auto text, object.find_text(key));
  if (!text) return std::optional<std::filesystem::path>();
  const std::filesystem::path path(*text);
  if (!path.is_absolute()) return bad_path(object.place_of(key), *text);
  return std::optional(path);
}

// Absolute paths, so that a file means the same wherever the program is started.
Result<Endpoint> endpoint_at(const std::string& place, const std::string& text) {
  const auto endpoint = peer::parse_endpoint(text);
  if (!endpoint) return Error(endpoint.error().code(), place + ": " + endpoint.error().detail());
  const auto* at = std::get_if<peer::UnixEndpoint>(&*endpoint);
  if (at != nullptr && at->path.front() != '/') return bad_path(place, at->path);
  return *endpoint;
}

Result<Endpoint> get_endpoint(JsonObject& object, std::string_view key) {
  CONCORDAT_TRY(const std::string text, object.get_text(key));
  return endpoint_at(object.place_of(key), text);
}

Result<std::optional<Endpoint>> find_endpoint(JsonObject& object, std::string_view key) {
  if (object.find(key) == nullptr) return std::optional<Endpoint>();
  CONCORDAT_TRY(Endpoint endpoint, get_endpoint(object, key));
  return std::optional(std::move(endpoint));
}

Result<std::map<std::string, std::string>> get_settings(JsonObject& object) {
  CONCORDAT_TRY(JsonObject settings, object.get_object("settings"));
  std::map<std::string, std::string> out;
  for (const std::string& key : settings.keys()) {
    CONCORDAT_TRY(out[key], settings.get_text(key));
  }
  return out;
}

Result<EnclaveConfig> read_enclave(JsonObject object) {
  EnclaveConfig out;
  CONCORDAT_TRY(out.dial, get_endpoint(object, "dial"));
  CONCORDAT_TRY(out.listen, find_endpoint(object, "listen"));
  CONCORDAT_TRY(out.role, object.get_text("role"));
  CONCORDAT_TRY(out.store, object.find_text("store"));
  if (out.store && !peer::is_enclave_name(*out.store)) {
    return object.bad_value("store", "want a name of a-z, 0-9 and -");
  }
  if (object.find("egress") != nullptr) {
    CONCORDAT_TRY(const auto names, object.get_texts("egress"));
    out.egress = {names.begin(), names.end()};
  }
  if (object.find("credentials") != nullptr) {
    CONCORDAT_TRY(out.credentials, object.get_bool("credentials"));
  }
  if (object.find("settings") != nullptr) {
    CONCORDAT_TRY(out.settings, get_settings(object));
  }
  CONCORDAT_CHECK(object.finish());
  return out;
}

Status read_enclaves(JsonObject enclaves, Config& out) {
  for (const std::string& name : enclaves.keys()) {
    if (!peer::is_enclave_name(name)) {
      return enclaves.bad_value(name, "want a name of a-z, 0-9 and -, at most 63 characters");
    }
    CONCORDAT_TRY(JsonObject enclave, enclaves.get_object(name));
    CONCORDAT_TRY(out.enclaves[name], read_enclave(std::move(enclave)));
  }
  return {};
}

Status read_limits(JsonObject object, peer::relay::Limits& out) {
  const auto timeout = [&](std::string_view key, std::chrono::milliseconds& value) -> Status {
    const auto fallback = static_cast<std::uint64_t>(value.count());
    CONCORDAT_TRY(const std::uint64_t ms, object.uint_or(key, fallback, 1, kMaxTimeout));
    value = std::chrono::milliseconds(ms);
    return {};
  };
  CONCORDAT_CHECK(timeout("preface_timeout_ms", out.preface_timeout));
  CONCORDAT_CHECK(timeout("dial_timeout_ms", out.dial_timeout));
  CONCORDAT_CHECK(timeout("idle_timeout_ms", out.idle_timeout));
  CONCORDAT_CHECK(timeout("total_timeout_ms", out.total_timeout));
  CONCORDAT_TRY(out.max_streams, object.uint_or("max_streams", out.max_streams, 1, 100'000));
  CONCORDAT_TRY(const std::uint64_t rate,
                object.uint_or("streams_per_second", out.streams_per_second, 1, 1'000'000));
  CONCORDAT_TRY(const std::uint64_t burst,
                object.uint_or("stream_burst", out.stream_burst, 1, 1'000'000));
  out.streams_per_second = static_cast<std::uint32_t>(rate);
  out.stream_burst = static_cast<std::uint32_t>(burst);
  return object.finish();
}

Result<unsigned> read_mode(const JsonObject& object, const std::string& text) {
  const bool octal = text.size() == 4 && text.front() == '0' &&
                     text.find_first_not_of("01234567") == std::string::npos;
  if (!octal) return object.bad_value("unix_mode", "want four octal digits, as in \"0660\"");
  return static_cast<unsigned>(std::stoul(text, nullptr, 8));
}

Status read_relay(JsonObject relay, Config& out) {
  if (relay.find("listen") != nullptr) {
    CONCORDAT_TRY(const auto texts, relay.get_texts("listen"));
    for (const std::string& text : texts) {
      CONCORDAT_TRY(Endpoint endpoint, endpoint_at(relay.place_of("listen"), text));
      if (!std::holds_alternative<peer::VsockEndpoint>(endpoint)) {
        return relay.bad_value("listen",
                               text +
                                   " is not vsock; elsewhere callers cannot be told apart, so "
                                   "give each enclave a \"listen\" of its own");
      }
      out.relay_listen.push_back(std::move(endpoint));
    }
  }
  CONCORDAT_TRY(const auto mode, relay.find_text("unix_mode"));
  if (mode) {
    CONCORDAT_TRY(out.unix_mode, read_mode(relay, *mode));
  }
  if (relay.find("limits") != nullptr) {
    CONCORDAT_TRY(JsonObject limits, relay.get_object("limits"));
    CONCORDAT_CHECK(read_limits(std::move(limits), out.limits));
  }
  return relay.finish();
}

Status read_egress(JsonObject egress, Config& out) {
  for (const std::string& name : egress.keys()) {
    const auto target = peer::parse_target("egress/" + name);
    if (!target) return egress.bad_value(name, target.error().to_string());
    CONCORDAT_TRY(const json* value, egress.get(name));
    if (value->is_null()) {
      out.egress[name] = std::get<peer::EgressTarget>(*target).address;
      continue;
    }
    CONCORDAT_TRY(out.egress[name], get_endpoint(egress, name));
  }
  return {};
}

Status read_remote_parent(JsonObject remote, Config& out) {
  CONCORDAT_TRY(const Endpoint dial, get_endpoint(remote, "dial"));
  CONCORDAT_TRY(const auto names, remote.get_texts("enclaves"));
  for (const std::string& name : names) {
    if (!peer::is_enclave_name(name)) return remote.bad_value("enclaves", "\"" + name + "\"");
    if (out.enclaves.contains(name) || !out.peers.enclaves.emplace(name, dial).second) {
      return Error(ConfigErrc::ambiguous,
                   remote.place_of("enclaves") + ": " + name + " is named elsewhere too");
    }
  }
  return remote.finish();
}

Status read_peers(JsonObject peers, Config& out) {
  CONCORDAT_TRY(out.peers.listen, find_endpoint(peers, "listen"));
  if (peers.find("parents") != nullptr) {
    CONCORDAT_TRY(JsonObject parents, peers.get_object("parents"));
    for (const std::string& name : parents.keys()) {
      CONCORDAT_TRY(JsonObject remote, parents.get_object(name));
      CONCORDAT_CHECK(read_remote_parent(std::move(remote), out));
    }
  }
  return peers.finish();
}

Status read_policy(JsonObject policy, Config& out) {
  CONCORDAT_TRY(out.policy, find_path(policy, "envelope"));
  CONCORDAT_TRY(out.authority, find_path(policy, "authority"));
  CONCORDAT_TRY(out.freshness, find_path(policy, "freshness"));
  if (out.policy && !out.freshness) out.freshness = out.policy->string() + ".freshness";
  return policy.finish();
}

Result<TlsFiles> read_tls(JsonObject tls) {
  TlsFiles out;
  CONCORDAT_TRY(const auto authorities, find_path(tls, "authorities"));
  if (!authorities) return Error(base::JsonErrc::missing_key, tls.place_of("authorities"));
  out.authorities = *authorities;
  CONCORDAT_TRY(out.certificate, find_path(tls, "certificate"));
  CONCORDAT_TRY(out.key, find_path(tls, "key"));
  if (out.certificate.has_value() != out.key.has_value()) {
    return Error(ConfigErrc::missing_part,
                 tls.place_of(out.key ? "certificate" : "key") + ": goes with the other one");
  }
  CONCORDAT_CHECK(tls.finish());
  return out;
}

Result<EtcdConfig> read_etcd(JsonObject etcd) {
  EtcdConfig out;
  CONCORDAT_TRY(const auto texts, etcd.get_texts("endpoints"));
  for (const std::string& text : texts) {
    CONCORDAT_TRY(Endpoint endpoint, endpoint_at(etcd.place_of("endpoints"), text));
    out.endpoints.push_back(std::move(endpoint));
  }
  if (out.endpoints.empty()) return etcd.bad_value("endpoints", "want at least one");
  CONCORDAT_TRY(const auto prefix, etcd.find_text("prefix"));
  out.prefix = prefix.value_or(out.prefix);
  if (!peer::is_enclave_name(out.prefix)) {
    return etcd.bad_value("prefix", "want a name of a-z, 0-9 and -");
  }
  if (etcd.find("tls") != nullptr) {
    CONCORDAT_TRY(JsonObject tls, etcd.get_object("tls"));
    CONCORDAT_TRY(out.tls, read_tls(std::move(tls)));
  }
  CONCORDAT_CHECK(etcd.finish());
  return out;
}

Status read_store(JsonObject store, Config& out) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 40;
  StoreConfig config;
  CONCORDAT_TRY(config.sqlite, find_path(store, "sqlite"));
  if (store.find("etcd") != nullptr) {
    CONCORDAT_TRY(JsonObject etcd, store.get_object("etcd"));
    CONCORDAT_TRY(config.etcd, read_etcd(std::move(etcd)));
  }
  if (config.sqlite.has_value() == config.etcd.has_value()) {
    return Error(ConfigErrc::missing_part, "store: want either \"sqlite\" or \"etcd\"");
  }
  StoreLimits& limits = config.limits;
  CONCORDAT_TRY(limits.max_bytes, store.uint_or("max_bytes", limits.max_bytes, 1, kMaxEntryBytes));
  CONCORDAT_TRY(limits.max_entries, store.uint_or("max_entries", limits.max_entries, 1, kMost));
  CONCORDAT_TRY(limits.max_folder_bytes,
                store.uint_or("max_folder_bytes", limits.max_folder_bytes, 1, kMost));
  out.store = std::move(config);
  return store.finish();
}

Status read_announce(JsonObject announce, Config& out) {
  constexpr std::uint64_t kLongest = 3'600;  // what it takes to forget a parent that is gone
  AnnounceConfig config;
  CONCORDAT_TRY(config.address, get_endpoint(announce, "address"));
  CONCORDAT_TRY(const auto names, announce.get_texts("enclaves"));
  config.enclaves = {names.begin(), names.end()};
  CONCORDAT_TRY(
      const std::uint64_t ttl,
      announce.uint_or("ttl_seconds", static_cast<std::uint64_t>(config.ttl.count()), 3, kLongest));
  config.ttl = std::chrono::seconds(ttl);
  out.announce = std::move(config);
  return announce.finish();
}

Status read_credentials(JsonObject object, Config& out) {
  CredentialsConfig config;
  CONCORDAT_TRY(config.imds, find_endpoint(object, "imds"));
  if (!config.imds) {
    Credentials fixed;
    CONCORDAT_TRY(fixed.access_key_id, object.get_text("access_key_id"));
    CONCORDAT_TRY(fixed.secret_access_key, object.get_text("secret_access_key"));
    CONCORDAT_TRY(fixed.session_token, object.find_text("session_token"));
    config.fixed = std::move(fixed);
  }
  out.credentials = std::move(config);
  return object.finish();
}

Status read_operator(JsonObject object, Config& out) {
  CONCORDAT_TRY(const Endpoint listen, get_endpoint(object, "listen"));
  const auto* tcp = std::get_if<peer::TcpEndpoint>(&listen);
  if (std::holds_alternative<peer::VsockEndpoint>(listen) ||
      (tcp != nullptr && !peer::is_loopback(*tcp))) {
    return object.bad_value("listen",
                            "want a Unix socket or a loopback address: what is served "
                            "there is for this machine's operators");
  }
  out.operator_listen = listen;
  return object.finish();
}

// Who can push policies there must be an operator: no relayed stream leads to that endpoint.
Status check_operator(const Config& config) {
  for (const auto& [name, endpoint] : config.egress) {
    if (config.operator_listen && endpoint == *config.operator_listen) {
      return Error(ConfigErrc::ambiguous,
                   "egress." + name + ": leads to the operator's own endpoint");
    }
  }
  return {};
}

// A caller is known by one thing only, and one thing leads to one enclave.
Status check_identities(const Config& config) {
  std::set<std::string> seen;
  for (const auto& [name, enclave] : config.enclaves) {
    const std::string place = "enclaves." + name;
    std::string key = enclave.listen ? to_string(*enclave.listen) : std::string();
    if (const auto* vsock = std::get_if<peer::VsockEndpoint>(&enclave.dial); vsock && key.empty()) {
      key = "vsock context id " + std::to_string(vsock->context_id);
    }
    if (key.empty()) {
      return Error(ConfigErrc::missing_part,
                   place +
                       ": an enclave that is not dialled by vsock needs a \"listen\" of its "
                       "own, or it could not be told from others when it calls");
    }
    if (!seen.insert(key).second) {
      return Error(ConfigErrc::ambiguous, place + ": " + key + " belongs to another enclave too");
    }
    if (enclave.store && !config.store) {
      return Error(ConfigErrc::missing_part, place + ".store: the file has no section \"store\"");
    }
  }
  return {};
}

// Others are told of enclaves that are here, in a store that is there.
Status check_announced(const Config& config) {
  if (!config.announce) return {};
  if (!config.store) {
    return Error(ConfigErrc::missing_part, "announce: the file has no section \"store\"");
  }
  for (const std::string& name : config.announce->enclaves) {
    if (config.enclaves.contains(name)) continue;
    return Error(ConfigErrc::missing_part,
                 "announce.enclaves: the section \"enclaves\" has no \"" + name + "\"");
  }
  return {};
}

// What an enclave is given must be there.
Status check_grants(const Config& config) {
  for (const auto& [name, enclave] : config.enclaves) {
    const std::string place = "enclaves." + name;
    for (const std::string& target : enclave.egress) {
      if (config.egress.contains(target)) continue;
      return Error(ConfigErrc::missing_part,
                   place + ".egress: the section \"egress\" has no \"" + target + "\"");
    }
    if (enclave.credentials && !config.credentials) {
      return Error(ConfigErrc::missing_part,
                   place + ".credentials: the file has no section \"credentials\"");
    }
  }
  return {};
}

using ReadPart = Status (*)(JsonObject, Config&);
struct Part {
  std::string_view key;
  ReadPart read;
};
// `enclaves` first: others are checked against it.
constexpr Part kParts[] = {
    {"enclaves", read_enclaves}, {"relay", read_relay},
    {"egress", read_egress},     {"peers", read_peers},
    {"policy", read_policy},     {"store", read_store},
    {"announce", read_announce}, {"credentials", read_credentials},
    {"operator", read_operator},
};

}  // namespace

base::CodeInfo describe(ConfigErrc code) noexcept {
  switch (code) {
    case ConfigErrc::bad_path:
      return {"bad_path", "a path in the configuration must be absolute"};
    case ConfigErrc::ambiguous:
      return {"ambiguous", "the configuration says one thing twice"};
    case ConfigErrc::missing_part:
      return {"missing_part", "a part of the configuration is missing"};
  }
  return {"unknown", "unknown configuration error"};
}

Result<Config> parse_config(std::string_view text) {
  CONCORDAT_TRY(const json value, base::parse_strict_json(text));
  CONCORDAT_TRY(JsonObject file, JsonObject::from(value, ""));
  Config config;
  for (const Part& part : kParts) {
    if (file.find(part.key) == nullptr) continue;
    CONCORDAT_TRY(JsonObject object, file.get_object(part.key));
    CONCORDAT_CHECK(part.read(std::move(object), config));
  }
  CONCORDAT_CHECK(file.finish());
  if (config.enclaves.empty()) return Error(base::JsonErrc::missing_key, "enclaves");
  CONCORDAT_CHECK(check_identities(config));
  CONCORDAT_CHECK(check_operator(config));
  CONCORDAT_CHECK(check_grants(config));
  CONCORDAT_CHECK(check_announced(config));
  return config;
}

Result<Config> read_config(const std::filesystem::path& file) {
  CONCORDAT_TRY(const base::Bytes bytes, base::read_file(file, kMaxConfigFile));
  auto config = parse_config(base::as_text(bytes));
  if (!config) {
    return Error(config.error().code(), file.string() + ": " + config.error().detail());
  }
  return config;
}

std::string_view example_config() noexcept {
  return R"({
  "enclaves": {
    "custodian": {"dial": "vsock:16:7100", "role": "custodian", "store": "custodian",
                  "egress": ["kms.eu-central-1.amazonaws.com:443"], "credentials": true},
    "worker-1": {"dial": "vsock:17:7100", "role": "worker",
                 "settings": {"custodians": "custodian"}}
  },
  "relay": {
    "listen": ["vsock:3:7000"],
    "limits": {"max_streams": 1024, "streams_per_second": 200, "stream_burst": 400}
  },
  "egress": {"kms.eu-central-1.amazonaws.com:443": null},
  "peers": {
    "listen": "tcp:0.0.0.0:7001",
    "parents": {"east": {"dial": "tcp:10.0.0.2:7001", "enclaves": ["worker-2"]}}
  },
  "policy": {
    "envelope": "/var/lib/concordat/policy.signed.json",
    "authority": "/etc/concordat/authority.cbor"
  },
  "store": {"sqlite": "/var/lib/concordat/store.db"},
  "announce": {"address": "tcp:10.0.0.1:7001", "enclaves": ["custodian"]},
  "credentials": {"imds": "tcp:169.254.169.254:80"},
  "operator": {"listen": "unix:/run/concordat/operator.sock"}
}
)";
}

std::optional<std::string> enclave_with_context_id(const Config& config, std::uint32_t context_id) {
  for (const auto& [name, enclave] : config.enclaves) {
    const auto* vsock = std::get_if<peer::VsockEndpoint>(&enclave.dial);
    if (vsock != nullptr && !enclave.listen && vsock->context_id == context_id) {
      return "enclave/" + name;
    }
  }
  return {};
}

}  // namespace concordat::parent

#include "keyservice/agent/health.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace concordat::keyservice::agent {

using nlohmann::ordered_json;

namespace {

template <class R>
std::string reason(const R& result) {
  return result ? "ok" : result.error().to_string();
}

std::string seconds(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::floor<std::chrono::seconds>(time).count()) + " s";
}

Check nsm(const Facts& facts) {
  if (!facts.nsm) return {"nsm", false, false, facts.nsm.error().to_string()};
  return {"nsm", true, false, "module " + facts.nsm->module_id};
}

Check enclave(const Facts& facts) {
  if (!facts.nsm) return {"enclave", false, false, "not known: the NSM does not say"};
  if (facts.nsm->debug) {
    return {"enclave", false, false, "debug mode: its memory can be read, and no peer admits it"};
  }
  return {"enclave", true, false, "not in debug mode"};
}

// Whether the application is confined to the API: as root, or as the agent's user, it reaches the
// NSM and the agent itself.
Check user(const Facts& facts) {
  const ProcessFacts& process = facts.process;
  Check out{"user", process.user == process.effective_user, false,
            "user " + std::to_string(process.effective_user) +
                (process.effective_user == 0 ? ", root, as the NSM device wants" : ", not root")};
  if (!out.ok) out.detail += ", but started by user " + std::to_string(process.user);
  if (!facts.application_user) return out;
  const auto& application = *facts.application_user;
  if (!application) {
    out.ok = false;
    out.detail += "; the application's is not known: " + application.error().to_string();
    return out;
  }
  out.detail += "; the application: user " + std::to_string(*application);
  if (*application == process.effective_user)
    out.detail += ", the agent's own";
  else if (*application == 0)
    out.detail += ", root";
  else
    return out;
  out.ok = false;
  return out;
}

// connect(2) needs the right to write.
constexpr unsigned kWritableByEverybody = 0002;

Check socket(const Facts& facts) {
  Check out{"socket", true, false, {}};
  for (const SocketFacts& socket : facts.sockets) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", socket.mode);
    const bool ours = socket.is_socket && socket.owner == facts.process.effective_user;
    const bool open_to_all = (socket.mode & kWritableByEverybody) != 0;
    out.ok = out.ok && ours && !open_to_all;
    if (!out.detail.empty()) out.detail += "; ";
    out.detail += socket.path + (socket.is_socket ? ", mode " + std::string(mode) + ", of user " +
                                                        std::to_string(socket.owner) +
                                                        (open_to_all ? ", open to everybody" : "")
                                                  : ": no socket there any more");
  }
  if (facts.sockets.empty()) out.detail = "none on a path";
  return out;
}

Check memory(const Facts& facts) {
  const std::string limit =
      facts.process.lockable_bytes ? std::to_string(*facts.process.lockable_bytes) : "unlimited";
  return {"memory", facts.memory.unlocked_slabs == 0, false,
          std::to_string(facts.memory.bytes_in_use) + " secret bytes, " +
              std::to_string(facts.memory.unlocked_slabs) + " slabs not locked, " +
              std::to_string(facts.process.locked_bytes) + " bytes locked of " + limit};
}

Check clock(const Facts& facts) {
  if (!facts.now) return {"clock", false, true, facts.now.error().to_string()};
  return {
      "clock", true, true,
      base::format_rfc3339(*facts.now) +
          (facts.anchor_age ? ", read from the NSM " + seconds(*facts.anchor_age) + " ago" : "")};
}

Check policy(const Facts& facts) {
  if (!facts.policy) return {"policy", false, true, facts.policy.error().to_string()};
  const auto& policy = **facts.policy;
  std::string detail = "serial " + std::to_string(policy.serial()) + ", valid until " +
                       base::format_rfc3339(policy.valid_until());
  if (facts.now) detail += ", valid for " + seconds(*facts.now - policy.valid_from()) + " by now";
  return {"policy", true, true, std::move(detail)};
}

// Whether its successor is due: the last tenth of its validity, and of the age that its freshness
// statement may have, is for whoever has to act.
Check policy_age(const Facts& facts) {
  Check out{"policy_age", false, false, {}};
  if (!facts.latest) {
    out.detail = "no policy";
    return out;
  }
  if (!facts.now) {
    out.detail = "not known: there is no time to judge it by";
    return out;
  }
  const auto left = facts.latest->valid_until() - *facts.now;
  out.ok = left * 10 > facts.latest->valid_until() - facts.latest->valid_from();
  out.detail = "valid for " + seconds(left) + " more";
  const auto& freshness = facts.latest->model().freshness;
  if (!freshness) return out;
  if (!facts.confirmed) {
    out.ok = false;
    out.detail += ", never confirmed";
    return out;
  }
  const auto age = *facts.now - *facts.confirmed;
  out.ok = out.ok && age * 10 < std::chrono::seconds(freshness->max_age_seconds) * 9;
  out.detail += ", confirmed " + seconds(age) + " ago";
  return out;
}

Check custodian(const Facts& facts) {
  if (!facts.custodian) return {"custodian", false, true, reason(facts.custodian)};
  return {"custodian", true, true, std::to_string(facts.handshakes) + " handshakes"};
}

}  // namespace

std::vector<Check> checks(const Facts& facts) {
  return {nsm(facts),
          enclave(facts),
          user(facts),
          socket(facts),
          memory(facts),
          {"dumps", !facts.process.dumpable, false,
           facts.process.dumpable ? "core dumps are possible" : "no core dumps, not traceable"},
          clock(facts),
          policy(facts),
          policy_age(facts),
          custodian(facts)};
}

bool ready(const Facts& facts) {
  return std::ranges::all_of(checks(facts),
                             [](const Check& check) { return check.ok || !check.needed; });
}

std::string health_json(const Facts& facts) {
  const std::vector<Check> all = checks(facts);
  ordered_json list = ordered_json::array();
  for (const Check& check : all) {
    list.push_back({{"name", check.name}, {"ok", check.ok}, {"detail", check.detail}});
  }
  const ordered_json out = {
      {"ready", ready(facts)},
      {"version", facts.version},
      {"custodian", reason(facts.custodian)},
      {"policy",
       {{"state", reason(facts.policy)}, {"serial", facts.latest ? facts.latest->serial() : 0}}},
      {"handshakes", facts.handshakes},
      {"cached_keys", facts.cached_keys},
      {"checks", list}};
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace concordat::keyservice::agent

#include "keyservice/custodian_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace concordat::keyservice {
namespace {

using nlohmann::ordered_json;

// "PCR0", "PCR2" and so on, as the detail of a refusal names them, each once.
std::vector<std::string> registers_in(const std::string& detail) {
  std::vector<std::string> found;
  for (std::size_t at = detail.find("PCR"); at != std::string::npos;
       at = detail.find("PCR", at + 1)) {
    const std::size_t end = detail.find_first_not_of("0123456789", at + 3);
    std::string name = detail.substr(at, end - at);
    if (name.size() > 3 && std::ranges::find(found, name) == found.end()) {
      found.push_back(std::move(name));
    }
  }
  return found;
}

// The role that a refused peer claimed; null where it was refused before it could claim one.
ordered_json claimed_role(const std::string& detail) {
  constexpr std::string_view kAsRole = "as role '";  // peer/judge.cpp
  if (!detail.starts_with(kAsRole)) return nullptr;
  const std::string role = detail.substr(kAsRole.size());
  return role.substr(0, role.find('\''));
}

}  // namespace

void CustodianReport::refused(base::UnixMillis at, const std::string& source,
                              const base::Error& why) {
  ++refused_;
  if (refusals_.size() == kMaxRefusals) refusals_.pop_front();
  refusals_.push_back({at, source, std::string(why.name()), why.detail().substr(0, kMaxDetail)});
}

void CustodianReport::released(base::UnixMillis at, const policy::AdmittedPeer& peer,
                               const std::string& key, std::uint32_t version,
                               std::string_view operation) {
  const What what{peer.role(), peer.image(),           peer.module_id(),
                  key,         std::string(operation), version};
  if (releases_.size() >= kMaxReleases && !releases_.contains(what)) {
    complete_ = false;
    releases_.erase(std::ranges::min_element(releases_, {},
                                             [](const auto& entry) { return entry.second.last; }));
  }
  When& when = releases_[what];
  when.last = at;
  ++when.count;
}

std::string CustodianReport::to_json(base::UnixMillis at, const policy::Policy& policy) const {
  ordered_json releases = ordered_json::array(), refusals = ordered_json::array();
  for (const auto& [what, when] : releases_) {
    releases.push_back({{"role", what.role},
                        {"image", what.image},
                        {"module_id", what.module_id},
                        {"key", what.key},
                        {"version", what.version},
                        {"operation", what.operation},
                        {"count", when.count},
                        {"last", base::format_rfc3339(when.last)}});
  }
  for (const Refusal& refusal : refusals_) {
    refusals.push_back({{"at", base::format_rfc3339(refusal.at)},
                        {"source", refusal.source},
                        {"role", claimed_role(refusal.detail)},
                        {"code", refusal.code},
                        {"detail", refusal.detail},
                        {"registers", registers_in(refusal.detail)}});
  }
  const ordered_json out = {
      {"format", "concordat/custodian-report/1"},
      {"since", base::format_rfc3339(since_)},
      {"at", base::format_rfc3339(at)},
      {"policy", {{"serial", policy.serial()}, {"digest", policy.digest().hex()}}},
      {"releases_complete", complete_},
      {"releases", std::move(releases)},
      {"refused", refused_},
      {"refusals", std::move(refusals)}};
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace concordat::keyservice

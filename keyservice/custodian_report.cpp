#include "keyservice/custodian_report.hpp"

#include <algorithm>
#include <optional>

#include "attest/base/json_text.hpp"

namespace concordat::keyservice {
namespace {

using base::JsonText;

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

// The role that a refused peer claimed; none where it was refused before it could claim one.
std::optional<std::string> claimed_role(const std::string& detail) {
  constexpr std::string_view kAsRole = "as role '";  // peer/judge.cpp
  if (!detail.starts_with(kAsRole)) return std::nullopt;
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
  JsonText out;
  const auto member = [&out](std::string_view name, const std::string& text) {
    out.member(name, std::string_view(text));
  };
  out.begin_object();
  out.member("format", "concordat/custodian-report/1");
  member("since", base::format_rfc3339(since_));
  member("at", base::format_rfc3339(at));
  out.key("policy").begin_object().member("serial", policy.serial());
  member("digest", policy.digest().hex());
  out.end_object();
  out.member("releases_complete", complete_);
  out.key("releases").begin_array();
  for (const auto& [what, when] : releases_) {
    out.begin_object();
    member("role", what.role);
    member("image", what.image);
    member("module_id", what.module_id);
    member("key", what.key);
    out.member("version", std::uint64_t{what.version});
    member("operation", what.operation);
    out.member("count", when.count);
    member("last", base::format_rfc3339(when.last));
    out.end_object();
  }
  out.end_array();
  out.member("refused", refused_);
  out.key("refusals").begin_array();
  for (const Refusal& refusal : refusals_) {
    out.begin_object();
    member("at", base::format_rfc3339(refusal.at));
    member("source", refusal.source);
    const auto role = claimed_role(refusal.detail);
    role ? member("role", *role) : void(out.key("role").null());
    member("code", refusal.code);
    member("detail", refusal.detail);
    out.key("registers").begin_array();
    for (const std::string& name : registers_in(refusal.detail))
      out.value(std::string_view(name));
    out.end_array();
    out.end_object();
  }
  out.end_array().end_object();
  return out.text() + "\n";
}

}  // namespace concordat::keyservice

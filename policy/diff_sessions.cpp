#include "policy/diff_parts.hpp"

namespace concordat::policy {
namespace {

// One thing that a rule says, by what it is about: a set where a rule lists, one value elsewhere.
using Sayings = std::map<std::string, std::vector<std::string>>;

void add_pins(Sayings& out, const std::string& what, const std::optional<std::vector<Pin>>& pins) {
  auto& list = out[what];
  if (!pins) list.emplace_back("any");
  for (std::size_t i = 0; pins && i < pins->size(); ++i)
    list.push_back((*pins)[i].text);
}

Sayings sayings(const Model& model, const SessionRule& rule) {
  Sayings out;
  out["id"] = {rule.id};
  out["protocol"] = {rule.protocol};
  out["runs per input"] = {rule.runs_per_input ? std::to_string(*rule.runs_per_input) : "any"};
  out["own roles"] = rule.own_roles;
  for (const auto& [realm, entry] : rule.realms) {
    out["authority of realm " + realm] = {entry.authority.hex()};
    for (const auto& [name, role] : entry.roles) {
      const std::string of = " of role " + name + " of realm " + realm;
      out["roles of realm " + realm].push_back(name);
      auto& images = out["images" + of];
      for (const std::uint32_t index : role.images)
        images.push_back(model.images[index].name);
      add_pins(out, "accounts" + of, role.accounts);
      add_pins(out, "instances" + of, role.instances);
    }
  }
  for (auto& [what, list] : out)
    std::ranges::sort(list);
  return out;
}

bool is_single(const std::string& what) {
  return what == "id" || what == "protocol" || what == "runs per input" ||
         what.starts_with("authority of ");
}

class SessionComparison {
 public:
  SessionComparison(const std::string& rule, std::vector<Change>& out) : rule_(rule), out_(out) {}

  void compare(const Sayings& before, const Sayings& after) {
    const std::vector<std::string> nothing;
    Sayings all = before;
    all.insert(after.begin(), after.end());
    for (const auto& [what, ignored] : all) {
      const auto a = before.find(what);
      const auto b = after.find(what);
      compare_one(what, a == before.end() ? nothing : a->second,
                  b == after.end() ? nothing : b->second);
    }
  }

 private:
  void compare_one(const std::string& what, const std::vector<std::string>& a,
                   const std::vector<std::string>& b) {
    if (a == b) return;
    if (is_single(what) && !a.empty() && !b.empty()) {
      out_.push_back({.kind = ChangeKind::session_changed,
                      .subject = rule_,
                      .object = what,
                      .before = a.front(),
                      .after = b.front()});
      return;
    }
    for (const std::string& item : a) {
      if (contains(b, item)) continue;
      out_.push_back({.kind = ChangeKind::session_lost,
                      .effect = Effect::less,
                      .subject = rule_,
                      .object = what,
                      .before = item});
    }
    for (const std::string& item : b) {
      if (contains(a, item)) continue;
      out_.push_back({.kind = ChangeKind::session_gained,
                      .effect = Effect::more,
                      .subject = rule_,
                      .object = what,
                      .after = item});
    }
  }

  const std::string& rule_;
  std::vector<Change>& out_;
};

}  // namespace

void diff_sessions(const Model& before, const Model& after, std::vector<Change>& out) {
  const SessionRule nothing;
  compare_entries(before.sessions, after.sessions, nothing,
                  {ChangeKind::session_added, ChangeKind::session_removed}, out,
                  [&](const std::string& name, const SessionRule& a, const SessionRule& b) {
                    const auto said = [&](const Model& model, const SessionRule& rule) {
                      return &rule == &nothing ? Sayings() : sayings(model, rule);
                    };
                    SessionComparison(name, out).compare(said(before, a), said(after, b));
                  });
}

}  // namespace concordat::policy

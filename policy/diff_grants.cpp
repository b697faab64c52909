#include <tuple>

#include "policy/coverage.hpp"
#include "policy/diff_parts.hpp"

namespace concordat::policy {
namespace {

// What bounds an operation of a grant. Operations that are counted together are counted otherwise
// than each by itself, so a use limit has them with it.
struct Limits {
  std::optional<std::uint64_t> uses;
  std::optional<base::UnixMillis> expires;
  std::vector<Operation> together;

  friend auto operator<=>(const Limits&, const Limits&) = default;
};

Limits limits_of(const Grant& grant) {
  Limits out{grant.use_limit, grant.expires, {}};
  if (grant.use_limit) {
    out.together = grant.operations;
    std::ranges::sort(out.together);
  }
  return out;
}

std::string words(const Limits& limits) {
  std::string out;
  if (limits.uses) {
    out = "at most " + std::to_string(*limits.uses) + " uses";
    if (limits.together.size() > 1) out += " of " + joined(limits.together) + " together";
  }
  if (limits.expires) {
    out += (out.empty() ? "until " : ", until ") + base::format_rfc3339(*limits.expires);
  }
  return out;
}

using RoleAndKeys = std::pair<std::string_view, std::string_view>;

// One operation of one grant.
struct Entry {
  const Grant* grant = nullptr;
  Operation operation{};
  Limits limits;
};
using Entries = std::vector<Entry>;

std::map<RoleAndKeys, Entries> entries_of(const std::vector<Grant>& grants) {
  std::map<RoleAndKeys, Entries> out;
  for (const Grant& grant : grants) {
    // A grant of nothing is a difference too, as its own operation of none.
    Entries& entries = out[{grant.role, grant.keys}];
    for (const Operation operation : grant.operations)
      entries.push_back({&grant, operation, limits_of(grant)});
    if (grant.operations.empty()) entries.push_back({&grant, {}, limits_of(grant)});
  }
  return out;
}

// Takes out of both whatever both have, as often as both have it.
void cancel(Entries& a, Entries& b) {
  std::erase_if(a, [&](const Entry& entry) {
    const auto same = std::ranges::find_if(b, [&](const Entry& other) {
      return other.operation == entry.operation && other.limits == entry.limits;
    });
    if (same == b.end()) return false;
    b.erase(same);
    return true;
  });
}

// The pattern by which `grants` give it as well, whatever becomes of it; empty where none does.
std::string given_by(const std::vector<Grant>& grants, const Entry& entry) {
  const auto found = std::ranges::find_if(
      grants, [&](const Grant& grant) { return covers(grant, *entry.grant, entry.operation); });
  return found == grants.end() ? std::string() : found->keys;
}

std::string name_of(Operation operation) {
  return operation == Operation{} ? "nothing" : std::string(to_string(operation));
}

class Grouped {
 public:
  explicit Grouped(std::vector<Change>& out) : out_(out) {}
  // Adds to the change that differs in operations only, among those added since.
  void add(Change change) {
    const auto same = std::ranges::find_if(
        out_.begin() + static_cast<std::ptrdiff_t>(start_), out_.end(), [&](const Change& other) {
          return std::tie(other.kind, other.before, other.after, other.effect) ==
                 std::tie(change.kind, change.before, change.after, change.effect);
        });
    if (same == out_.end()) {
      out_.push_back(std::move(change));
    } else {
      same->items.push_back(std::move(change.items.front()));
    }
  }

 private:
  std::vector<Change>& out_;
  const std::size_t start_ = out_.size();
};

// Less: fewer uses or an earlier end, and nothing else.
Effect effect_of_limits(const Limits& a, const Limits& b) {
  constexpr std::uint64_t kUnlimited = UINT64_MAX;
  constexpr base::UnixMillis kNever{INT64_MAX};
  const Effect uses =
      effect_of(a.uses.value_or(kUnlimited), b.uses.value_or(kUnlimited), Effect::more);
  const Effect time =
      effect_of(a.expires.value_or(kNever), b.expires.value_or(kNever), Effect::more);
  if (uses == Effect::other) return time;
  return time == Effect::other || time == uses ? uses : Effect::other;
}

}  // namespace

void diff_grants(const std::vector<Grant>& before, const std::vector<Grant>& after,
                 std::vector<Change>& out) {
  std::map<RoleAndKeys, Entries> lost = entries_of(before);
  std::map<RoleAndKeys, Entries> gained = entries_of(after);
  std::map<RoleAndKeys, Entries> all = lost;
  all.insert(gained.begin(), gained.end());
  for (const auto& [about, unused] : all) {
    Entries& a = lost[about];
    Entries& b = gained[about];
    cancel(a, b);
    Grouped grouped(out);
    const auto add = [&, &about = about](ChangeKind kind, Effect effect, Operation operation,
                                         std::string was, std::string is) {
      grouped.add({kind,
                   effect,
                   std::string(about.first),
                   std::string(about.second),
                   {name_of(operation)},
                   std::move(was),
                   std::move(is)});
    };
    for (const Entry& entry : a) {
      const auto same = std::ranges::find(b, entry.operation, &Entry::operation);
      if (same != b.end()) {
        add(ChangeKind::grant_limits_changed, effect_of_limits(entry.limits, same->limits),
            entry.operation, words(entry.limits), words(same->limits));
        b.erase(same);
        continue;
      }
      std::string still = given_by(after, entry);
      const Effect effect = still.empty() ? Effect::less : Effect::other;
      add(ChangeKind::grant_lost, effect, entry.operation, words(entry.limits), std::move(still));
    }
    for (const Entry& entry : b) {
      std::string had = given_by(before, entry);
      const Effect effect = had.empty() ? Effect::more : Effect::other;
      add(ChangeKind::grant_gained, effect, entry.operation, std::move(had), words(entry.limits));
    }
  }
}

}  // namespace concordat::policy

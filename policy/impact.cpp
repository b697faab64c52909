#include "policy/impact.hpp"

#include <algorithm>
#include <set>

#include "policy/coverage.hpp"
#include "policy/evaluate.hpp"
#include "policy/key_pattern.hpp"
#include "policy/texts.hpp"

namespace concordat::policy {
namespace {

using Names = std::vector<std::string>;
using Operations = std::set<Operation>;

// One kind of enclave, as far as a policy tells them apart.
struct Enclave {
  const Image* image = nullptr;
  const Pins& accounts;
  const Pins& instances;
};

const Names& roles_on(const Model& model, Side side) {
  static const Names kNobody;
  const Purpose* const keys = model.purpose(kKeysPurpose);
  if (keys == nullptr) return kNobody;
  return side == Side::initiator ? keys->initiator : keys->responder;
}

// A role of the new policy that takes an enclave's image.
struct Candidate {
  std::string_view role;
  bool everywhere = false;  // where it ran before
};

// An image of the old policy, and who takes it now.
struct Successor {
  std::string image;
  std::vector<Candidate> roles;
};

using Successors = std::vector<Successor>;

// What the new policy still lets an enclave of the old one do. nullopt is "as before".
class Remaining {
 public:
  Remaining(const Model& after, base::UnixMillis now) : after_(after), now_(now) {}

  [[nodiscard]] Successor successor(const Enclave& enclave, Side side) const {
    Successor out{enclave.image->name, {}};
    for (const std::string& name : roles_on(after_, side)) {
      const Role& role = *after_.role(name);
      if (!takes(role, *enclave.image)) continue;
      out.roles.push_back({name, covers(role.accounts, enclave.accounts) &&
                                     covers(role.instances, enclave.instances)});
    }
    return out;
  }

  // What the role lacks in order to do every one of these with every key that `keys` matches.
  [[nodiscard]] std::optional<LossCause> lacking(std::string_view role, std::string_view keys,
                                                 const Operations& operations) const {
    std::optional<LossCause> worst;
    for (const Operation operation : operations) {
      const auto cause = lacking(role, keys, operation);
      if (cause && (!worst || *cause < *worst)) worst = cause;
    }
    return worst;
  }
  // The same for being handed what these hand out: whoever may have the key itself lost nothing by
  // losing what is computed from it.
  [[nodiscard]] std::optional<LossCause> lacking_released(std::string_view role,
                                                          std::string_view keys,
                                                          Operations operations) const {
    std::erase_if(operations, [](Operation operation) { return !releases(operation); });
    if (!lacking(role, keys, Operation::get)) return std::nullopt;
    return lacking(role, keys, operations);
  }
  [[nodiscard]] std::set<std::string> patterns_below(std::string_view keys) const {
    std::set<std::string> out;
    for (const Grant& grant : after_.grants) {
      if (grant.keys != keys && matches(keys, grant.keys)) out.insert(grant.keys);
    }
    return out;
  }

 private:
  [[nodiscard]] std::optional<LossCause> lacking(std::string_view role, std::string_view keys,
                                                 Operation operation) const {
    LossCause cause = LossCause::grant;
    for (const Grant& grant : after_.grants) {
      if (grant.role != role || !matches(grant.keys, keys) ||
          std::ranges::find(grant.operations, operation) == grant.operations.end()) {
        continue;
      }
      if (!grant.expires || now_ < *grant.expires) return std::nullopt;
      cause = LossCause::expired;
    }
    return cause;
  }
  [[nodiscard]] bool takes(const Role& role, const Image& image) const {
    return std::ranges::any_of(role.images,
                               [&](std::uint32_t i) { return covers(after_.images[i], image); });
  }

  const Model& after_;
  const base::UnixMillis now_;
};

// `lacks` says what the holder of a role lacks; the answer is what the nearest one does.
template <class Lacks>
std::optional<LossCause> cause_of(const Successor& successor, Lacks lacks) {
  LossCause nearest = LossCause::image;
  for (const Candidate& candidate : successor.roles) {
    const std::optional<LossCause> cause =
        candidate.everywhere ? lacks(candidate.role) : LossCause::place;
    if (!cause) return std::nullopt;
    nearest = std::max(nearest, *cause);
  }
  return nearest;
}

bool is_loss(const Change& change) {
  switch (change.kind) {
    case ChangeKind::setting:
      return false;
    case ChangeKind::image_changed:
    case ChangeKind::operator_key_changed:
    case ChangeKind::holder_key_changed:
      return true;  // who was that before is it no more
    default:
      return change.effect == Effect::less;
  }
}

class Assessment {
 public:
  Assessment(const Model& before, const Model& after, base::UnixMillis now)
      : before_(before), after_(after), remaining_(after, now) {}

  Impact run(const std::vector<ReleasedKey>& released) && {
    for (Change& change : diff(before_, after_)) {
      if (is_loss(change)) out_.lost.push_back(std::move(change));
    }
    if (!before_.root_generations.empty()) {  // without a root nobody was served
      for (const std::string& name : roles_on(before_, Side::initiator))
        assess_role(name, *before_.role(name));
      for (const std::string& name : roles_on(before_, Side::responder))
        assess_custodian(name, *before_.role(name));
    }
    assess_holders();
    for (const ReleasedKey& entry : released)
      assess_release(entry);
    return std::move(out_);
  }

 private:
  void assess_role(const std::string& name, const Role& role) {
    const Successors successors = successors_of(role, Side::initiator);
    std::map<std::string, Operations> granted;
    for (const Grant& grant : before_.grants) {
      if (grant.role == name)
        granted[grant.keys].insert(grant.operations.begin(), grant.operations.end());
    }
    for (const auto& [keys, operations] : granted) {
      if (std::ranges::any_of(operations, releases)) {
        assess_released(name, successors, keys, operations);
      } else if (!any_released(granted, keys)) {
        assess_unreleased(name, successors, keys, operations);
      }
    }
  }
  // Whether some key that `keys` matches was to be had under another pattern.
  static bool any_released(const std::map<std::string, Operations>& granted,
                           const std::string& keys) {
    return std::ranges::any_of(granted, [&](const auto& entry) {
      return (matches(entry.first, keys) || matches(keys, entry.first)) &&
             std::ranges::any_of(entry.second, releases);
    });
  }

  void assess_released(const std::string& name, const Successors& successors,
                       const std::string& keys, const Operations& operations) {
    std::map<LossCause, Names> images;
    for (const Successor& successor : successors) {
      if (const auto cause = lost(successor, keys, operations))
        images[*cause].push_back(successor.image);
    }
    for (auto& [cause, names] : images) {
      Rotation rotation{keys, name, std::move(names), cause};
      if (cause == LossCause::grant) rotation.except = kept_below(successors, rotation, operations);
      out_.rotations.push_back(std::move(rotation));
    }
  }
  [[nodiscard]] Names kept_below(const Successors& successors, const Rotation& rotation,
                                 const Operations& operations) const {
    Names out;
    for (const std::string& keys : remaining_.patterns_below(rotation.keys)) {
      const bool kept = std::ranges::none_of(successors, [&](const Successor& successor) {
        return contains(rotation.images, successor.image) && lost(successor, keys, operations);
      });
      if (kept) out.push_back(keys);
    }
    return out;
  }

  void assess_unreleased(const std::string& name, const Successors& successors,
                         const std::string& keys, const Operations& operations) {
    const bool any_lost = std::ranges::any_of(successors, [&](const Successor& successor) {
      return cause_of(
                 successor,
                 [&](std::string_view role) { return remaining_.lacking(role, keys, operations); })
          .has_value();
    });
    if (any_lost) out_.unreleased.push_back({keys, name, {operations.begin(), operations.end()}});
  }

  void assess_custodian(const std::string& name, const Role& role) {
    for (const Successor& successor : successors_of(role, Side::responder)) {
      const auto cause =
          cause_of(successor, [](std::string_view) { return std::optional<LossCause>(); });
      if (cause) out_.custodians.push_back({name, successor.image, *cause});
    }
  }

  void assess_holders() {
    if (!before_.recovery) return;
    for (const auto& [name, key] : before_.recovery->holders) {
      const bool kept = after_.recovery && after_.recovery->holders.contains(name) &&
                        after_.recovery->holders.find(name)->second == key;
      if (!kept) out_.holders.push_back(name);
    }
  }

  // The record says from which instance, and by whom it was admitted, but not from which account:
  // any that the role had.
  void assess_release(const ReleasedKey& entry) {
    if (!releases(entry.operation)) return;
    const Image* image = before_.image(entry.image);
    if (image == nullptr) image = after_.image(entry.image);
    if (image == nullptr) {
      out_.exposures.push_back({entry, LossCause::image});
      return;
    }
    static const Pins kUnknown;
    const Role* const role = before_.role(entry.role);
    const std::string instance = entry.module_id.substr(0, entry.module_id.rfind("-enc"));
    const Pins instances = std::vector<Pin>{{instance, pcr_of_text(instance)}};
    const Enclave enclave{image, role == nullptr ? kUnknown : role->accounts, instances};
    const Successor successor = remaining_.successor(enclave, Side::initiator);
    if (const auto cause = lost(successor, entry.key, {entry.operation})) {
      out_.exposures.push_back({entry, *cause});
    }
  }

  [[nodiscard]] std::optional<LossCause> lost(const Successor& successor, std::string_view keys,
                                              const Operations& operations) const {
    return cause_of(successor, [&](std::string_view role) {
      return remaining_.lacking_released(role, keys, operations);
    });
  }

  [[nodiscard]] Successors successors_of(const Role& role, Side side) const {
    Successors out;
    for (const std::uint32_t index : role.images) {
      const Enclave enclave{&before_.images[index], role.accounts, role.instances};
      out.push_back(remaining_.successor(enclave, side));
    }
    return out;
  }

  const Model& before_;
  const Model& after_;
  const Remaining remaining_;
  Impact out_;
};

}  // namespace

bool releases(Operation operation) noexcept {
  return operation == Operation::get || operation == Operation::derive;
}

std::string_view to_string(LossCause cause) noexcept {
  switch (cause) {
    case LossCause::image:
      return "image";
    case LossCause::place:
      return "place";
    case LossCause::grant:
      return "grant";
    case LossCause::expired:
      return "expired";
  }
  return "unknown";
}

Impact impact(const Model& before, const Model& after, base::UnixMillis now,
              const ReleasedKeys& released) {
  Impact out = Assessment(before, after, now).run(released.keys);
  out.is_record_cut = !released.is_complete;
  return out;
}

Finality finality(const Model& older) {
  Finality out{older.serial, older.valid_until, std::nullopt};
  if (older.freshness) out.freshness_seconds = older.freshness->max_age_seconds;
  return out;
}

}  // namespace concordat::policy

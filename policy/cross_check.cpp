#include "policy/cross_check.hpp"

#include <algorithm>

namespace concordat::policy {

void CrossCheck::index_images() {
  for (std::uint32_t i = 0; i < model_.images.size(); ++i)
    images_.emplace(model_.images[i].name, i);
}

std::optional<std::uint32_t> CrossCheck::image(std::string_view name, const json::Path& path) {
  const auto found = images_.find(name);
  if (found != images_.end()) return found->second;
  report_.error(PolicyErrc::dangling_name, path, "/images has no " + quote(name));
  return std::nullopt;
}

bool CrossCheck::role(std::string_view name, const json::Path& path) {
  if (model_.role(name) != nullptr) return true;
  report_.error(PolicyErrc::dangling_name, path, "/roles has no " + quote(name));
  return false;
}

void CrossCheck::finish() {
  // What was misread contradicts the rest by consequence only.
  if (report_.has_errors()) return;
  check_roots();
  check_custodians();
}

void CrossCheck::check_roots() {
  const auto& roots = model_.root_generations;
  const auto not_ascending = [](const RootGeneration& a, const RootGeneration& b) {
    return a.generation >= b.generation;
  };
  if (std::ranges::adjacent_find(roots, not_ascending) != roots.end()) {
    report_.error(PolicyErrc::bad_roots, "/root/generations", "generations must ascend");
  }
  const auto current = std::ranges::count(roots, true, &RootGeneration::current);
  if (!roots.empty() && current != 1) {
    report_.error(
        PolicyErrc::bad_roots, "/root/generations",
        "want exactly one generation in state \"current\", found " + std::to_string(current));
  }
  if (!roots.empty() && !model_.kms_key_arn) {
    report_.error(PolicyErrc::bad_roots, "/root/kms_key_arn",
                  "\"none\", but there are root generations to unseal");
  }
}

// The same image, signed or not, measures the same in an attacker's account: only PCR3 or PCR4 ties
// a custodian to its owner.
void CrossCheck::check_custodians() {
  const Purpose* const keys = model_.purpose(kKeysPurpose);
  if (keys == nullptr) return;
  for (const std::string& name : keys->responder) {
    const Role* const role = model_.role(name);
    if (role == nullptr) continue;
    if (!role->accounts && !role->instances) {
      report_.error(PolicyErrc::custodian_unpinned, "/roles" + pointer_token(name),
                    "a custodian (it answers \"keys\") with neither accounts nor instances pinned "
                    "could run in anyone's account; pin one of them");
    }
    if (!model_.kms_key_arn) {
      report_.error(PolicyErrc::bad_roots, "/root/kms_key_arn",
                    "\"none\", but the custodian role " + quote(name) + " needs a key to unseal");
    }
  }
}

}  // namespace concordat::policy

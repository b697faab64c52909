#include "policy/cross_check.hpp"

#include <algorithm>

#include "policy/replicas.hpp"

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

bool CrossCheck::purpose(std::string_view name, const json::Path& path) {
  if (model_.purpose(name) != nullptr) return true;
  report_.error(PolicyErrc::dangling_name, path, "/purposes has no " + quote(name));
  return false;
}

void CrossCheck::finish() {
  // What was misread contradicts the rest by consequence only.
  if (report_.has_errors()) return;
  check_roots();
  check_custodians();
  check_recovery();
  check_keys();
  check_administration();
  check_replication();
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

void CrossCheck::check_recovery() {
  if (!model_.recovery || model_.recovery->threshold <= model_.recovery->holders.size()) return;
  report_.error(PolicyErrc::bad_value, "/recovery/threshold",
                std::to_string(model_.recovery->threshold) + " of " +
                    std::to_string(model_.recovery->holders.size()) +
                    " holders: the root could never be restored");
}

// Whoever holds one key must not be counted as two, nor a signature made in one office serve in
// another.
void CrossCheck::check_keys() {
  std::map<std::string, std::string> owners;  // key in hex -> pointer
  const auto claim = [&](const std::string& key, const std::string& pointer) {
    const auto [owner, is_new] = owners.emplace(key, pointer);
    if (!is_new) {
      report_.error(PolicyErrc::key_reused, pointer, "the same key as " + owner->second);
    }
  };
  for (const OfficeKey& office : office_keys(model_))
    claim(office.key.hex(), office.pointer);
  if (!model_.recovery) return;
  for (const auto& [name, key] : model_.recovery->holders)
    claim(key.hex(), "/recovery/holders" + pointer_token(name) + "/key");
}

// What an operator sends over "admin" is for custodians alone.
void CrossCheck::check_administration() {
  const Purpose* const admin = model_.purpose(kAdminPurpose);
  if (admin == nullptr) return;
  if (!admin->initiator.empty()) {
    report_.error(PolicyErrc::purpose_misused, "/purposes/admin/initiator",
                  "only operators ask for \"admin\", and no role");
  }
  want_custodians(admin->responder, "/purposes/admin/responder",
                  "what operators send to a custodian would reach another enclave");
}

// Whoever asks gets the root, and whoever answers is believed to have it.
void CrossCheck::check_replication() {
  const Purpose* const replica = model_.purpose(kReplicaPurpose);
  if (replica == nullptr) return;
  want_custodians(replica->initiator, "/purposes/replica/initiator",
                  "the root is for custodians alone");
  want_custodians(replica->responder, "/purposes/replica/responder",
                  "nobody but a custodian has a root to give");
}

void CrossCheck::want_custodians(const std::vector<std::string>& roles, const char* pointer,
                                 const char* why) {
  const Purpose* const keys = model_.purpose(kKeysPurpose);
  for (const std::string& role : roles) {
    if (keys != nullptr && std::ranges::find(keys->responder, role) != keys->responder.end()) {
      continue;
    }
    report_.error(PolicyErrc::purpose_misused, pointer,
                  "role " + quote(role) + " does not answer \"keys\": " + why);
  }
}

std::vector<OfficeKey> office_keys(const Model& model) {
  std::vector<OfficeKey> out;
  if (model.freshness) out.push_back({model.freshness->key, "/freshness/key"});
  for (const auto& [name, entry] : model.operators)
    out.push_back({entry.key, "/operators" + pointer_token(name) + "/key"});
  return out;
}

std::optional<OfficeKey> signer_in_office(const Model& model,
                                          const attest::AuthorityDescriptor& authority) {
  for (OfficeKey& office : office_keys(model)) {
    if (std::ranges::find(authority.signers(), office.key) != authority.signers().end()) {
      return std::move(office);
    }
  }
  return std::nullopt;
}

}  // namespace concordat::policy

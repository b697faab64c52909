#include "policy/edit.hpp"

#include <algorithm>

#include "policy/edit_file.hpp"
#include "policy/finding.hpp"
#include "policy/limits.hpp"
#include "policy/parse.hpp"

namespace concordat::policy {
namespace {

Json validity_entry(base::UnixMillis not_before, std::chrono::milliseconds validity) {
  return {{"not_before", base::format_rfc3339(not_before)},
          {"not_after", base::format_rfc3339(not_before + validity)}};
}

Json freshness_entry(const std::optional<Freshness>& freshness) {
  if (!freshness) return "none";
  return {{"key", freshness->key.hex()}, {"max_age_seconds", freshness->max_age_seconds}};
}

Json recovery_entry(const std::optional<Recovery>& recovery) {
  if (!recovery) return "none";
  Json holders = Json::object();
  for (const auto& [name, key] : recovery->holders)
    holders[name] = {{"key", key.hex()}};
  return {{"threshold", recovery->threshold}, {"holders", std::move(holders)}};
}

// A root that KMS sealed under one key is not to be had from another: those that are pinned keep
// theirs, and the next one is sealed under the new one.
void set_kms_key(Json& root, const std::string& arn) {
  if (root["kms_key_arn"] == arn) return;
  for (Json& generation : root["generations"]) {
    if (!generation.contains("kms_key_arn")) generation["kms_key_arn"] = root["kms_key_arn"];
  }
  root["kms_key_arn"] = arn;
}

base::Status make_root_current(Json& generations, std::uint32_t number) {
  const auto is_it = [number](const Json& entry) { return entry["generation"] == number; };
  if (std::ranges::none_of(generations, is_it)) {
    return base::Error(EditErrc::nothing_matches,
                       "no root generation " + std::to_string(number) + " is pinned");
  }
  for (Json& entry : generations)
    entry["state"] = is_it(entry) ? "current" : "read_only";
  return {};
}

base::Status retire_root(Json& generations, std::uint32_t number) {
  for (std::size_t i = 0; i < generations.size(); ++i) {
    if (generations[i]["generation"] != number || generations[i]["state"] == "current") continue;
    generations.erase(i);
    return {};
  }
  return base::Error(EditErrc::nothing_matches,
                     "no root generation " + std::to_string(number) + " is read only");
}

base::Status set_maximum_live(Json& roles, const std::string& role,
                              const std::optional<std::uint64_t>& limit) {
  if (!roles.contains(role)) {
    return base::Error(EditErrc::nothing_matches, "/roles has no " + quote(role));
  }
  roles[role]["maximum_live"] = limit ? Json(*limit) : Json("any");
  return {};
}

base::Status set_rotation(Json& rotation, const std::string& keys,
                          const std::optional<std::uint64_t>& every_seconds) {
  if (every_seconds) {
    rotation[keys] = {{"every_seconds", *every_seconds}};
    return {};
  }
  if (rotation.erase(keys) == 1) return {};
  return base::Error(EditErrc::nothing_matches, "/rotation has no " + quote(keys));
}

void set_number(Json& field, const std::optional<std::uint64_t>& number) {
  if (number) field = *number;
}

void add_administration(Json& file) {
  const std::string keys(kKeysPurpose);
  Json custodians = Json::array();
  if (file["purposes"].contains(keys)) custodians = file["purposes"][keys]["responder"];
  file["purposes"][std::string(kAdminPurpose)] = {{"initiator", Json::array()},
                                                  {"responder", std::move(custodians)}};
}

}  // namespace

base::CodeInfo describe(EditErrc code) noexcept {
  switch (code) {
    case EditErrc::name_taken:
      return {"name_taken", "the name already stands for something else"};
    case EditErrc::root_pinned:
      return {"root_already_pinned", "the policy already pins a root"};
    case EditErrc::serial_exhausted:
      return {"serial_exhausted", "the serial cannot go up any more"};
    case EditErrc::other_authority:
      return {"edit_other_authority", "the policy is of another authority"};
    case EditErrc::already_granted:
      return {"already_granted", "the policy already has this grant"};
    case EditErrc::nothing_matches:
      return {"nothing_matches", "the policy has nothing of that name"};
    case EditErrc::debug_document:
      return {"document_in_debug_mode", "the document is of an enclave in debug mode"};
    case EditErrc::register_not_set:
      return {"register_not_set", "the document has nothing in the register to pin"};
  }
  return {"unknown", "unknown edit error"};
}

base::Result<std::string> canonical_policy(std::string_view text) {
  CONCORDAT_TRY(const Json file, open_file(text));
  return written(file);
}

base::Result<std::string> new_policy(const attest::AuthorityDescriptor& authority,
                                     const std::optional<std::string>& kms_key_arn,
                                     base::UnixMillis not_before,
                                     std::chrono::milliseconds validity) {
  const Json file = {
      {"format", kPolicyFormat},
      {"realm", authority.realm()},
      {"serial", 1},
      {"validity", validity_entry(not_before, validity)},
      {"authority", authority.digest().hex()},
      {"minimum_protocol_version", 1},
      {"document_max_age_seconds", limits::kDefaultDocumentAgeSeconds},
      {"channel_life",
       {{"seconds", limits::kDefaultChannelSeconds},
        {"bytes", limits::kMaxChannelBytes},
        {"records", limits::kMaxChannelRecords}}},
      {"freshness", "none"},
      {"root", {{"kms_key_arn", kms_key_arn.value_or("none")}, {"generations", Json::array()}}},
      {"images", Json::object()},
      {"roles", Json::object()},
      {"purposes", {{kKeysPurpose, {{"initiator", Json::array()}, {"responder", Json::array()}}}}},
      {"grants", Json::array()},
      {"rotation", Json::object()},
      {"operators", Json::object()},
      {"recovery", "none"},
  };
  return written(file);
}

base::Result<std::string> pin_root(std::string_view text, std::uint32_t generation,
                                   base::BytesView commitment) {
  CONCORDAT_TRY(Json file, open_file(text));
  CONCORDAT_TRY(const Model model, load_policy(text));
  if (generation != model.next_root_generation()) {
    return base::Error(EditErrc::root_pinned,
                       "the next generation is " + std::to_string(model.next_root_generation()));
  }
  Json& generations = file["root"]["generations"];
  generations.push_back({{"generation", generation},
                         {"state", generations.empty() ? "current" : "read_only"},
                         {"commitment", base::to_hex(commitment)}});
  return close_file(std::move(file));
}

base::Result<std::string> renew(std::string_view text, base::UnixMillis not_before,
                                std::chrono::milliseconds validity) {
  CONCORDAT_TRY(Json file, open_file(text));
  file["validity"] = validity_entry(not_before, validity);
  return close_file(std::move(file));
}

base::Result<std::string> add_operator(std::string_view text, const std::string& name,
                                       const Operator& entry) {
  CONCORDAT_TRY(Json file, open_file(text));
  CONCORDAT_TRY(const Model model, load_policy(text));
  const auto earlier = model.operators.find(name);
  if (earlier != model.operators.end() && earlier->second.key != entry.key) {
    return base::Error(EditErrc::name_taken, "operator " + quote(name) + " has the key " +
                                                 earlier->second.key.hex() +
                                                 "; revoke that one first");
  }
  Json& operators = file["operators"];
  if (earlier == model.operators.end()) {
    operators[name] = {{"key", entry.key.hex()}, {"purposes", Json::array()}};
  }
  for (const std::string& purpose : entry.purposes) {
    add_once(operators[name]["purposes"], purpose);
    if (purpose == kAdminPurpose && model.purpose(purpose) == nullptr) add_administration(file);
  }
  return close_file(std::move(file));
}

base::Result<std::string> change_settings(std::string_view text, const Settings& settings) {
  CONCORDAT_TRY(Json file, open_file(text));
  if (settings.freshness) file["freshness"] = freshness_entry(*settings.freshness);
  if (settings.recovery) file["recovery"] = recovery_entry(*settings.recovery);
  if (settings.kms_key_arn) set_kms_key(file["root"], *settings.kms_key_arn);
  Json& generations = file["root"]["generations"];
  if (settings.current_root) {
    CONCORDAT_CHECK(make_root_current(generations, *settings.current_root));
  }
  if (settings.retired_root) CONCORDAT_CHECK(retire_root(generations, *settings.retired_root));
  if (settings.audited_uses) file["audited_uses"] = to_string(*settings.audited_uses);
  set_number(file["minimum_protocol_version"], settings.minimum_protocol_version);
  set_number(file["document_max_age_seconds"], settings.document_max_age_seconds);
  set_number(file["channel_life"]["seconds"], settings.channel_seconds);
  set_number(file["channel_life"]["bytes"], settings.channel_bytes);
  set_number(file["channel_life"]["records"], settings.channel_records);
  for (const auto& [role, limit] : settings.maximum_live)
    CONCORDAT_CHECK(set_maximum_live(file["roles"], role, limit));
  for (const auto& [keys, every_seconds] : settings.rotation)
    CONCORDAT_CHECK(set_rotation(file["rotation"], keys, every_seconds));
  return close_file(std::move(file));
}

base::Result<std::string> name_authority(std::string_view text,
                                         const attest::AuthorityDescriptor& authority,
                                         const attest::AuthorityDescriptor& successor) {
  CONCORDAT_TRY(const Model model, load_policy(text));
  if (model.authority == successor.digest()) return std::string(text);
  if (model.authority != authority.digest()) {
    return base::Error(EditErrc::other_authority, "it names " + model.authority.hex());
  }
  CONCORDAT_TRY(Json file, open_file(text));
  file["authority"] = successor.digest().hex();
  return close_file(std::move(file));
}

}  // namespace concordat::policy

#include "policy/edit.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "policy/limits.hpp"
#include "policy/parse.hpp"

namespace concordat::policy {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kCustodianRole = "custodian";

base::Result<std::string> written(const Json& file) {
  std::string text = file.dump(2) + "\n";
  CONCORDAT_CHECK(load_policy(text));
  return text;
}

// The file as a tree, once it is known to be a policy.
base::Result<Json> opened(std::string_view text) {
  CONCORDAT_CHECK(load_policy(text));
  return Json::parse(text);
}

base::Result<std::string> closed(Json file) {
  const auto serial = file["serial"].get<std::uint64_t>();
  if (serial >= limits::kInteger) return base::Error(EditErrc::serial_exhausted);
  file["serial"] = serial + 1;
  return written(file);
}

void add_once(Json& list, const std::string& text) {
  if (std::ranges::find(list, Json(text)) == list.end()) list.push_back(text);
}

Json image_entry(const Measurements& measurements) {
  return {{"PCR0", measurements.pcr0.hex()},
          {"PCR1", measurements.pcr1.hex()},
          {"PCR2", measurements.pcr2.hex()},
          {"PCR8", measurements.pcr8 ? measurements.pcr8->hex() : "any"}};
}

base::Status add_image(Json& file, const Enrolment& enrolment) {
  const Json entry = image_entry(enrolment.measurements);
  Json& images = file["images"];
  const auto found = images.find(enrolment.image);
  if (found == images.end()) {
    images[enrolment.image] = entry;
  } else if (*found != entry) {
    return base::Error(EditErrc::name_taken,
                       enrolment.image + ": choose another name, such as one with a version");
  }
  return {};
}

// "any" gives way to the first pin.
void add_pins(Json& role, const char* key, const std::vector<std::string>& pins) {
  if (pins.empty()) return;
  Json& list = role[key];
  if (!list.is_array()) list = Json::array();
  for (const std::string& pin : pins)
    add_once(list, pin);
}

// True when the role is new.
bool add_role(Json& file, const Enrolment& enrolment) {
  Json& roles = file["roles"];
  const bool is_new = !roles.contains(enrolment.role);
  if (is_new) {
    roles[enrolment.role] = {{"images", Json::array()},
                             {"accounts", "any"},
                             {"instances", "any"},
                             {"maximum_live", "any"}};
  }
  Json& role = roles[enrolment.role];
  add_once(role["images"], enrolment.image);
  add_pins(role, "accounts", enrolment.accounts);
  add_pins(role, "instances", enrolment.instances);
  return is_new;
}

void add_to_purpose(Json& file, const PurposeSide& entry, const std::string& role) {
  Json& purposes = file["purposes"];
  if (!purposes.contains(entry.purpose)) {
    purposes[entry.purpose] = {{"initiator", Json::array()}, {"responder", Json::array()}};
  }
  add_once(purposes[entry.purpose][std::string(to_string(entry.side))], role);
}

void add_grant(Json& file, const NewGrant& grant, const std::string& role) {
  const Json entry = {{"role", role},
                      {"keys", grant.keys},
                      {"operations", grant.operations},
                      {"use_limit", "none"},
                      {"expires", "never"}};
  Json& grants = file["grants"];
  if (std::ranges::find(grants, entry) == grants.end()) grants.push_back(entry);
}

}  // namespace

base::CodeInfo describe(EditErrc code) noexcept {
  switch (code) {
    case EditErrc::name_taken:
      return {"image_name_taken", "the image name already stands for other measurements"};
    case EditErrc::root_pinned:
      return {"root_already_pinned", "the policy already pins a root"};
    case EditErrc::serial_exhausted:
      return {"serial_exhausted", "the serial cannot go up any more"};
    case EditErrc::other_authority:
      return {"edit_other_authority", "the policy is of another authority"};
  }
  return {"unknown", "unknown edit error"};
}

base::Result<std::string> canonical_policy(std::string_view text) {
  CONCORDAT_TRY(const Json file, opened(text));
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
      {"validity",
       {{"not_before", base::format_rfc3339(not_before)},
        {"not_after", base::format_rfc3339(not_before + validity)}}},
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
      {"operators", Json::object()},
      {"recovery", "none"},
  };
  return written(file);
}

base::Result<std::string> enroll(std::string_view text, const Enrolment& enrolment) {
  CONCORDAT_TRY(Json file, opened(text));
  CONCORDAT_CHECK(add_image(file, enrolment));
  const bool is_new = add_role(file, enrolment);
  for (const PurposeSide& entry : enrolment.purposes)
    add_to_purpose(file, entry, enrolment.role);
  if (is_new && enrolment.purposes.empty()) {
    const Side side = enrolment.role == kCustodianRole ? Side::responder : Side::initiator;
    add_to_purpose(file, {std::string(kKeysPurpose), side}, enrolment.role);
  }
  for (const NewGrant& grant : enrolment.grants)
    add_grant(file, grant, enrolment.role);
  return closed(std::move(file));
}

base::Result<std::string> pin_first_root(std::string_view text, base::BytesView commitment) {
  CONCORDAT_TRY(Json file, opened(text));
  Json& generations = file["root"]["generations"];
  if (!generations.empty()) {
    return base::Error(EditErrc::root_pinned,
                       "generation " + generations.back()["generation"].dump());
  }
  generations.push_back({{"generation", kFirstRootGeneration},
                         {"state", "current"},
                         {"commitment", base::to_hex(commitment)}});
  return closed(std::move(file));
}

base::Result<std::string> name_authority(std::string_view text,
                                         const attest::AuthorityDescriptor& authority,
                                         const attest::AuthorityDescriptor& successor) {
  CONCORDAT_TRY(const Model model, load_policy(text));
  if (model.authority == successor.digest()) return std::string(text);
  if (model.authority != authority.digest()) {
    return base::Error(EditErrc::other_authority, "it names " + model.authority.hex());
  }
  CONCORDAT_TRY(Json file, opened(text));
  file["authority"] = successor.digest().hex();
  return closed(std::move(file));
}

}  // namespace concordat::policy

#include "policy/enroll.hpp"

#include <algorithm>

#include "attest/claims.hpp"
#include "policy/edit_file.hpp"

namespace concordat::policy {
namespace {

using attest::VerifiedClaims;

constexpr std::string_view kCustodianRole = "custodian";

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
                       "image " + enrolment.image +
                           " has other measurements: choose another name, such as one with a "
                           "version");
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
  if (enrolment.maximum_live) role["maximum_live"] = *enrolment.maximum_live;
  return is_new;
}

void add_to_purpose(Json& file, const PurposeSide& entry, const std::string& role) {
  Json& purposes = file["purposes"];
  if (!purposes.contains(entry.purpose)) {
    purposes[entry.purpose] = {{"initiator", Json::array()}, {"responder", Json::array()}};
  }
  add_once(purposes[entry.purpose][std::string(to_string(entry.side))], role);
}

bool answers(const Json& file, std::string_view purpose, const std::string& role) {
  const auto found = file["purposes"].find(std::string(purpose));
  if (found == file["purposes"].end()) return false;
  const Json& responders = (*found)["responder"];
  return std::ranges::find(responders, Json(role)) != responders.end();
}

// Where custodians are administered, a new one is as well.
void administer_too(Json& file, const std::string& role, bool was_custodian) {
  if (was_custodian || !answers(file, kKeysPurpose, role)) return;
  if (!file["purposes"].contains(std::string(kAdminPurpose))) return;
  add_to_purpose(file, {std::string(kAdminPurpose), Side::responder}, role);
}

base::Result<std::string> register_of(const VerifiedClaims& claims, unsigned index,
                                      const char* meaning) {
  const auto value = claims.pcr(index);
  if (value && !value->is_zero()) return value->hex();
  return base::Error(
      EditErrc::register_not_set,
      "PCR" + std::to_string(index) + " is " + (value ? "all zero" : "absent") + ": " + meaning);
}

}  // namespace

base::Result<std::string> enroll(std::string_view text, const Enrolment& enrolment) {
  CONCORDAT_TRY(Json file, open_file(text));
  CONCORDAT_CHECK(add_image(file, enrolment));
  const bool was_custodian = answers(file, kKeysPurpose, enrolment.role);
  const bool is_new = add_role(file, enrolment);
  for (const PurposeSide& entry : enrolment.purposes)
    add_to_purpose(file, entry, enrolment.role);
  if (is_new && enrolment.purposes.empty()) {
    const Side side = enrolment.role == kCustodianRole ? Side::responder : Side::initiator;
    add_to_purpose(file, {std::string(kKeysPurpose), side}, enrolment.role);
  }
  administer_too(file, enrolment.role, was_custodian);
  for (const NewGrant& grant : enrolment.grants)
    add_grant(file, enrolment.role, grant);
  return close_file(std::move(file));
}

base::Result<Measurements> measurements_of(const VerifiedClaims& claims) {
  if (claims.debug()) return base::Error(EditErrc::debug_document);
  const auto image_register = [&](unsigned index) {
    return claims.pcr(index).value_or(PcrValue());
  };
  Measurements out{image_register(0), image_register(1), image_register(2), claims.pcr(8)};
  // What an image without a signature leaves there.
  if (out.pcr8 && out.pcr8->is_zero()) out.pcr8.reset();
  return out;
}

base::Result<std::string> account_of(const VerifiedClaims& claims) {
  return register_of(claims, kAccountPcr, "the instance had no IAM role");
}

base::Result<std::string> instance_of(const VerifiedClaims& claims) {
  return register_of(claims, kInstancePcr, "no instance id was measured");
}

}  // namespace concordat::policy

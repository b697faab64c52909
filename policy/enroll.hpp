// Letting an image play a role: one edit for all that a new enclave needs.
#pragma once

#include "policy/edit_grants.hpp"
#include "policy/evaluate.hpp"
#include "policy/measurements.hpp"

namespace concordat::policy {

struct PurposeSide {
  std::string purpose;
  Side side = Side::initiator;
};

struct Enrolment {
  std::string image;
  Measurements measurements;
  std::string role;  // made when there is none
  // Added to what the role pins; a new role that pins none says "any".
  std::vector<std::string> accounts;
  std::vector<std::string> instances;
  // What the role says from now on; nullopt: as before, "any" for a new one.
  std::optional<std::uint64_t> maximum_live;
  // Added. A new role with none answers "keys" when it is called "custodian", and asks for it
  // otherwise.
  std::vector<PurposeSide> purposes;
  std::vector<NewGrant> grants;
};
// name_taken when the image name stands for other measurements: an image is never overwritten.
[[nodiscard]] base::Result<std::string> enroll(std::string_view text, const Enrolment& enrolment);

// The registers of the enclave that a verified document is of. debug_document: all zero, and of no
// image.
[[nodiscard]] base::Result<Measurements> measurements_of(const attest::VerifiedClaims& claims);
// What the document has in PCR3 or PCR4, in hex, to be pinned as account or instance;
// register_not_set when that is nothing: absent or all zero.
[[nodiscard]] base::Result<std::string> account_of(const attest::VerifiedClaims& claims);
[[nodiscard]] base::Result<std::string> instance_of(const attest::VerifiedClaims& claims);

}  // namespace concordat::policy

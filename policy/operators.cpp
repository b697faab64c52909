#include "policy/operators.hpp"

#include <algorithm>

#include "policy/errc.hpp"
#include "policy/finding.hpp"

namespace concordat::policy {
namespace {

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

const Operators::value_type* operator_with(const Model& model, const attest::SignerKey& key) {
  const auto found = std::ranges::find_if(
      model.operators, [&](const auto& entry) { return entry.second.key == key; });
  return found == model.operators.end() ? nullptr : &*found;
}

base::Result<AdmittedOperator> admit_operator(const Policy& policy,
                                              const OperatorQuestion& question) {
  using base::Error;
  const Model& model = policy.model();
  const Purpose* const purpose = model.purpose(question.purpose);
  if (purpose == nullptr) return Error(AdmissionErrc::purpose_unknown, quote(question.purpose));
  if (!contains(purpose->responder, question.my_role)) {
    return Error(AdmissionErrc::own_role_not_in_purpose,
                 quote(question.my_role) + " does not answer " + quote(question.purpose));
  }
  const auto* const entry = operator_with(model, question.key);
  if (entry == nullptr) {
    return Error(AdmissionErrc::operator_unknown, "key " + key_id(question.key));
  }
  if (!contains(entry->second.purposes, question.purpose)) {
    return Error(AdmissionErrc::operator_not_in_purpose,
                 "operator " + entry->first + " may not ask for " + quote(question.purpose));
  }
  if (!check_signature(question.signature, question.message, entry->second.key)) {
    return Error(AdmissionErrc::bad_operator_signature, "operator " + entry->first);
  }
  AdmittedOperator admitted;
  admitted.name_ = entry->first;
  admitted.key_ = entry->second.key;
  admitted.purpose_ = question.purpose;
  admitted.policy_serial_ = policy.serial();
  admitted.policy_digest_ = policy.digest();
  return admitted;
}

}  // namespace concordat::policy

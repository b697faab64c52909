#include "keyservice/audit/admission_check.hpp"

#include "attest/mint.hpp"
#include "keyservice/audit/freshness_check.hpp"
#include "peer/judge.hpp"
#include "policy/dsse.hpp"
#include "policy/evaluate.hpp"

namespace concordat::keyservice::audit {
namespace {

using attest::Purpose;

// Why the operator is none of policy's; empty: it is.
std::string fault_of_operator(const Subject& subject, const policy::Policy& policy) {
  const auto found = policy.model().operators.find(subject.name);
  if (found == policy.model().operators.end()) return "policy lists no such operator";
  if (policy::key_id(found->second.key) != subject.id) return "policy lists another key for it";
  return {};
}

// Why the document is of another handshake than one that the entry tells of; empty: it is not.
std::string fault_of_statement(const Event& event, const attest::VerifiedClaims& claims,
                               const policy::Policy& policy) {
  auto items = attest::check_purpose(Purpose::handshake_initiator, claims);
  if (!items) items = attest::check_purpose(Purpose::handshake_responder, claims);
  if (!items) return "the document was not made for a handshake";
  const auto stated = peer::decode_statement(items->encoded);
  if (!stated || items->count != peer::kStatementItems) return "the document states no handshake";
  if (stated->purpose != event.purpose) return "the document is for '" + stated->purpose + "'";
  if (stated->role != event.subject->name) return "the document claims role '" + stated->role + "'";
  if (stated->policy != peer::policy_reference(policy)) {
    return "the document is under the policy of serial " + std::to_string(stated->policy.serial);
  }
  return {};
}

// Why policy does not admit the enclave; empty: it does.
std::string fault_of_enclave(const Event& event, const attest::VerifiedClaims& claims,
                             const policy::Policy& policy,
                             const attest::AuthorityDescriptor& authority) {
  const Subject& subject = *event.subject;
  if (auto fault = fault_of_statement(event, claims, policy); !fault.empty()) return fault;
  if (claims.module_id() != subject.id) return "the document is of " + claims.module_id();
  const auto evaluation =
      policy::evaluate_role(policy.model(), subject.name, claims, authority.pcr16());
  if (!evaluation.verdict) return evaluation.verdict.error().to_string();
  if (evaluation.image != subject.image) return "it is of image " + evaluation.image;
  return {};
}

}  // namespace

void check_admission(std::uint64_t index, const Entry& entry,
                     const attest::AuthorityDescriptor& authority, EvidenceCheck& evidence,
                     FindingList& findings) {
  if (entry.event.kind != Kind::admission) return;
  const auto& subject = entry.event.subject;
  const auto* const policy_hash = entry.event.evidence_of(EvidenceType::policy);
  const auto* const document = entry.event.evidence_of(EvidenceType::document);
  const bool is_enclave = subject && subject->type == SubjectType::enclave;
  if (!subject || policy_hash == nullptr || (is_enclave && document == nullptr)) {
    findings.add(Fault::evidence_absent, entry_place(index),
                 "an admission says who, and refers to the policy and an enclave's document");
    return;
  }
  const auto policy = evidence.policy(index, *policy_hash, authority, entry.time);
  if (!policy) return;
  check_freshness(index, entry, *policy, true, evidence, findings);
  std::string fault;
  if (is_enclave) {
    const ClaimsPtr claims = evidence.document(index, *document);
    if (!claims) return;
    const auto old = entry.time - claims->timestamp();
    if (old > policy->document_max_age() + kMaxAdmissionTime || old < -kMaxAdmissionTime) {
      findings.add(Fault::time_differs, entry_place(index),
                   "the document was made " + std::to_string(old.count() / 1000) +
                       " s before the admission");
    }
    fault = fault_of_enclave(entry.event, *claims, *policy, authority);
  } else {
    fault = fault_of_operator(*subject, *policy);
  }
  if (!fault.empty()) findings.add(Fault::admission_unfounded, entry_place(index), fault);
}

}  // namespace concordat::keyservice::audit

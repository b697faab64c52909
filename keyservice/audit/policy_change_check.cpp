#include "keyservice/audit/policy_change_check.hpp"

#include "keyservice/audit/details.hpp"
#include "keyservice/audit/freshness_check.hpp"

namespace concordat::keyservice::audit {

void check_policy_change(std::uint64_t index, const Entry& entry,
                         const attest::AuthorityDescriptor& authority, EvidenceCheck& evidence,
                         FindingList& findings) {
  if (entry.event.kind != Kind::policy_change) return;
  const auto* const hash = entry.event.evidence_of(EvidenceType::policy);
  if (hash == nullptr) {
    findings.add(Fault::evidence_absent, entry_place(index),
                 "a change of policy refers to the policy");
    return;
  }
  const auto policy = evidence.policy(index, *hash, authority, entry.time);
  if (!policy) return;
  if (const std::string made = policy_change_detail(policy->serial()); made != entry.event.detail) {
    findings.add(Fault::statement_differs, entry_place(index),
                 "it tells of " + entry.event.detail + ", its policy is of " + made);
  }
  check_freshness(index, entry, *policy, false, evidence, findings);
}

}  // namespace concordat::keyservice::audit

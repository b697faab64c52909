#include "keyservice/audit/freshness_check.hpp"

#include "policy/errc.hpp"
#include "policy/freshness.hpp"

namespace concordat::keyservice::audit {
namespace {

// The statement counted when the peer was judged, which is some moments before the entry.
base::Status check_statement(base::BytesView statement, const policy::Policy& policy,
                             base::UnixMillis at) {
  const auto verified = policy::FreshnessStatement::verify(statement, policy, at);
  if (verified) return {};
  if (!verified.error().is(policy::FreshnessErrc::too_old)) return verified.error();
  const auto earlier =
      policy::FreshnessStatement::verify(statement, policy, at - kMaxAdmissionTime);
  return earlier ? base::Status() : base::Status(earlier.error());
}

}  // namespace

void check_freshness(std::uint64_t index, const Entry& entry, const policy::Policy& policy,
                     bool is_needed, EvidenceCheck& evidence, FindingList& findings) {
  const auto* const hash = entry.event.evidence_of(EvidenceType::freshness);
  if (hash == nullptr) {
    if (is_needed && policy.model().freshness) {
      findings.add(Fault::evidence_absent, entry_place(index),
                   "its policy wants a freshness statement, and it refers to none");
    }
    return;
  }
  const auto statement = evidence.content(*hash);
  if (!statement) return;  // told by require()
  if (const auto checked = check_statement(*statement, policy, entry.time); !checked) {
    findings.add(Fault::freshness_invalid, entry_place(index),
                 evidence_name(*hash) + ": " + checked.error().to_string());
  }
}

}  // namespace concordat::keyservice::audit

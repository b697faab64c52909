#include "keyservice/audit/genesis_check.hpp"

#include <algorithm>

#include "keyservice/audit/details.hpp"
#include "policy/genesis.hpp"

namespace concordat::keyservice::audit {

void check_genesis(std::uint64_t index, const Entry& entry, const policy::Policy& boot_policy,
                   EvidenceCheck& evidence, FindingList& findings) {
  if (entry.event.kind != Kind::genesis) return;
  const std::string& told = entry.event.detail;
  const auto differs = [&](const std::string& how) {
    findings.add(Fault::statement_differs, entry_place(index), "it tells of " + told + how);
  };
  const bool is_pinned =
      std::ranges::any_of(boot_policy.model().root_generations, [&](const auto& pinned) {
        return genesis_detail(pinned.generation, pinned.commitment) == told;
      });
  if (!is_pinned) differs(", which the boot's policy does not pin");
  const auto* const hash = entry.event.evidence_of(EvidenceType::document);
  if (hash == nullptr) return;
  const ClaimsPtr claims = evidence.document(index, *hash);
  if (!claims) return;
  const auto stated = policy::read_genesis(*claims);
  if (!stated) return differs("; its document: " + stated.error().to_string());
  const std::string made = genesis_detail(stated->generation, stated->commitment);
  if (made != told) differs("; its document states " + made);
}

}  // namespace concordat::keyservice::audit

// Who wrote a log: each boot's key, shown by its attestation document to be a custodian's under a
// policy in force then, and the checkpoint at which it took the log over.
#pragma once

#include "keyservice/audit/boot_statement.hpp"
#include "keyservice/audit/evidence_check.hpp"
#include "keyservice/audit/verify.hpp"

namespace concordat::keyservice::audit {

// A boot that was found to be good.
struct KnownBoot {
  BootStatement statement;
  attest::AuthorityDescriptor authority;
  policy::PolicyPtr policy;
};

class BootCheck {
 public:
  // All outlive this. `origin`: the checkpoint's.
  BootCheck(const Expectations& expectations, std::string origin, EvidenceCheck& evidence,
            FindingList& findings)
      : expectations_(expectations),
        origin_(std::move(origin)),
        evidence_(evidence),
        findings_(findings) {}

  // nullopt with findings unless everything about it is right.
  [[nodiscard]] std::optional<KnownBoot> check(std::uint64_t index, const Entry& entry);
  // That the boot at `index` went on from a checkpoint of the tree of so many entries, whose root
  // is given, signed by the boot before (nullptr: not known).
  void check_takeover(std::uint64_t index, const Entry& entry, const Hash& root,
                      const KnownBoot* before);
  // That both keys of `boot` signed; `place` is "checkpoint", or the evidence's name.
  void check_signatures(const Note& note, const std::string& place, const KnownBoot& boot);

  [[nodiscard]] std::vector<BootReport>& boots() noexcept { return boots_; }

 private:
  [[nodiscard]] std::optional<attest::AuthorityDescriptor> authority(
      std::uint64_t index, const base::Sha256Digest& hash);
  [[nodiscard]] std::optional<BootStatement> statement(std::uint64_t index, const Entry& entry,
                                                       const attest::VerifiedClaims& claims);
  [[nodiscard]] std::optional<BootReport> custodian(std::uint64_t index,
                                                    const policy::Policy& policy,
                                                    const attest::VerifiedClaims& claims,
                                                    const attest::AuthorityDescriptor& authority);

  const Expectations& expectations_;
  std::string origin_;
  EvidenceCheck& evidence_;
  FindingList& findings_;
  std::vector<BootReport> boots_;
};

}  // namespace concordat::keyservice::audit

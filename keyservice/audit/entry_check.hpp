// The entries of a log one after the other, as an auditor judges them, and who signed what they end
// in. That they are the tree's is somebody else's to see (tree_check.hpp, follow.hpp).
#pragma once

#include "keyservice/audit/admission_check.hpp"
#include "keyservice/audit/boot_check.hpp"
#include "keyservice/audit/genesis_check.hpp"
#include "keyservice/audit/policy_change_check.hpp"

namespace concordat::keyservice::audit {

class EntryCheck {
 public:
  // Of the tree before the entry.
  using OnRoot = std::function<Hash()>;

  // All outlive this. `origin`: the checkpoint's.
  EntryCheck(Source& source, const Expectations& expectations, std::string origin,
             FindingList& findings)
      : expectations_(expectations),
        findings_(findings),
        evidence_(source, expectations.anchors, findings),
        boots_(expectations, std::move(origin), evidence_, findings) {}

  // The next one; null with a finding when it is none. Lives until the call after.
  const Entry* check(std::uint64_t index, base::BytesView bytes, const OnRoot& root);
  // The next one cannot be read: the one after it tells where the log is.
  void miss() noexcept { is_lost_ = true; }
  // That the last boot, and every witness that is asked for, signed the log as it is now.
  void check_head(const Note& note, Report& report);

  [[nodiscard]] EvidenceCheck& evidence() noexcept { return evidence_; }
  [[nodiscard]] std::vector<BootReport>& boots() noexcept { return boots_.boots(); }

 private:
  void on_boot(std::uint64_t index, const Entry& entry, const OnRoot& root);
  void check_what_it_tells(std::uint64_t index);
  void check_order(std::uint64_t index, const Entry& entry, const OnRoot& root);
  void check_signatures(const Note& note);
  void check_witnesses(const Note& note, Report& report);

  const Expectations& expectations_;
  FindingList& findings_;
  EvidenceCheck evidence_;
  BootCheck boots_;
  std::optional<KnownBoot> boot_;  // that has the log; nullopt: none that is known to be good
  BootId boot_id_;
  std::uint64_t next_sequence_ = 0;
  bool is_lost_ = false;
  bool has_boot_ = false;
  base::UnixMillis last_time_;
  Entry entry_;  // at hand: its memory is used again for each
};

}  // namespace concordat::keyservice::audit

// A receipt of which a realm's policy judged every enclave that took part: what it confirms may
// then be acted on, for those images tell the truth about what they did.
#pragma once

#include "policy/policy.hpp"
#include "session/receipt.hpp"

namespace concordat::session {

class JudgedReceipt {
 public:
  // By the policy of a realm whose part in such sessions is `own_role`'s, whether it took part in
  // this one or not: every party's document, one's own enclave's too, as of a party that comes to a
  // run (evaluate_party). The first that policy refuses, with its code and the party's name.
  [[nodiscard]] static base::Result<JudgedReceipt> judge(VerifiedReceipt receipt,
                                                         const policy::Policy& policy,
                                                         std::string_view own_role);

  [[nodiscard]] const VerifiedReceipt& operator*() const noexcept { return receipt_; }
  [[nodiscard]] const VerifiedReceipt* operator->() const noexcept { return &receipt_; }

 private:
  explicit JudgedReceipt(VerifiedReceipt receipt) : receipt_(std::move(receipt)) {}

  VerifiedReceipt receipt_;
};

}  // namespace concordat::session

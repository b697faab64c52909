// Runs of sessions are counted by the party's own custodian, which forgets none when the enclave is
// started anew.
#pragma once

#include "keyservice/custodian_link_io.hpp"
#include "session/run_ledger.hpp"

namespace concordat::enclave {

class CustodianRunLedger final : public session::RunLedger {
 public:
  // `link` outlives this.
  explicit CustodianRunLedger(keyservice::CustodianLink& link) : link_(link) {}

  // run_not_counted with what the link or the custodian said, runs_used_up apart.
  void count(session::RunToCount run, Done done) override;

 private:
  keyservice::CustodianLink& link_;
};

}  // namespace concordat::enclave

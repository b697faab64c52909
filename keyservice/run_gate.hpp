// What a role may have counted of its sessions' runs at a time. Inputs and runs are bytes that the
// worker chooses, so that each may be an entry of the journal, which everybody's changes go through
// one by one: a role whose enclave lies delays others by a few entries, and by no more.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "attest/base/result.hpp"
#include "peer/token_bucket.hpp"

namespace concordat::keyservice {

class RunGate {
 public:
  // One count that waits for the store; over when the last copy goes.
  using Place = std::shared_ptr<const void>;

  // Errc::run_rate_exceeded, and KeyStateErrc::too_many_waiting where as many of the role wait:
  // either passes by itself. Nothing is taken where it is refused.
  [[nodiscard]] base::Result<Place> enter(const std::string& role, base::MonotonicMillis now);

 private:
  struct Account {
    explicit Account(base::MonotonicMillis now);
    peer::TokenBucket rate;
    std::shared_ptr<int> waiting = std::make_shared<int>(0);  // shared by those who wait
  };
  std::map<std::string, Account, std::less<>> accounts_;  // of roles that a policy had
};

}  // namespace concordat::keyservice

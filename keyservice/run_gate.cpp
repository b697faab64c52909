#include "keyservice/run_gate.hpp"

#include "keyservice/error.hpp"
#include "keyservice/keyring/state/errc.hpp"
#include "keyservice/limits.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;

RunGate::Account::Account(base::MonotonicMillis now)
    : rate(kRunsCountedPerSecond, kRunsCountedBurst, now) {}

Result<RunGate::Place> RunGate::enter(const std::string& role, base::MonotonicMillis now) {
  Account& account = accounts_.try_emplace(role, now).first->second;
  const auto waiting = static_cast<std::size_t>(account.waiting.use_count() - 1);
  if (waiting >= kMaxWaitingRuns) {
    return Error(KeyStateErrc::too_many_waiting, std::to_string(waiting) + " runs of the role");
  }
  if (!account.rate.take(now)) return Error(Errc::run_rate_exceeded);
  return Place(account.waiting);
}

}  // namespace concordat::keyservice

// Runs of sessions are counted by the party's own custodian, which forgets none when the enclave is
// started anew.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <set>

#include "keyservice/backoff.hpp"
#include "keyservice/messages.hpp"
#include "session/run_ledger.hpp"

namespace concordat::enclave {

class CustodianRunLedger final : public session::RunLedger {
 public:
  using Answered = std::function<void(base::Result<keyservice::ResponseBody>)>;
  // What everything here outlives. `ask`: the link to the custodians.
  struct Surroundings {
    boost::asio::io_context& io;
    base::RandomSource& random;
    std::function<base::MonotonicMillis()> clock;
    std::function<void(keyservice::CountRunRequest, Answered)> ask;
  };

  explicit CustodianRunLedger(Surroundings surroundings) : at_(std::move(surroundings)) {}
  CustodianRunLedger(const CustodianRunLedger&) = delete;
  CustodianRunLedger& operator=(const CustodianRunLedger&) = delete;

  // run_not_counted with what the link or the custodian said, runs_used_up apart. The same run is
  // counted once, so that it is asked for again, with a back-off, until the answer is one for good:
  // counted, runs_used_up, session_unknown, too_many. When the run's time for it is over, no answer
  // counts any more: the others will not wait for longer.
  void count(session::RunToCount run, Done done) override;
  // Nobody is asked or told any more.
  void stop();

 private:
  struct Counting;
  using CountingPtr = std::shared_ptr<Counting>;

  void ask(const CountingPtr& counting);
  void on_answer(const CountingPtr& counting, const base::Result<keyservice::ResponseBody>& answer);
  void ask_later(const CountingPtr& counting, std::chrono::milliseconds pause);
  void end(const CountingPtr& counting, base::Status outcome);

  Surroundings at_;
  std::set<CountingPtr> under_way_;
};

}  // namespace concordat::enclave

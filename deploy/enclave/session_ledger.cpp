#include "deploy/enclave/session_ledger.hpp"

#include "keyservice/keyring/state/errc.hpp"
#include "policy/errc.hpp"
#include "session/errc.hpp"
#include "session/host/errc.hpp"

namespace concordat::enclave {
namespace {

using base::Error;
using base::Result;
using base::Status;
using namespace keyservice;
using Timer = boost::asio::steady_timer;
using std::chrono::milliseconds;

// A role may have a run a second counted (keyservice/limits.hpp): several that begin at one moment
// are done within a few pauses.
constexpr milliseconds kFirstPause{500};
constexpr milliseconds kLongestPause = std::chrono::seconds(5);

struct Outcome {
  Status status;
  bool is_for_good = true;
};

Outcome outcome_of(const Result<ResponseBody>& answer) {
  const auto not_counted = [](std::string why) {
    return Error(session::host::Errc::run_not_counted, std::move(why));
  };
  if (!answer) return {not_counted(answer.error().to_string()), false};
  if (std::holds_alternative<RunCounted>(*answer)) return {};
  const auto* const failure = std::get_if<Failure>(&*answer);
  if (failure == nullptr) return {not_counted("another answer"), false};
  if (failure->code == Error(KeyStateErrc::runs_used_up).name()) {
    return {Error(session::FormingErrc::runs_used_up, failure->detail)};
  }
  const bool is_for_good = failure->code == Error(KeyStateErrc::too_many).name() ||
                           failure->code == Error(policy::AdmissionErrc::session_unknown).name();
  return {not_counted(failure->code + ": " + failure->detail), is_for_good};
}

}  // namespace

struct CustodianRunLedger::Counting {
  session::RunToCount run;
  Done done;  // none: it is over
  Backoff backoff;
  Timer pause, deadline;
  Status last = Error(session::host::Errc::run_not_counted, "no answer in time");
};

void CustodianRunLedger::count(session::RunToCount run, Done done) {
  const auto counting = std::make_shared<Counting>(Counting{
      std::move(run), std::move(done), {kFirstPause, kLongestPause}, Timer(at_.io), Timer(at_.io)});
  under_way_.insert(counting);
  counting->deadline.expires_after(counting->run.until - at_.clock());
  counting->deadline.async_wait([this, counting](boost::system::error_code error) {
    if (!error && counting->done) end(counting, counting->last);
  });
  ask(counting);
}

void CustodianRunLedger::ask(const CountingPtr& counting) {
  const session::RunToCount& run = counting->run;
  CountRunRequest request{run.session, run.protocol, {}, {}};
  request.input = CountedInput::from(run.input.view()).value();
  request.run = CountedRun::from(run.run.view()).value();
  at_.ask(std::move(request), [this, counting](const Result<ResponseBody>& answer) {
    if (counting->done) on_answer(counting, answer);
  });
}

void CustodianRunLedger::on_answer(const CountingPtr& counting,
                                   const Result<ResponseBody>& answer) {
  Outcome outcome = outcome_of(answer);
  if (outcome.is_for_good || counting->run.asker.expired()) {
    return end(counting, std::move(outcome.status));
  }
  const milliseconds pause = counting->backoff.next(at_.random);
  if (at_.clock() + pause >= counting->run.until) return end(counting, std::move(outcome.status));
  counting->last = std::move(outcome.status);
  ask_later(counting, pause);
}

void CustodianRunLedger::ask_later(const CountingPtr& counting, milliseconds pause) {
  counting->pause.expires_after(pause);
  counting->pause.async_wait([this, counting](boost::system::error_code error) {
    if (error || !counting->done) return;
    if (counting->run.asker.expired()) return end(counting, {});
    ask(counting);
  });
}

void CustodianRunLedger::end(const CountingPtr& counting, Status outcome) {
  const Done done = std::exchange(counting->done, {});
  counting->pause.cancel();
  counting->deadline.cancel();
  under_way_.erase(counting);
  if (!counting->run.asker.expired()) done(std::move(outcome));
}

void CustodianRunLedger::stop() {
  for (const CountingPtr& counting : std::exchange(under_way_, {})) {
    counting->done = {};
    counting->pause.cancel();
    counting->deadline.cancel();
  }
}

}  // namespace concordat::enclave

#include "deploy/enclave/session_ledger.hpp"

#include "keyservice/keyring/state/errc.hpp"
#include "session/errc.hpp"
#include "session/host/errc.hpp"

namespace concordat::enclave {
namespace {

using base::Error;
using base::Result;
using base::Status;
using namespace keyservice;

Status outcome_of(const Result<ResponseBody>& answer) {
  if (!answer) return Error(session::host::Errc::run_not_counted, answer.error().to_string());
  if (std::holds_alternative<RunCounted>(*answer)) return {};
  const auto* const failure = std::get_if<Failure>(&*answer);
  if (failure == nullptr) return Error(session::host::Errc::run_not_counted, "another answer");
  if (failure->code == Error(KeyStateErrc::runs_used_up).name()) {
    return Error(session::FormingErrc::runs_used_up, failure->detail);
  }
  return Error(session::host::Errc::run_not_counted, failure->code + ": " + failure->detail);
}

}  // namespace

void CustodianRunLedger::count(session::RunToCount run, Done done) {
  CountRunRequest request{std::move(run.session), std::move(run.protocol), {}, {}};
  request.input = CountedInput::from(run.input.view()).value();
  request.run = CountedRun::from(run.run.view()).value();
  link_.request(std::move(request), [done = std::move(done)](const Result<ResponseBody>& answer) {
    done(outcome_of(answer));
  });
}

}  // namespace concordat::enclave

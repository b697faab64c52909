// How often an input was taken into a run: policy limits it (SessionRule::runs_per_input), because
// results of several runs over one input, or over nearly one, may tell what no single one does.
#pragma once

#include <functional>
#include <memory>

#include "attest/base/clock.hpp"
#include "session/roster.hpp"

namespace concordat::session {

// SHA-256 over the input; the ledger never sees the input.
using InputDigest = base::FixedBytes<struct InputDigestTag, 32>;

struct RunToCount {
  std::string session, protocol;  // of the descriptor: by which rule of policy it is limited
  InputDigest input;
  RunId run;
  // How long to ask again where no answer came, or none that is for good; and for whom, who may be
  // gone before.
  base::MonotonicMillis until;
  std::weak_ptr<const void> asker;
};

// One party's, and durable: its custodian keeps it sealed and witnessed with everything else, so
// that an enclave that is started anew does not begin anew to count.
class RunLedger {
 public:
  using Done = std::function<void(base::Status)>;

  virtual ~RunLedger() = default;

  // Counts this run of the input, once however often it is asked; `done` once, also before this
  // returns, but not once `asker` is gone. Any error: the run must not take the input in, though it
  // may have been counted. FormingErrc::runs_used_up when as many others as policy allows were
  // counted before; otherwise why it could not be counted.
  virtual void count(RunToCount run, Done done) = 0;
};

}  // namespace concordat::session

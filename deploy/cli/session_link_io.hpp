// The way of an operator's order to its party's enclave. Whose roots it trusts is its caller's.
#pragma once

#include "attest/roots.hpp"
#include "deploy/cli/session_order.hpp"

namespace concordat::cli {

// Through the parent to the enclave, attested, for purpose "session-control": hands the order and
// the input over and waits for the end. Errors as open_operator_channel, of reading the input, and
// no_answer; a run that ended without a result is an outcome, not an error.
[[nodiscard]] base::Result<SessionOutcome> run_session_order(const attest::TrustAnchors& anchors,
                                                             const ChannelOrder& channel,
                                                             const SessionOrder& order);

}  // namespace concordat::cli

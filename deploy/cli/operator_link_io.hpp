// The one thing in the operator's program that opens a channel to an enclave. Whose roots it trusts
// is its caller's, which is a program's main: this target links no other root than AWS's.
#pragma once

#include "attest/roots.hpp"
#include "deploy/cli/operator_channel.hpp"

namespace concordat::cli {

// Through the parent to the enclave, attested, for purpose "admin". Where the two sides' policies
// differ, the newer one goes to the other side and it dials again. Errors: of the way (StreamErrc,
// HttpErrc, RelayErrc), of the handshake (peer, attest, admission), refused_by_peer with the
// custodian's coarse code.
[[nodiscard]] base::Result<std::unique_ptr<OperatorChannel>> open_operator_channel(
    const attest::TrustAnchors& anchors, const ChannelOrder& order);

}  // namespace concordat::cli

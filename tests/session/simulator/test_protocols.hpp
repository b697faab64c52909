// Protocols that every peer's lie shows in: all that is said is checked, but for the round that
// says so. Inputs are decimal numbers below 2^32.
#pragma once

#include "session/protocol.hpp"

namespace concordat::session::test {

// Round 1: everybody commits to its number. Round 2: everybody opens it. The result is the sum.
[[nodiscard]] ProtocolKind committed_sum();
// Round 1: a share of the number to each other party by letter, commitments to all of them by
// broadcast. Round 2: the sum of one's shares, which nobody can check. The result is the sum.
[[nodiscard]] ProtocolKind shared_sum();
// As committed_sum, but the openings come with letters that are checked against them: the last
// round has letters.
[[nodiscard]] ProtocolKind late_letters();

}  // namespace concordat::session::test

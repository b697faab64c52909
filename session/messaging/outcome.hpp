// How a run ended for one party.
#pragma once

#include <optional>
#include <set>

#include "session/messaging/messages.hpp"

namespace concordat::session::messaging {

// Why there is no output. What it says of others is this party's own word, not proof: a silent
// party cannot be told from its parent.
struct Stop {
  Reason reason = Reason::failed;
  Round round = 0;                  // rounds()+1: the confirmations
  std::vector<PartyIndex> parties;  // unreachable: of whom something lacks; otherwise of whom it is
  base::Error error;                // broke_rules, failed: what it was
};

// Proof against a party, which every honest party that sees it takes.
struct Conviction {
  Evidence evidence;
};

struct Outcome {
  // Either an output, with the signatures of all parties over its result (Statements::result), or
  // a stop.
  std::optional<Output> output;
  std::map<PartyIndex, Signature> confirmations;
  std::optional<Stop> stop;
  // May still grow until the run is closed, whatever the outcome.
  std::map<PartyIndex, Conviction> convicted;
};

// "unreachable: parties 2, 5 in round 3": one line.
[[nodiscard]] std::string to_string(const Stop& stop);
[[nodiscard]] std::string_view name_of(Reason reason) noexcept;
// "equivocation by party 2 in round 1".
[[nodiscard]] std::string to_string(PartyIndex guilty, const Conviction& conviction);

}  // namespace concordat::session::messaging

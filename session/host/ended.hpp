// What became of a party's part in a run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "session/protocol.hpp"
#include "session/roster.hpp"

namespace concordat::session::host {

// Why there is no result, as far as a party is concerned.
struct Named {
  PartyIndex party = 0;
  std::string why;
  // Proof (session/proof.hpp), which anybody can check; empty: this party's own word, for a silent
  // party cannot be told from its parent.
  base::Bytes evidence;
};

struct Ended {
  base::Status status;           // success: there is a result
  std::optional<RunId> run;      // once formed
  std::optional<Output> output;  // of success
  base::Bytes receipt;           // of success
  std::vector<Named> named;
};

}  // namespace concordat::session::host

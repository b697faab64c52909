// What `session run` asks of a party's enclave, and what it gets. Commands do no I/O on sockets:
// main hands them what runs the order (session_link_io.hpp).
#pragma once

#include <map>

#include "deploy/cli/operator_channel.hpp"
#include "session/host/control.hpp"

namespace concordat::cli {

struct SessionOrder {
  base::Bytes envelope;                  // the signed descriptor
  std::vector<base::Bytes> authorities;  // encoded, of all parties' realms
  session::PartyIndex party = 0;
  std::chrono::milliseconds forming{};
  base::Bytes kept;   // sealed, of an earlier run; empty: none
  std::string input;  // file; "-": standard input; empty: none
  // Told as the run goes on.
  std::function<void(const session::host::StageReached&)> on_stage;
  // Stores what the run says to keep, sealed, durably: the result is confirmed only after it.
  std::function<base::Status(base::BytesView)> store_kept;
};

struct SessionOutcome {
  session::host::RunEnded end;
  base::Bytes result, receipt, kept;
  std::map<session::PartyIndex, base::Bytes> evidence;
};

}  // namespace concordat::cli

// What `session run` asks of a party's enclave, and what it gets. Commands do no I/O on sockets:
// main hands them what runs the order (session_link_io.hpp).
#pragma once

#include <map>

#include "deploy/cli/operator_channel.hpp"
#include "session/host/control.hpp"

namespace concordat::cli {

struct SessionOutcome {
  session::host::RunEnded end;
  base::Bytes result, receipt, kept;
  std::map<session::PartyIndex, base::Bytes> evidence;
};

struct SessionOrder {
  base::Bytes envelope;                  // the signed descriptor
  std::vector<base::Bytes> authorities;  // encoded, of all parties' realms
  session::PartyIndex party = 0;
  std::chrono::milliseconds forming{};
  base::Bytes kept;                   // sealed, of an earlier run; empty: none
  std::string input;                  // file; "-": standard input; empty: none
  session::DescriptorDigest session;  // of the envelope
  // Back to one's run of this session, which is under way or has ended: nothing is handed over.
  bool resume = false;
  // Told as the run goes on; again from the beginning where a channel was cut.
  std::function<void(const session::host::StageReached&)> on_stage;
  // Stores what the run says to keep, sealed, durably: the result is confirmed only after it.
  // What is stored already is stored.
  std::function<base::Status(base::BytesView)> store_kept;
  // Takes in what came of it: only then the enclave lets go of it.
  std::function<base::Status(const SessionOutcome&)> store_outcome;
};

}  // namespace concordat::cli

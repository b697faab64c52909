// What a protocol among the parties of a session is: an input, rounds of messages, an output. One
// is a folder in session/protocols/ that implements these classes and touches nothing else. No I/O
// and no clock; randomness from the system (base/random.hpp). Who carries the messages
// (session/messaging) has formed the session before: every party was attested to every other, and
// all signed the same roster.
//
// A round: every party sends one broadcast, or none, and one letter to each other party, or none,
// as the round's shape says. Broadcasts are the same at every party that ends the round (they are
// echoed before they count), letters are read by their recipient alone. Both are signed by their
// sender's session key, so that one that fails its check is proof against its sender before
// everybody; therefore the checks are pure functions of public things.
#pragma once

#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "attest/base/hash.hpp"
#include "attest/base/result.hpp"
#include "attest/base/secret.hpp"
#include "session/process_memory.hpp"

namespace concordat::session {

// A party's place in the descriptor, from 1. Also its share's index (base/sharing).
using PartyIndex = std::uint32_t;
// From 1.
using Round = std::uint32_t;

// Where a party sits in one run.
struct Seat {
  PartyIndex self = 0;
  std::vector<PartyIndex> parties;  // who takes part, ascending, `self` among them
  std::size_t threshold = 0;        // of the descriptor
  base::Sha256Digest roster;        // of this run, which no other run shares
};

// The most bytes that an honest party's messages of a round have: 0 where none is sent. Known
// before the first message, so that what a peer may make others hold is bounded.
struct RoundShape {
  std::size_t broadcast = 0;
  std::size_t letter = 0;
};

struct Outgoing {
  base::Bytes broadcast;                            // empty unless the shape has one
  std::map<PartyIndex, base::SecretBytes> letters;  // to each other party, or none
};

// All of a round, each checked.
struct Incoming {
  std::map<PartyIndex, base::Bytes> broadcasts;     // of each party, one's own too
  std::map<PartyIndex, base::SecretBytes> letters;  // of each other party
};

struct Output {
  base::Bytes result;  // public among the parties, and the same at each; the receipt has its hash
  // For a later run of this party alone. Sealed by its custodian before this party confirms the
  // result; it counts when a receipt of the run is shown.
  base::SecretBytes kept;
};

// One party's part in one run. Calls come in this order: for each round send, the checks, receive;
// then output. A check of a round may come once more after its receive, until the next round's (of
// the last round: after output), when another party's accusation is judged. An error of send,
// receive or output ends the run and blames nobody: what can be a peer's fault must be found by a
// check. A message that is larger than the round's shape has failed before its check is asked.
class Protocol {
 public:
  virtual ~Protocol() = default;

  [[nodiscard]] virtual Round rounds() const noexcept = 0;
  [[nodiscard]] virtual RoundShape shape(Round round) const noexcept = 0;
  // A part of what the next send() will need, some hundredths of a second of it; whether more is
  // left. For owners with other things to do on their thread, who call it before send() until it
  // says no; send() does whatever is left.
  [[nodiscard]] virtual bool work() { return false; }
  [[nodiscard]] virtual base::Result<Outgoing> send(Round round) = 0;
  // Whether an honest party can have sent this, by the parameters, the seat's public part and the
  // broadcasts of earlier rounds alone: the same verdict at every party.
  [[nodiscard]] virtual base::Status check_broadcast(Round round, PartyIndex from,
                                                     base::BytesView broadcast) const = 0;
  // Likewise, and by the broadcasts of this round, which are given besides: also asked of a letter
  // between two others, which its recipient shows as proof.
  [[nodiscard]] virtual base::Status check_letter(
      Round round, PartyIndex from, PartyIndex to, const base::SecretBytes& letter,
      const std::map<PartyIndex, base::Bytes>& broadcasts) const = 0;
  [[nodiscard]] virtual base::Status receive(Round round, Incoming incoming) = 0;
  // After the last round, once.
  [[nodiscard]] virtual base::Result<Output> output() = 0;
};

// Takes in what a party brings along, in pieces, before anything is sent.
class Intake {
 public:
  virtual ~Intake() = default;

  // The next piece of the party's private input; pieces end anywhere. No reference to it is kept.
  [[nodiscard]] virtual base::Status feed(base::BytesView piece) = 0;
  // What this party's earlier run said to keep. Behind the whole input, once.
  [[nodiscard]] virtual base::Status restore(base::SecretBytes kept) = 0;
  // What this process has in memory from run to run, which outlives this object and its protocol.
  // Whoever drives runs has one and hands it to each of one party's; most protocols pass it over.
  virtual void remember(ProcessMemory& memory) { static_cast<void>(memory); }
  // The input has ended. Once, and after it nothing else of this object.
  [[nodiscard]] virtual base::Result<std::unique_ptr<Protocol>> begin(const Seat& seat) = 0;
};

// One per folder of session/protocols/.
struct ProtocolKind {
  std::string_view name;  // in descriptors: "aggregate/1"
  // Judges the descriptor's parameters (a JSON object) for so many parties and such a threshold.
  base::Result<std::unique_ptr<Intake>> (*take)(base::BytesView parameters, std::size_t parties,
                                                std::size_t threshold);
  // Makes one that checks what others sent, for whoever judges a run and took no part in it: its
  // seat's `self` is 0, each round is received with broadcasts alone, each checked before, and
  // neither send nor output is called. nullptr: the checks take what is in no broadcast.
  base::Result<std::unique_ptr<Protocol>> (*watch)(base::BytesView parameters,
                                                   const Seat& seat) = nullptr;
};

}  // namespace concordat::session

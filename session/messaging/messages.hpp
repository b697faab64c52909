// What parties say to one another in a run (MESSAGING.md, "Grammar"): each has one encoding.
#pragma once

#include "session/messaging/evidence.hpp"

namespace concordat::session::messaging {

// The numbers travel.
enum class Kind : std::uint8_t {
  acknowledgement = 1,  // a frame without a body
  broadcast = 2,
  letter = 3,
  echo = 4,
  confirmation = 5,
  blame = 6,
  farewell = 7,
};

struct Broadcast {
  Round round = 0;
  Signature signature;
  base::Bytes body;
};

struct Letter {
  Round round = 0;
  Signature signature;
  base::SecretBytes body;
};

// All broadcasts of the round as the sender saw them, in ascending order of parties.
struct Echo {
  Round round = 0;
  std::vector<Seen> seen;
  Signature signature;  // Statements::echo, over vector_of(seen)
};

// The sender has this result and, once all have, gives it out.
struct Confirmation {
  base::Sha256Digest result;
  Signature signature;  // Statements::result
};

struct Blame {
  Evidence evidence;
};

// Why the sender will send nothing more. The numbers travel.
enum class Reason : std::uint8_t {
  unreachable = 1,   // `party` did not send what `round` needs in time
  broke_rules,       // `party` sent what no honest party sends, unsigned
  results_differ,    // `party` confirmed another result
  failed,            // the sender's own protocol failed
  ended_by_another,  // `party` said farewell
  convicted,         // there is proof against `party`; never sent, for the proof is
};

struct Farewell {
  Reason reason = Reason::failed;
  Round round = 0;
  PartyIndex party = 0;
};

using Message = std::variant<Broadcast, Letter, Echo, Confirmation, Blame, Farewell>;

// What a round's broadcasts are, as one digest: SHA-256 of their digests one after the other.
[[nodiscard]] base::Sha256Digest vector_of(const std::vector<Seen>& seen);

[[nodiscard]] Kind kind_of(const Message& message) noexcept;
// A message's body, in guarded memory where it is a letter: exactly one of the two is not empty.
struct Body {
  base::Bytes clear;
  base::SecretBytes secret;

  [[nodiscard]] std::size_t size() const noexcept { return clear.size() + secret.size(); }
  // One that is in either memory, for who may look at secrets (messages.cpp, link.cpp).
  [[nodiscard]] base::BytesView view() const noexcept;
};
[[nodiscard]] Body encode(const Message& message);
// malformed with the reason. `parties` is how many entries an echo has.
[[nodiscard]] base::Result<Message> decode(Kind kind, const Body& body, std::size_t parties);

}  // namespace concordat::session::messaging

// Proof that a party broke the protocol, for everybody who has its roster and its session key.
// MESSAGING.md, "Evidence", says why none can be made against an honest party.
#pragma once

#include <variant>

#include "attest/base/cbor.hpp"
#include "session/messaging/statements.hpp"

namespace concordat::session::messaging {

// A broadcast as others name it: its digest, and its sender's signature (Statements::broadcast).
struct Seen {
  base::Sha256Digest digest;
  Signature signature;

  friend bool operator==(const Seen&, const Seen&) = default;
};

// One party signed two broadcasts of one round. In ascending order of their digests.
struct Equivocation {
  Round round = 0;
  PartyIndex party = 0;
  Seen first;
  Seen second;
};

// What an accuser signs: `accused` sent a broadcast that fails its check.
struct BadBroadcast {
  Round round = 0;
  PartyIndex accuser = 0;
  PartyIndex accused = 0;
  base::Bytes body;
  Signature signature;          // of the accused
  Signature accuser_signature;  // Statements::accusation
};

// `accused` sent the accuser a letter that fails its check, by the broadcasts that everybody saw.
// The letter is no secret any more: either its sender is guilty, or its recipient gave it away.
struct BadLetter {
  Round round = 0;
  PartyIndex accuser = 0;
  PartyIndex accused = 0;
  base::Bytes body;
  Signature signature;
  base::Sha256Digest vector;      // of the round's broadcasts
  std::vector<Signature> echoes;  // of all parties, ascending, over `vector`
  Signature accuser_signature;
};

using Evidence = std::variant<Equivocation, BadBroadcast, BadLetter>;

[[nodiscard]] base::Bytes encode(const Evidence& evidence);
// malformed; what is decoded is encoded to the same bytes. At most `parties` echoes.
[[nodiscard]] base::Result<Evidence> decode_evidence(base::BytesView encoded, std::size_t parties);
[[nodiscard]] base::Result<Evidence> read_evidence(base::cbor::Reader& reader, std::size_t parties);

[[nodiscard]] Round round_of(const Evidence& evidence) noexcept;
// Nobody's where it accuses nobody of anything but what it shows: an equivocation.
[[nodiscard]] PartyIndex accuser_of(const Evidence& evidence) noexcept;
[[nodiscard]] PartyIndex accused_of(const Evidence& evidence) noexcept;
// Zero of an equivocation, which needs none.
[[nodiscard]] Signature accuser_signature(const Evidence& evidence) noexcept;
// What the accuser signs: all but its own signature.
[[nodiscard]] base::Sha256Digest claim_of(const Evidence& accusation);

// Puts the two in their order.
[[nodiscard]] Equivocation equivocation(Round round, PartyIndex party, const Seen& one,
                                        const Seen& other);
[[nodiscard]] base::Bytes shown(const base::SecretBytes& letter);

}  // namespace concordat::session::messaging

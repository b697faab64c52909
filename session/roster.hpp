// Who sits in one run of a session: signed by each party, the same at all before any input moves.
//
// CBOR, preferred encoding:
//   ["concordat/session-roster/1", descriptor digest, [[index, session key, run nonce, PCR16, PCR0,
//     module id], ...]]
// with every party of the descriptor once, by index. The run's id is its SHA-256.
#pragma once

#include "peer/messages.hpp"
#include "policy/signer_key.hpp"
#include "session/descriptor.hpp"

namespace concordat::session {

// Ed25519, made for one run, never leaves its enclave.
using SessionKey = policy::SigningKey;
using SessionPublicKey = policy::SignerKey;
using RunNonce = base::FixedBytes<struct RunNonceTag, 32>;
using RunId = base::Sha256Digest;

struct RosterSeat {
  PartyIndex index = 0;
  SessionPublicKey key;
  RunNonce nonce;
  attest::PcrValue pcr16, pcr0;
  std::string module_id;
  friend bool operator==(const RosterSeat&, const RosterSeat&) = default;
};

struct Roster {
  DescriptorDigest descriptor;
  std::vector<RosterSeat> seats;  // by index

  [[nodiscard]] const RosterSeat* seat(PartyIndex index) const noexcept;
};

[[nodiscard]] base::Bytes encode(const Roster& roster);
// malformed_roster.
[[nodiscard]] base::Result<Roster> decode_roster(base::BytesView encoded);
[[nodiscard]] RunId run_id(base::BytesView encoded_roster);

// Every party of the descriptor once, under its authority; no key, nonce or enclave twice
// (seat_taken, with both parties).
[[nodiscard]] base::Status check_roster(const Roster& roster, const DescriptorFields& fields);
// Whether `seat` may sit beside `others`: seat_taken with the first of which it has key, nonce or
// module id. An entry of the same index is passed over.
[[nodiscard]] base::Status check_seat(const RosterSeat& seat, const std::vector<RosterSeat>& others,
                                      const DescriptorFields& fields);

// The first field of the first party in which two rosters differ, with both values: "session key of
// party 3 (bank-c): ab.. here, cd.. there". Empty when they are equal.
[[nodiscard]] std::string difference(const Roster& here, const Roster& there,
                                     const DescriptorFields& fields);

// What a session key signs for a roster; no other domain of session keys begins so.
[[nodiscard]] base::Bytes roster_message(base::BytesView encoded_roster);

// What a party's document says of its seat, in the extensions of its handshake's statement
// (peer/PROTOCOL.md section 12).
inline constexpr const char* kPartyExtension = "session.party";
inline constexpr const char* kKeyExtension = "session.key";
inline constexpr const char* kNonceExtension = "session.nonce";
struct SeatClaim {
  PartyIndex index = 0;
  SessionPublicKey key;
  RunNonce nonce;
};
[[nodiscard]] peer::Extensions seat_extensions(const SeatClaim& claim);
// malformed_party_statement unless exactly these three.
[[nodiscard]] base::Result<SeatClaim> read_seat(const peer::Extensions& extensions);

// "session/1/3": party 1 dials party 3.
[[nodiscard]] std::string handshake_purpose(PartyIndex initiator, PartyIndex responder);
struct Pairing {
  PartyIndex initiator = 0, responder = 0;
};
// not_for_this_party for any other text.
[[nodiscard]] base::Result<Pairing> read_purpose(std::string_view purpose);

}  // namespace concordat::session

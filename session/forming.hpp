// How the parties of a session find out that they all mean the same group: one party's side, for
// one run. No socket, no clock, no device: bytes, documents and time come in, orders go out.
//
//   gathering   every other party attested, and we to it: n - 1 handshakes, in any order at once
//     | all seats taken: roster made, signed, sent to everybody
//   signing     the same roster from everybody, with its party's signature
//     | the last one
//   formed      take()                         any error of the run: failed
//
// What concerns one stream (a handshake that is refused, a stream that ends) ends that stream, is
// kept in refusals(), and is tried again until the time is over. What concerns the run ends it.
#pragma once

#include <array>
#include <deque>
#include <map>

#include "peer/handshake.hpp"
#include "peer/token_bucket.hpp"
#include "policy/signed_policy.hpp"
#include "session/roster.hpp"

namespace concordat::session {

// Chosen by whoever has the streams; never used twice.
using StreamId = std::uint64_t;

struct FormingContext {
  DescriptorPtr descriptor;
  PartyIndex self = 0;
  policy::PolicySnapshot policy;  // one's own
  attest::PcrValue own_pcr16;
  const attest::TrustAnchors* anchors = nullptr;
  attest::ChainCache* chain_cache = nullptr;
  base::RandomSource* random = nullptr;
};

// What to do, in any order but that of one stream.
struct FormingOrders {
  std::vector<std::pair<StreamId, base::Bytes>> send;
  std::vector<std::pair<StreamId, attest::MintRequest>> mint;  // answer with on_document
  std::vector<StreamId> close;
  std::vector<PartyIndex> dial;  // answer with on_dialled or on_dial_failed
};

// Why a stream was ended, for logs and for people who wait.
struct FormingRefusal {
  std::optional<PartyIndex> party;  // who it said it was
  base::Error error;
};

// The channel to another party, with what came on it already.
struct FormedChannel {
  StreamId stream = 0;
  peer::Sealer sealer;
  peer::Opener opener;
  peer::FrameReader reader;
  base::SecretBytes exporter;
};

// By which a party proved its seat.
struct SeatEvidence {
  base::Bytes document;
  policy::Signature signature;  // under the roster
};

struct FormedSession {
  DescriptorPtr descriptor;
  PartyIndex self = 0;
  Roster roster;
  base::Bytes encoded_roster;
  RunId run;
  SessionKey key;
  std::map<PartyIndex, FormedChannel> channels;
  std::map<PartyIndex, SeatEvidence> evidence;  // one's own, too
  base::UnixMillis formed;

  [[nodiscard]] Seat seat() const;
};

enum class FormingState { gathering, signing, formed, failed };
[[nodiscard]] std::string_view to_string(FormingState state) noexcept;

class Forming {
 public:
  // Makes session key and run nonce. Errors: of the descriptor (time, no such party), of one's own
  // policy (not usable; a party that its rules do not name), own_authority_unset or another's.
  [[nodiscard]] static base::Result<std::unique_ptr<Forming>> begin(FormingContext context,
                                                                    const peer::Now& now);
  Forming(const Forming&) = delete;
  Forming& operator=(const Forming&) = delete;

  [[nodiscard]] FormingOrders on_dialled(PartyIndex party, StreamId stream, const peer::Now& now);
  [[nodiscard]] FormingOrders on_dial_failed(PartyIndex party, const peer::Now& now);
  [[nodiscard]] FormingOrders on_accepted(StreamId stream, const peer::Now& now);
  // Of a stream that is not known (any more): nothing.
  [[nodiscard]] FormingOrders on_bytes(StreamId stream, base::BytesView bytes,
                                       const peer::Now& now);
  [[nodiscard]] FormingOrders on_document(StreamId stream,
                                          const base::Result<base::Bytes>& document,
                                          const peer::Now& now);
  [[nodiscard]] FormingOrders on_closed(StreamId stream, const peer::Now& now);
  // At wake_at() at the latest, and first of all.
  [[nodiscard]] FormingOrders on_time(const peer::Now& now);
  [[nodiscard]] base::MonotonicMillis wake_at() const noexcept;

  [[nodiscard]] FormingState state() const noexcept { return state_; }
  // Of a failed run.
  [[nodiscard]] const std::optional<base::Error>& error() const noexcept { return error_; }
  // The latest ones, bounded.
  [[nodiscard]] const std::deque<FormingRefusal>& refusals() const noexcept { return refusals_; }
  // Who has no seat yet.
  [[nodiscard]] std::vector<PartyIndex> missing() const;
  // What this party signed; empty while it gathers.
  [[nodiscard]] const base::Bytes& encoded_roster() const noexcept { return encoded_roster_; }
  [[nodiscard]] const SessionPublicKey& public_key() const noexcept { return key_.public_key(); }
  // Once, in state formed.
  [[nodiscard]] FormedSession take() &&;

 private:
  struct Link {
    std::unique_ptr<peer::Initiator> initiator;
    std::unique_ptr<peer::Responder> responder;
    PartyIndex peer = 0;  // 0: has not said
    peer::FrameReader reader;
    base::MonotonicMillis began;
    std::optional<peer::Established> channel;
    std::optional<std::pair<base::Bytes, policy::Signature>> theirs;  // roster and signature

    [[nodiscard]] peer::Handshake& handshake() const noexcept;
  };
  struct Place {
    std::optional<RosterSeat> seat;
    base::Bytes document;
    StreamId stream = 0;  // 0: none
    std::size_t reseats = 0;
    bool is_dialling = false;
    base::MonotonicMillis dial_at;
    std::chrono::milliseconds pause = limits::kFirstRedial;
    std::optional<policy::Signature> signature;
    std::optional<base::Error> refusal;
  };

  Forming(FormingContext context, const peer::Now& now);
  [[nodiscard]] base::Status check_rules(const peer::Now& now) const;
  [[nodiscard]] peer::HandshakeContext handshake_context();
  [[nodiscard]] base::Status serves(std::string_view purpose, base::MonotonicMillis now);
  [[nodiscard]] base::Result<policy::AdmittedPeer> admit(const peer::Statement& statement,
                                                         policy::Side side,
                                                         const attest::VerifiedClaims& claims);
  [[nodiscard]] base::Status note_own(base::BytesView document);

  void pump(StreamId stream, const peer::Now& now);
  void perform(StreamId stream, base::Result<peer::HandshakeAction> action, const peer::Now& now);
  void established(StreamId stream, const peer::Now& now);
  [[nodiscard]] base::Status take_seat(StreamId stream, const peer::Now& now);
  [[nodiscard]] base::Status on_record(Link& link, const peer::Frame& frame, const peer::Now& now);
  void sign_when_complete(const peer::Now& now);
  void send_roster(StreamId stream, const peer::Now& now);
  void compare(StreamId stream, const peer::Now& now);
  void drop(StreamId stream, base::Error error, const peer::Now& now);
  void forget(StreamId stream, const peer::Now& now);
  void fail_run(base::Error error);
  [[nodiscard]] std::string who_is_missing() const;
  [[nodiscard]] FormingOrders orders() { return std::exchange(orders_, {}); }

  FormingContext context_;
  SessionKey key_;
  RunNonce nonce_;
  base::MonotonicMillis deadline_;
  peer::TokenBucket admissions_;
  peer::Now now_;
  FormingState state_ = FormingState::gathering;
  std::optional<base::Error> error_;
  std::deque<FormingRefusal> refusals_;
  std::map<StreamId, Link> links_;
  std::map<PartyIndex, Place> places_;  // of the others
  std::optional<RosterSeat> own_;
  base::Bytes own_document_;
  Roster roster_;
  base::Bytes encoded_roster_;
  policy::Signature own_signature_;
  FormingOrders orders_;
};

}  // namespace concordat::session

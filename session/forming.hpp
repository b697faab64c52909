// How the parties of a session find out that they all mean the same group: one party's side, for
// one run. No socket, no clock, no device: bytes, documents and time come in, orders go out.
//
//   gathering   every other party attested, and we to it: n - 1 handshakes, in any order at once;
//     |         each shows the others whom it sees
//     | everybody sees one group: roster made and signed
//   signing     the others' signatures under it
//     | the last one
//   ready       everybody has everybody's signature
//     | the last one that says so
//   formed      take(); streams that end later are made anew, to the same seats
//
//   signing, ready -> gathering, with another key and nonce: the group that was signed is no more
//   (another enclave on one of its seats, or a party that sees another group)
//   any error of the run: failed
//
// What concerns one stream (a handshake that is refused, a stream that ends) ends that stream, is
// kept in refusals(), and is tried again until the time is over. A key signs one roster in its
// life. Why this is safe and comes to an end: README.md, "Forming a run".
#pragma once

#include <array>
#include <deque>
#include <map>
#include <set>

#include "peer/handshake.hpp"
#include "policy/signed_policy.hpp"
#include "session/door.hpp"
#include "session/forming_records.hpp"

namespace concordat::session {

// Chosen by whoever has the streams, each later one greater; never used twice.
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

// What to do, in any order but that of one stream.
struct FormingOrders {
  std::vector<std::pair<StreamId, base::Bytes>> send;
  std::vector<std::pair<StreamId, attest::MintRequest>> mint;  // answer with on_document
  std::vector<StreamId> close;   // also of streams that take() gave out
  std::vector<PartyIndex> dial;  // answer with on_dialled or on_dial_failed
  // After take(): a new channel to the same enclave, in place of the one before.
  std::vector<std::pair<PartyIndex, FormedChannel>> resumed;
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

enum class FormingState { gathering, signing, ready, formed, failed };
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
  // `source`: where it comes from, as one's own parent says (Door).
  [[nodiscard]] FormingOrders on_accepted(StreamId stream, const std::string& source,
                                          const peer::Now& now);
  // Of a stream that is not known (any more): nothing.
  [[nodiscard]] FormingOrders on_bytes(StreamId stream, base::BytesView bytes,
                                       const peer::Now& now);
  // Also of a stream that was closed meanwhile: another one's turn comes then.
  [[nodiscard]] FormingOrders on_document(StreamId stream,
                                          const base::Result<base::Bytes>& document,
                                          const peer::Now& now);
  // Also of a stream that take() or `resumed` gave out: it is made anew.
  [[nodiscard]] FormingOrders on_closed(StreamId stream, const peer::Now& now);
  // At wake_at() at the latest, and first of all.
  [[nodiscard]] FormingOrders on_time(const peer::Now& now);
  [[nodiscard]] base::MonotonicMillis wake_at() const noexcept;

  // One's own that is in force now: handshakes that begin from here on are judged by it.
  void use_policy(policy::PolicySnapshot policy) { context_.policy = std::move(policy); }

  [[nodiscard]] FormingState state() const noexcept { return state_; }
  // Of a failed run.
  [[nodiscard]] const std::optional<base::Error>& error() const noexcept { return error_; }
  // The latest ones, bounded.
  [[nodiscard]] const std::deque<FormingRefusal>& refusals() const noexcept { return refusals_; }
  // Who has no seat yet.
  [[nodiscard]] std::vector<PartyIndex> missing() const;
  // What this party says at its time's end: where everybody has a seat, which field of whose group
  // differs, or did when the last stream went (roster_differs), otherwise who is missing
  // (forming_timed_out).
  [[nodiscard]] base::Error too_late() const;
  // The group that this party sees; empty until it sees everybody.
  [[nodiscard]] const base::Bytes& view() const noexcept { return view_; }
  // What public_key() signed; empty while this party gathers.
  [[nodiscard]] const base::Bytes& encoded_roster() const noexcept { return encoded_roster_; }
  // Of this attempt.
  [[nodiscard]] const SessionPublicKey& public_key() const noexcept { return public_key_; }
  // Once, as soon as the state is formed and before any other call. Keep this object as long as the
  // run goes on: others may lack what this party has, and streams may have to be made anew.
  [[nodiscard]] FormedSession take();

 private:
  struct Link {
    std::unique_ptr<peer::Initiator> initiator;
    std::unique_ptr<peer::Responder> responder;
    PartyIndex peer = 0;  // 0: has not said
    peer::FrameReader reader;
    base::MonotonicMillis began, heard;
    std::optional<attest::MintRequest> waits_for;  // its turn has not come
    std::optional<peer::Established> channel;      // then the party's place has this stream
    // What it said of itself.
    base::Bytes view;
    std::optional<policy::Signature> signature;  // under `view`, verified
    bool is_ready = false;

    [[nodiscard]] peer::Handshake& handshake() const noexcept;
  };
  struct Place {
    std::optional<RosterSeat> seat;
    base::Bytes document;
    StreamId stream = 0;  // 0: none
    bool is_dialling = false;
    base::MonotonicMillis dial_at;
    std::chrono::milliseconds pause = limits::kFirstRedial;
    std::optional<policy::Signature> signature;  // under the roster that this party signed
    std::optional<base::Error> refusal;
  };

  Forming(FormingContext context, const peer::Now& now);
  [[nodiscard]] base::Status check_rules(const peer::Now& now) const;
  [[nodiscard]] peer::HandshakeContext handshake_context();
  [[nodiscard]] base::Status serves(std::string_view purpose) const;
  [[nodiscard]] base::Result<policy::AdmittedPeer> admit(const peer::Statement& statement,
                                                         policy::Side side,
                                                         const attest::VerifiedClaims& claims);
  [[nodiscard]] base::Status note_own(base::BytesView document);
  // What a document says of the enclave; whoever calls has verified it, or made it.
  [[nodiscard]] static base::Result<RosterSeat> seat_of(base::BytesView document,
                                                        const SeatClaim& claim);

  // forming.cpp: one stream.
  void pump(StreamId stream, const peer::Now& now);
  void perform(StreamId stream, base::Result<peer::HandshakeAction> action, const peer::Now& now);
  void established(StreamId stream, const peer::Now& now);
  void drop(StreamId stream, base::Error error, const peer::Now& now);
  void forget(StreamId stream, const peer::Now& now);
  void note_refusal(PartyIndex party, const base::Error& error);
  void drop_silent(const peer::Now& now);
  void mint_in_turn();
  void dial_again(Place& place, const peer::Now& now);
  [[nodiscard]] std::chrono::milliseconds jittered(std::chrono::milliseconds most);
  [[nodiscard]] FormingOrders orders();

  // forming_group.cpp: the group.
  [[nodiscard]] base::Status take_seat(StreamId stream, const peer::Now& now);
  [[nodiscard]] base::Status on_record(Link& link, const peer::Frame& frame, const peer::Now& now);
  [[nodiscard]] base::Status on(Link& link, ViewRecord record);
  [[nodiscard]] base::Status on(Link& link, const SignedRecord& record);
  [[nodiscard]] base::Status on(Link& link, const ReadyRecord& record);
  void send_record(StreamId stream, const FormingRecord& record, const peer::Now& now);
  void send_to_all(const FormingRecord& record, const peer::Now& now);
  void greet(StreamId stream, const peer::Now& now);
  void pulse(const peer::Now& now);
  void see_group(const peer::Now& now);
  void advance(const peer::Now& now);
  void sign(const peer::Now& now);
  void resume(PartyIndex party, StreamId stream, const peer::Now& now);
  [[nodiscard]] bool is_everybody(bool (*has)(const Forming&, const Place&)) const;
  [[nodiscard]] const Link* link_of(const Place& place) const;
  // Of the first party that shows another group than this one sees.
  [[nodiscard]] std::optional<base::Error> disagreement() const;
  void begin_anew(PartyIndex because_of, base::Error why, const peer::Now& now);
  [[nodiscard]] FormedChannel channel_of(StreamId stream);
  void close_all();
  void fail_run(base::Error error);
  [[nodiscard]] std::string who_is_missing() const;

  FormingContext context_;
  SessionKey key_;  // of this attempt; gone after take()
  SessionPublicKey public_key_;
  RunNonce nonce_;
  std::size_t attempts_ = 1;
  bool is_taken_ = false;
  bool is_past_ = false;  // the session's time: no new streams
  base::MonotonicMillis deadline_;
  Door door_;                   // of streams that others opened, until they are a party's
  std::set<StreamId> minting_;  // of those, asked for and not answered
  base::MonotonicMillis pulse_at_;
  peer::Now now_;
  FormingState state_ = FormingState::gathering;
  std::optional<base::Error> error_;
  std::optional<base::Error> last_difference_;  // when a stream went, since this attempt began
  std::deque<FormingRefusal> refusals_;
  std::map<StreamId, Link> links_;
  std::map<PartyIndex, Place> places_;  // of the others
  std::optional<RosterSeat> own_;
  base::Bytes own_document_;
  Roster roster_;               // whom this party sees, once it sees everybody
  base::Bytes view_;            // its encoding
  base::Bytes encoded_roster_;  // the same, once signed
  policy::Signature own_signature_;
  FormingOrders orders_;
};

}  // namespace concordat::session

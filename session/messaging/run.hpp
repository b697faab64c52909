// One party's part in one run of a protocol: who sent what, when a round counts, who is to blame.
// Guarantees and their reasons: MESSAGING.md. No I/O, no clock; one thread.
//
//   round 1 ... R:  broadcast and letters  ->  echo when all came  ->  all echoes alike: next round
//   then:           what is to be kept is sealed  ->  confirmation  ->  all alike: output
//   at any time:    stop, by proof against a party or by a verdict of one's own
//   output or stop: farewell: what was sent is brought to its end, proof is still taken and passed
//                   on; then closed
//
// Its owner makes channels to the other parties (each authenticated as the party whose key it is),
// and after each call moves bytes: take() for each party that has a channel, until it is empty or
// the channel takes no more.
#pragma once

#include "attest/base/clock.hpp"
#include "policy/signer_key.hpp"
#include "session/messaging/link.hpp"
#include "session/messaging/outcome.hpp"
#include "session/messaging/round_book.hpp"
#include "session/messaging/transcript.hpp"

namespace concordat::session::messaging {

using Time = base::MonotonicMillis;

// Who runs: every party attested, and its session key in the roster that all signed.
struct Group {
  Seat seat;
  std::map<PartyIndex, SignerKey> keys;  // of each party of the seat, one's own too
};

struct Timing {
  // From entering a round to its end, and for the confirmations.
  std::chrono::milliseconds round = std::chrono::minutes(1);
  // From output or stop to the end, at most.
  std::chrono::milliseconds farewell = std::chrono::seconds(30);
  // Its owner has the protocol's work done, by work(), in parts.
  bool in_parts = false;
};

class Run {
 public:
  // Begins round 1. bad_group, bad_shape. `key` is used for this run alone and must not outlive
  // the process: who begins anew with it signs other messages in the same rounds.
  [[nodiscard]] static base::Result<std::unique_ptr<Run>> begin(Group group, policy::SigningKey key,
                                                                std::unique_ptr<Protocol> protocol,
                                                                Timing timing, Time now);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // A channel of `party` is there, in place of any earlier one. not_admitted: close it.
  [[nodiscard]] base::Status connected(PartyIndex party, Time now);
  void lost(PartyIndex party, Time now);
  // Bytes of `party`'s channel, cut anywhere. After an error close its channel and take none of it
  // any more: it is that party's fault, but for not_admitted, which says that none is wanted.
  [[nodiscard]] base::Status received(PartyIndex party, base::BytesView piece, Time now);
  void passed(Time now);
  // With Timing::in_parts: whether the round that was entered waits for work of one's own; and a
  // part of that.
  [[nodiscard]] bool has_work() const noexcept { return is_working_ && !ended_; }
  void work(Time now);
  // When passed() is to be called next; nullopt once closed.
  [[nodiscard]] std::optional<Time> wakes_at() const;

  // The next bytes for `party`'s channel, one record of it; empty: none now.
  [[nodiscard]] base::SecretBytes take(PartyIndex party, std::size_t most = kMaxPiece);
  // Whether take() has any for that channel.
  [[nodiscard]] bool has_waiting(PartyIndex party) const;
  // Whether channels of this party are of use. Other parties' messages may end that, too.
  [[nodiscard]] bool admits(PartyIndex party) const;

  // What this party is to keep, which its owner seals durably, and then says so: only then is the
  // result confirmed. So who holds everybody's confirmation knows that everybody has what it needs
  // of this run, come what may. It counts for nothing yet (README.md of the protocol). nullptr:
  // there is nothing to seal, or it is done.
  [[nodiscard]] const Output* to_seal() const {
    return output_ && !is_sealed_ ? &*output_ : nullptr;
  }
  void sealed(Time now);

  // This party goes on no further: the others are told instead of waiting for a round to end.
  // Nothing where there is an output or a stop already.
  void abandon(base::Error why, Time now);

  // nullptr until there is an output or a stop.
  [[nodiscard]] const Outcome* outcome() const { return ended_ ? &outcome_ : nullptr; }
  // What whoever was not there needs besides to judge `evidence`, which this run took for proof:
  // the broadcasts of the rounds before the evidence's, and for a letter of that one, too. Empty of
  // an equivocation, which needs none, and where it is more than kMaxTranscript.
  [[nodiscard]] Transcript transcript(const Evidence& evidence) const;
  // Once; nullopt without one.
  [[nodiscard]] std::optional<Output> take_output() { return std::exchange(outcome_.output, {}); }
  // For the receipt of this run, and nothing else.
  [[nodiscard]] const policy::Signer& key() const noexcept { return key_; }
  // Nothing more is to be done here.
  [[nodiscard]] bool is_closed() const;

  [[nodiscard]] std::size_t held() const;
  // held() is never more, whatever is received.
  [[nodiscard]] std::size_t most_held() const;

 private:
  struct Peer {
    explicit Peer(const FrameLimits& limits) : link(limits) {}
    Link link;
    bool barred = false;
    std::size_t blames = 0;
    std::optional<Evidence> waiting;  // that cannot be judged yet
  };
  // The guilty one; nullopt: not to be judged here, now or ever.
  using Verdict = base::Result<std::optional<PartyIndex>>;

  Run(Group group, policy::SigningKey key, std::unique_ptr<Protocol> protocol, Timing timing,
      const FrameLimits& limits);

  // run.cpp: from round to round.
  void enter(Round round);
  void begin_round();
  void remember_before(Round round);
  [[nodiscard]] static SeenRound seen_round(std::map<PartyIndex, base::Bytes> bodies,
                                            const std::map<PartyIndex, Echo>& echoes);
  // Whether everybody's broadcast and echo of a round are here.
  [[nodiscard]] bool is_whole(Round round) const;
  [[nodiscard]] std::size_t past_held() const;
  [[nodiscard]] base::Status send_round(Round round);
  void progress();
  void echo();
  void finish_round();
  void take_output_in();
  void confirm();
  void decide();
  void end_by_time();
  void stop(Reason reason, std::vector<PartyIndex> parties, base::Error error = {});
  [[nodiscard]] std::vector<PartyIndex> missing() const;
  static void send_to(Peer& peer, const Message& message);
  void send_to_all(const Message& message, PartyIndex but = 0);
  [[nodiscard]] Signature sign(base::BytesView statement) const;
  [[nodiscard]] const SignerKey& key_of(PartyIndex party) const { return group_.keys.at(party); }
  [[nodiscard]] bool is_everybody(std::size_t count) const { return count == group_.keys.size(); }
  [[nodiscard]] RoundBook& book() { return books_[round_]; }

  // receive.cpp: what came.
  [[nodiscard]] base::Status handle(PartyIndex from, Message message);
  [[nodiscard]] base::Status on(PartyIndex from, Broadcast message);
  [[nodiscard]] base::Status on(PartyIndex from, Letter message);
  [[nodiscard]] base::Status on(PartyIndex from, Echo message);
  [[nodiscard]] base::Status on(PartyIndex from, const Confirmation& message);
  [[nodiscard]] base::Status on(PartyIndex from, Blame message);
  [[nodiscard]] base::Status on(PartyIndex from, const Farewell& message);
  [[nodiscard]] base::Status check_turn(Round round) const;
  void take_in(PartyIndex from);
  [[nodiscard]] base::Status compare(PartyIndex party, const Seen& theirs);
  // In the vector of an echo.
  [[nodiscard]] std::size_t place_of(PartyIndex party) const;
  void bar(PartyIndex party, const base::Error& why);

  // blame.cpp: who is to blame.
  [[nodiscard]] base::Status check_broadcast(Round round, PartyIndex from,
                                             base::BytesView body) const;
  [[nodiscard]] base::Status check_letter(Round round, PartyIndex from, PartyIndex to,
                                          const base::SecretBytes& letter) const;
  void accuse_of_broadcast(PartyIndex accused);
  void accuse_of_letter(PartyIndex accused);
  void convict(PartyIndex guilty, Evidence evidence);
  [[nodiscard]] base::Status judge_from(PartyIndex from, Evidence evidence);
  void judge_waiting();
  [[nodiscard]] Verdict judge(PartyIndex from, const Evidence& evidence, bool& later) const;
  [[nodiscard]] Verdict judge_broadcast(const BadBroadcast& evidence, bool& later) const;
  [[nodiscard]] Verdict judge_letter(const BadLetter& evidence, bool& later) const;
  [[nodiscard]] bool has_moved_on(PartyIndex party, Round from) const;

  Group group_;
  policy::SigningKey key_;
  std::unique_ptr<Protocol> protocol_;
  Timing timing_;
  Statements statements_;
  FrameLimits limits_;
  PartyIndex self_;
  Round last_;

  Time now_;
  Time deadline_;  // of the round; of the farewell, once ended
  Round round_ = 0;
  bool is_working_ = false;  // nothing of this round is sent or judged yet
  std::map<PartyIndex, Peer> peers_;
  std::map<Round, RoundBook> books_;  // of this round, the one before and the one after
  Transcript past_;                   // of the rounds whose books are gone, unless too much
  bool is_forgotten_ = false;
  std::optional<Output> output_;  // to be confirmed, or confirmed by this party
  bool is_sealed_ = false;        // what of it is to be kept; then it is confirmed
  std::map<PartyIndex, Confirmation> confirmations_;
  bool ended_ = false;
  Outcome outcome_;
};

}  // namespace concordat::session::messaging

#include "session/forming.hpp"

#include <algorithm>
#include <limits>

#include "attest/document.hpp"
#include "peer/error.hpp"
#include "session/party_question.hpp"

namespace concordat::session {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

std::string_view to_string(FormingState state) noexcept {
  static constexpr std::array<std::string_view, 5> names{"gathering", "signing", "ready", "formed",
                                                         "failed"};
  return names[static_cast<std::size_t>(state)];
}

Seat FormedSession::seat() const {
  return {self, descriptor->fields().indices(), descriptor->fields().threshold, run};
}

peer::Handshake& Forming::Link::handshake() const noexcept {
  return initiator ? static_cast<peer::Handshake&>(*initiator) : *responder;
}

Forming::Forming(FormingContext context, const peer::Now& now)
    : context_(std::move(context)),
      key_(SessionKey::generate()),
      public_key_(key_.public_key()),
      nonce_(context_.random->make<RunNonce>()),
      deadline_(now.monotonic + limits::kFormingTime),
      door_(context_.descriptor->fields().parties.size() - 1 + limits::kSpareStreams),
      pulse_at_(now.monotonic + limits::kPulse),
      now_(now) {
  for (const PartyIndex index : context_.descriptor->fields().indices()) {
    if (index != context_.self) places_[index].dial_at = now.monotonic;
  }
}

Result<std::unique_ptr<Forming>> Forming::begin(FormingContext context, const peer::Now& now) {
  std::unique_ptr<Forming> out(new Forming(std::move(context), now));
  CONCORDAT_CHECK(out->check_rules(now));
  return out;
}

// What can be known before anybody is there: a session that some policy refuses never forms.
Status Forming::check_rules(const peer::Now& now) const {
  const DescriptorFields& fields = context_.descriptor->fields();
  CONCORDAT_CHECK(context_.descriptor->usable_at(now.wall));
  CONCORDAT_CHECK(context_.policy.usable_at(now.wall));
  const PartyEntry* const own = fields.party(context_.self);
  if (own == nullptr) {
    return Error(DescriptorErrc::no_such_party, std::to_string(context_.self));
  }
  if (own->pcr16() != context_.own_pcr16 || context_.own_pcr16.is_zero()) {
    return Error(FormingErrc::own_document,
                 fields.name_of(context_.self) + " is of another authority than this enclave");
  }
  for (const auto& [index, place] : places_) {
    const policy::Evaluation rule = policy::evaluate_party(
        context_.policy.policy->model(), question_about(fields, *fields.party(index), own->role),
        nullptr, context_.own_pcr16);
    if (!rule.verdict) {
      return Error(rule.verdict.error().code(),
                   fields.name_of(index) + ": " + rule.verdict.error().detail());
    }
  }
  return {};
}

peer::HandshakeContext Forming::handshake_context() {
  peer::HandshakeContext out;
  out.policy = context_.policy.policy;
  out.policy_confirmed = context_.policy.confirmed;
  out.role = context_.descriptor->fields().party(context_.self)->role;
  out.own_pcr16 = context_.own_pcr16;
  out.anchors = context_.anchors;
  out.chain_cache = context_.chain_cache;
  out.random = context_.random;
  out.extensions = seat_extensions({context_.self, public_key_, nonce_});
  out.peer_extensions = {kPartyExtension, kKeyExtension, kNonceExtension};
  out.session = peer::SessionTerms{
      {0, context_.descriptor->digest()},
      [this](std::string_view purpose) { return serves(purpose); },
      [this](const peer::Statement& statement, policy::Side side,
             const attest::VerifiedClaims& claims) { return admit(statement, side, claims); }};
  return out;
}

Status Forming::serves(std::string_view purpose) const {
  const DescriptorFields& fields = context_.descriptor->fields();
  CONCORDAT_TRY(const Pairing pair, read_purpose(purpose));
  if (pair.responder != context_.self || pair.initiator >= pair.responder) {
    return Error(FormingErrc::not_for_us, fields.name_of(pair.initiator) + " to " +
                                              fields.name_of(pair.responder) + "; this is " +
                                              fields.name_of(context_.self));
  }
  return {};
}

Result<policy::AdmittedPeer> Forming::admit(const peer::Statement& statement, policy::Side side,
                                            const attest::VerifiedClaims& claims) {
  const DescriptorFields& fields = context_.descriptor->fields();
  CONCORDAT_TRY(const Pairing pair, read_purpose(statement.purpose));
  const PartyIndex index = side == policy::Side::initiator ? pair.initiator : pair.responder;
  CONCORDAT_TRY(const SeatClaim claim, read_seat(statement.extensions));
  const PartyEntry* const party = fields.party(index);
  if (party == nullptr || claim.index != index || statement.role != party->role) {
    return Error(FormingErrc::wrong_party,
                 "want " + fields.name_of(index) + " in its role, found " +
                     fields.name_of(claim.index) + " as " + policy::quote(statement.role));
  }
  policy::PartyQuestion question =
      question_about(fields, *party, fields.party(context_.self)->role);
  question.side = side;
  return policy::admit_party(*context_.policy.policy, question, claims, context_.own_pcr16);
}

Result<RosterSeat> Forming::seat_of(BytesView document, const SeatClaim& claim) {
  CONCORDAT_TRY(const auto parsed, attest::UnverifiedDocument::parse(document));
  const attest::DocumentFields& fields = parsed.unverified();
  const auto pcr = [&](std::uint8_t index) {
    const auto found = fields.pcrs.find(index);
    return found == fields.pcrs.end() ? attest::PcrValue() : found->second;
  };
  return RosterSeat{claim.index, claim.key,       claim.nonce, pcr(attest::kAuthorityPcr),
                    pcr(0),      fields.module_id};
}

// The device is trusted: what its document says of this enclave is so, if it stays so.
Status Forming::note_own(BytesView document) {
  CONCORDAT_TRY(const RosterSeat seat, seat_of(document, {context_.self, public_key_, nonce_}));
  if (seat.pcr16 != context_.own_pcr16 || (own_ && *own_ != seat)) {
    return Error(FormingErrc::own_document, "PCR16, PCR0 or module id");
  }
  if (!own_) own_document_ = base::to_bytes(document);
  own_ = seat;
  return {};
}

FormingOrders Forming::on_dialled(PartyIndex party, StreamId stream, const peer::Now& now) {
  now_ = now;
  const auto place = places_.find(party);
  const bool is_wanted = place != places_.end() && party > context_.self &&
                         place->second.stream == 0 && state_ != FormingState::failed;
  if (!is_wanted) {
    orders_.close.push_back(stream);
    return orders();
  }
  place->second.is_dialling = false;
  place->second.stream = stream;
  Link& link = links_[stream];
  link.began = now.monotonic;
  link.peer = party;
  link.initiator = std::make_unique<peer::Initiator>(handshake_context(),
                                                     handshake_purpose(context_.self, party));
  perform(stream, link.initiator->start(), now);
  return orders();
}

FormingOrders Forming::on_dial_failed(PartyIndex party, const peer::Now& now) {
  now_ = now;
  if (const auto found = places_.find(party); found != places_.end()) {
    found->second.is_dialling = false;
    dial_again(found->second, now);
  }
  return orders();
}

FormingOrders Forming::on_accepted(StreamId stream, const std::string& source,
                                   const peer::Now& now) {
  now_ = now;
  const auto entry =
      state_ == FormingState::failed ? std::nullopt : door_.enter(stream, source, now.monotonic);
  if (!entry || entry->evicted == stream) {
    orders_.close.push_back(stream);
    return orders();
  }
  if (entry->evicted) drop(*entry->evicted, Error(peer::Errc::busy), now);
  Link& link = links_[stream];
  link.began = now.monotonic;
  link.responder = std::make_unique<peer::Responder>(handshake_context());
  return orders();
}

// Whoever floods the device's queue would else keep a party's document from being made in time.
void Forming::mint_in_turn() {
  while (minting_.size() < limits::kMintsForStrangers) {
    std::vector<StreamId> waiting;
    for (const auto& [stream, link] : links_) {
      if (link.waits_for) waiting.push_back(stream);
    }
    if (waiting.empty()) return;
    const StreamId next = door_.take_turn(waiting);
    Link& link = links_.at(next);
    orders_.mint.emplace_back(next, *std::move(link.waits_for));
    link.waits_for.reset();
    minting_.insert(next);
  }
}

FormingOrders Forming::orders() {
  mint_in_turn();
  return std::exchange(orders_, {});
}

FormingOrders Forming::on_bytes(StreamId stream, BytesView bytes, const peer::Now& now) {
  now_ = now;
  const auto link = links_.find(stream);
  if (link == links_.end()) return orders();
  if (link->second.reader.buffered() + bytes.size() > limits::kUnreadBytes) {
    drop(stream, Error(FormingErrc::too_much_early), now);
    return orders();
  }
  link->second.reader.feed(bytes);
  pump(stream, now);
  return orders();
}

FormingOrders Forming::on_document(StreamId stream, const Result<Bytes>& document,
                                   const peer::Now& now) {
  now_ = now;
  minting_.erase(stream);
  const auto link = links_.find(stream);
  if (link == links_.end()) return orders();
  if (!document) {
    drop(stream, document.error(), now);
    return orders();
  }
  if (const Status own = note_own(*document); !own) {
    fail_run(own.error());
    return orders();
  }
  perform(stream,
          link->second.initiator ? link->second.initiator->on_document(*document, now)
                                 : link->second.responder->on_document(*document, now),
          now);
  pump(stream, now);
  return orders();
}

FormingOrders Forming::on_closed(StreamId stream, const peer::Now& now) {
  now_ = now;
  forget(stream, now);
  return orders();
}

FormingOrders Forming::on_time(const peer::Now& now) {
  now_ = now;
  if (state_ == FormingState::failed) return orders();
  const Status usable = context_.descriptor->usable_at(now.wall);
  if (state_ != FormingState::formed && (!usable || now.monotonic >= deadline_)) {
    fail_run(usable
                 ? too_late()
                 : Error(usable.error().code(), usable.error().detail() + "; " + who_is_missing()));
    return orders();
  }
  drop_silent(now);
  pulse(now);
  // A run that goes on beyond the session's time gets no new streams.
  is_past_ = !usable;
  if (is_past_) return orders();
  for (auto& [index, place] : places_) {
    if (index < context_.self || place.stream != 0 || place.is_dialling ||
        now.monotonic < place.dial_at) {
      continue;
    }
    place.is_dialling = true;
    orders_.dial.push_back(index);
  }
  return orders();
}

// The handshakes that take too long, and the streams on which nothing comes any more although
// something must: who is cut off without a word is dialled again.
void Forming::drop_silent(const peer::Now& now) {
  std::vector<std::pair<StreamId, std::string_view>> slow;
  for (const auto& [stream, link] : links_) {
    if (!link.channel && now.monotonic - link.began >= peer::kHandshakeTimeout) {
      slow.emplace_back(stream, "handshake");
    } else if (link.channel && !link.is_ready && now.monotonic - link.heard >= limits::kSilence) {
      slow.emplace_back(stream, "nothing came any more");
    }
  }
  for (const auto& [stream, what] : slow)
    drop(stream, Error(peer::Errc::timed_out, std::string(what)), now);
}

base::MonotonicMillis Forming::wake_at() const noexcept {
  const bool has_formed = state_ == FormingState::formed;
  base::MonotonicMillis at =
      has_formed ? base::MonotonicMillis{std::numeric_limits<std::int64_t>::max()} : deadline_;
  if (state_ == FormingState::gathering || state_ == FormingState::signing) {
    at = std::min(at, pulse_at_);
  }
  for (const auto& [stream, link] : links_) {
    if (!link.channel) at = std::min(at, link.began + peer::kHandshakeTimeout);
    if (link.channel && !link.is_ready) at = std::min(at, link.heard + limits::kSilence);
  }
  for (const auto& [index, place] : places_) {
    if (index > context_.self && place.stream == 0 && !place.is_dialling && !is_past_) {
      at = std::min(at, place.dial_at);
    }
  }
  return at;
}

// Takes in what has come, as far as the state lets it.
void Forming::pump(StreamId stream, const peer::Now& now) {
  for (;;) {
    const auto found = links_.find(stream);
    if (found == links_.end()) return;
    Link& link = found->second;
    // What follows is for whoever comes after the forming.
    if (link.is_ready) return;
    if (!link.channel && link.handshake().state() == peer::HandshakeState::minting) return;
    const auto frame = link.reader.next(link.channel ? peer::AllowedFrames(peer::FrameType::data)
                                                     : link.handshake().allowed());
    if (!frame) return drop(stream, frame.error(), now);
    if (!*frame) return;
    if (link.channel) {
      if (const Status taken = on_record(link, **frame, now); !taken) {
        const bool run_is_over = taken.error().is(FormingErrc::roster_not_signed);
        return run_is_over ? fail_run(taken.error()) : drop(stream, taken.error(), now);
      }
      advance(now);
    } else {
      perform(stream,
              link.initiator ? link.initiator->on_frame(**frame, now)
                             : link.responder->on_frame(**frame, now),
              now);
    }
  }
}

void Forming::perform(StreamId stream, Result<peer::HandshakeAction> action, const peer::Now& now) {
  Link& link = links_.at(stream);
  if (link.responder && link.peer == 0) {
    // Said, not proved: for the log, and to know whose handshake this is.
    if (const auto pair = read_purpose(link.responder->purpose())) link.peer = pair->initiator;
  }
  if (!action) {
    if (const Bytes& farewell = link.handshake().farewell(); !farewell.empty()) {
      orders_.send.emplace_back(stream, farewell);
    }
    return drop(stream, action.error(), now);
  }
  if (!action->send.empty()) orders_.send.emplace_back(stream, std::move(action->send));
  if (action->mint && link.responder) {
    link.waits_for = std::move(action->mint);
  } else if (action->mint) {
    orders_.mint.emplace_back(stream, *std::move(action->mint));
  }
  if (link.handshake().state() == peer::HandshakeState::established) established(stream, now);
}

void Forming::established(StreamId stream, const peer::Now& now) {
  Link& link = links_.at(stream);
  link.channel.emplace(link.initiator ? std::move(*link.initiator).take_established()
                                      : std::move(*link.responder).take_established());
  link.initiator.reset();
  link.responder.reset();
  link.heard = now.monotonic;
  if (const Status seated = take_seat(stream, now); !seated) {
    const bool is_roster_dead =
        seated.error().is(FormingErrc::party_restarted) && state_ != FormingState::formed;
    return is_roster_dead ? begin_anew(link.peer, seated.error(), now)
                          : drop(stream, seated.error(), now);
  }
  greet(stream, now);
  see_group(now);
}

void Forming::drop(StreamId stream, Error error, const peer::Now& now) {
  const auto found = links_.find(stream);
  if (found == links_.end()) return;
  const PartyIndex party = found->second.peer;
  note_refusal(party, error);
  // Only of a stream that is its party's: anybody may say a name.
  if (const auto place = places_.find(party);
      place != places_.end() && (place->second.stream == stream || place->second.stream == 0)) {
    place->second.refusal = std::move(error);
  }
  orders_.close.push_back(stream);
  forget(stream, now);
}

void Forming::note_refusal(PartyIndex party, const Error& error) {
  if (refusals_.size() == limits::kRefusals) refusals_.pop_front();
  refusals_.push_back({party == 0 ? std::nullopt : std::optional(party), error});
}

// Also of a stream that was given out. Pauses grow as long as streams do not last: two enclaves of
// one party that both hold to a seat would else shake hands without end.
void Forming::forget(StreamId stream, const peer::Now& now) {
  door_.leave(stream);
  // Whose time is over first takes its streams along: why it did not go on is still known then.
  if (missing().empty()) {
    if (auto differs = disagreement()) last_difference_ = std::move(differs);
  }
  const auto link = links_.find(stream);
  const bool has_lasted =
      link == links_.end() || now.monotonic - link->second.began >= limits::kSilence;
  if (link != links_.end()) links_.erase(link);
  for (auto& [index, place] : places_) {
    if (place.stream != stream) continue;
    place.stream = 0;
    if (has_lasted) place.pause = limits::kFirstRedial;
    dial_again(place, now);
  }
}

void Forming::dial_again(Place& place, const peer::Now& now) {
  place.dial_at = now.monotonic + jittered(place.pause);
  place.pause = std::min(2 * place.pause, limits::kLastRedial);
}

// So that those who were thrown back together do not come back together: from half of it on.
std::chrono::milliseconds Forming::jittered(std::chrono::milliseconds most) {
  const auto drawn = context_.random->make<base::FixedBytes<struct JitterTag, 2>>();
  const std::uint32_t part = drawn.view()[0] * 256u + drawn.view()[1];
  return most / 2 + most * part / (2 * 65536);
}

}  // namespace concordat::session

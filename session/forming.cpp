#include "session/forming.hpp"

#include <algorithm>

#include "attest/base/cbor.hpp"
#include "attest/document.hpp"
#include "peer/error.hpp"

namespace concordat::session {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
namespace cbor = base::cbor;

// The one record by which a party shows its roster.
constexpr std::uint64_t kRosterRecord = 0;

Bytes encode_roster_record(BytesView roster, const policy::Signature& signature) {
  cbor::Writer writer;
  writer.array(3).uint(kRosterRecord).bytes(roster).bytes(signature.view());
  return std::move(writer).take();
}

Result<std::pair<Bytes, policy::Signature>> read_roster_record(BytesView record) {
  cbor::Reader reader(record);
  CONCORDAT_TRY(const std::size_t items, reader.read_array(3));
  CONCORDAT_TRY(const std::uint64_t kind, reader.read_uint());
  if (items != 3 || kind != kRosterRecord) return Error(cbor::Errc::malformed, "another record");
  CONCORDAT_TRY(const BytesView roster, reader.read_bytes(limits::kRosterBytes));
  CONCORDAT_TRY(const BytesView signature, reader.read_bytes(policy::Signature::kSize));
  CONCORDAT_CHECK(reader.finish());
  CONCORDAT_TRY(const policy::Signature fixed, policy::Signature::from(signature));
  return std::pair(base::to_bytes(roster), fixed);
}

// What a document says of the enclave; whoever calls has verified it, or made it.
Result<RosterSeat> seat_of(BytesView document, const SeatClaim& claim) {
  CONCORDAT_TRY(const auto parsed, attest::UnverifiedDocument::parse(document));
  const attest::DocumentFields& fields = parsed.unverified();
  const auto pcr = [&](std::uint8_t index) {
    const auto found = fields.pcrs.find(index);
    return found == fields.pcrs.end() ? attest::PcrValue() : found->second;
  };
  return RosterSeat{claim.index, claim.key,       claim.nonce, pcr(attest::kAuthorityPcr),
                    pcr(0),      fields.module_id};
}

}  // namespace

std::string_view to_string(FormingState state) noexcept {
  static constexpr std::array<std::string_view, 4> names{"gathering", "signing", "formed",
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
      nonce_(context_.random->make<RunNonce>()),
      deadline_(now.monotonic + limits::kFormingTime),
      admissions_(peer::kAdmissionsPerSecond, peer::kAdmissionBurst, now.monotonic),
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
    const PartyEntry& party = *fields.party(index);
    const policy::PartyQuestion question{fields.id,   fields.protocol, own->role,
                                         party.realm, party.role,      party.authority};
    const policy::Evaluation rule = policy::evaluate_party(context_.policy.policy->model(),
                                                           question, nullptr, context_.own_pcr16);
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
  out.extensions = seat_extensions({context_.self, key_.public_key(), nonce_});
  out.peer_extensions = {kPartyExtension, kKeyExtension, kNonceExtension};
  out.session = peer::SessionTerms{
      {0, context_.descriptor->digest()},
      [this](std::string_view purpose) { return serves(purpose, now_.monotonic); },
      [this](const peer::Statement& statement, policy::Side side,
             const attest::VerifiedClaims& claims) { return admit(statement, side, claims); }};
  return out;
}

Status Forming::serves(std::string_view purpose, base::MonotonicMillis now) {
  const DescriptorFields& fields = context_.descriptor->fields();
  CONCORDAT_TRY(const Pairing pair, read_purpose(purpose));
  if (pair.responder != context_.self || pair.initiator >= pair.responder) {
    return Error(FormingErrc::not_for_us, fields.name_of(pair.initiator) + " to " +
                                              fields.name_of(pair.responder) + "; this is " +
                                              fields.name_of(context_.self));
  }
  if (places_.at(pair.initiator).reseats >= limits::kMaxReseats) {
    return Error(FormingErrc::too_many_restarts, fields.name_of(pair.initiator));
  }
  if (!admissions_.take(now)) return Error(peer::Errc::busy);
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
  const policy::PartyQuestion question{
      fields.id,    fields.protocol, fields.party(context_.self)->role,
      party->realm, party->role,     party->authority,
      side};
  return policy::admit_party(*context_.policy.policy, question, claims, context_.own_pcr16);
}

// The device is trusted: what its document says of this enclave is so, if it stays so.
Status Forming::note_own(BytesView document) {
  CONCORDAT_TRY(const RosterSeat seat,
                seat_of(document, {context_.self, key_.public_key(), nonce_}));
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
                         place->second.stream == 0 && state_ != FormingState::failed &&
                         state_ != FormingState::formed;
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
    Place& place = found->second;
    place.is_dialling = false;
    place.dial_at = now.monotonic + place.pause;
    place.pause = std::min(2 * place.pause, limits::kLastRedial);
  }
  return orders();
}

FormingOrders Forming::on_accepted(StreamId stream, const peer::Now& now) {
  now_ = now;
  const bool is_open = state_ == FormingState::gathering || state_ == FormingState::signing;
  if (!is_open || links_.size() >= 2 * places_.size() + limits::kSpareStreams) {
    orders_.close.push_back(stream);
    return orders();
  }
  Link& link = links_[stream];
  link.began = now.monotonic;
  link.responder = std::make_unique<peer::Responder>(handshake_context());
  return orders();
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
  if (state_ != FormingState::gathering && state_ != FormingState::signing) return orders();
  const Status usable = context_.descriptor->usable_at(now.wall);
  if (!usable || now.monotonic >= deadline_) {
    fail_run(usable
                 ? Error(FormingErrc::timed_out, who_is_missing())
                 : Error(usable.error().code(), usable.error().detail() + "; " + who_is_missing()));
    return orders();
  }
  std::vector<StreamId> slow;
  for (const auto& [stream, link] : links_) {
    if (!link.channel && now.monotonic - link.began >= peer::kHandshakeTimeout) {
      slow.push_back(stream);
    }
  }
  for (const StreamId stream : slow)
    drop(stream, Error(peer::Errc::timed_out, "handshake"), now);
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

base::MonotonicMillis Forming::wake_at() const noexcept {
  base::MonotonicMillis at = deadline_;
  for (const auto& [stream, link] : links_) {
    if (!link.channel) at = std::min(at, link.began + peer::kHandshakeTimeout);
  }
  for (const auto& [index, place] : places_) {
    if (index > context_.self && place.stream == 0 && !place.is_dialling) {
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
    // What follows the roster is for whoever comes after the forming.
    if (link.theirs) return;
    if (!link.channel && link.handshake().state() == peer::HandshakeState::minting) return;
    const auto frame = link.reader.next(link.channel ? peer::AllowedFrames(peer::FrameType::data)
                                                     : link.handshake().allowed());
    if (!frame) return drop(stream, frame.error(), now);
    if (!*frame) return;
    if (link.channel) {
      if (const Status taken = on_record(link, **frame, now); !taken) {
        return drop(stream, taken.error(), now);
      }
      compare(stream, now);
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
  if (action->mint) orders_.mint.emplace_back(stream, *std::move(action->mint));
  if (link.handshake().state() == peer::HandshakeState::established) established(stream, now);
}

void Forming::established(StreamId stream, const peer::Now& now) {
  Link& link = links_.at(stream);
  link.channel.emplace(link.initiator ? std::move(*link.initiator).take_established()
                                      : std::move(*link.responder).take_established());
  link.initiator.reset();
  link.responder.reset();
  if (const Status seated = take_seat(stream, now); !seated) {
    const bool run_is_over = seated.error().is(FormingErrc::party_restarted);
    return run_is_over ? fail_run(seated.error()) : drop(stream, seated.error(), now);
  }
  if (state_ == FormingState::gathering) return sign_when_complete(now);
  send_roster(stream, now);
}

Status Forming::take_seat(StreamId stream, const peer::Now& now) {
  Link& link = links_.at(stream);
  const DescriptorFields& fields = context_.descriptor->fields();
  CONCORDAT_TRY(const SeatClaim claim, read_seat(link.channel->peer_extensions));
  CONCORDAT_TRY(RosterSeat seat, seat_of(link.channel->peer_document, claim));
  std::vector<RosterSeat> others{*own_};
  for (const auto& [index, place] : places_) {
    if (place.seat) others.push_back(*place.seat);
  }
  CONCORDAT_CHECK(check_seat(seat, others, fields));
  Place& place = places_.at(claim.index);
  if (place.seat && *place.seat != seat) {
    // It started anew, or somebody runs two of it. What is signed names the first: no second
    // signature under another group may stand beside it.
    if (state_ != FormingState::gathering) {
      return Error(FormingErrc::party_restarted, fields.name_of(claim.index));
    }
    if (++place.reseats > limits::kMaxReseats) {
      return Error(FormingErrc::too_many_restarts, fields.name_of(claim.index));
    }
  }
  const StreamId earlier = std::exchange(place.stream, stream);
  if (earlier != 0 && earlier != stream) {
    orders_.close.push_back(earlier);
    forget(earlier, now);
  }
  place.seat = std::move(seat);
  place.document = link.channel->peer_document;
  place.pause = limits::kFirstRedial;
  place.refusal.reset();
  return {};
}

Status Forming::on_record(Link& link, const peer::Frame& frame, const peer::Now& now) {
  Bytes plaintext(frame.body().size());
  CONCORDAT_TRY(const std::size_t size, link.channel->opener.open(frame, now.monotonic, plaintext));
  plaintext.resize(size);
  auto record = read_roster_record(plaintext);
  if (!record) return Error(FormingErrc::malformed_roster, record.error().to_string());
  link.theirs = *std::move(record);
  return {};
}

void Forming::sign_when_complete(const peer::Now& now) {
  if (!missing().empty()) return;
  roster_ = {context_.descriptor->digest(), {}};
  for (const PartyIndex index : context_.descriptor->fields().indices())
    roster_.seats.push_back(index == context_.self ? *own_ : *places_.at(index).seat);
  if (const Status sound = check_roster(roster_, context_.descriptor->fields()); !sound) {
    return fail_run(sound.error());
  }
  encoded_roster_ = encode(roster_);
  auto signature = key_.sign(roster_message(encoded_roster_));
  if (!signature) return fail_run(signature.error());
  own_signature_ = *signature;
  state_ = FormingState::signing;
  std::vector<StreamId> streams;
  for (const auto& [index, place] : places_) {
    if (place.stream != 0 && links_.at(place.stream).channel) streams.push_back(place.stream);
  }
  for (const StreamId stream : streams)
    send_roster(stream, now);
}

void Forming::send_roster(StreamId stream, const peer::Now& now) {
  if (state_ != FormingState::signing) return;
  Bytes record;
  const Status sealed = links_.at(stream).channel->sealer.seal(
      encode_roster_record(encoded_roster_, own_signature_), now.monotonic, record);
  if (!sealed) return drop(stream, sealed.error(), now);
  orders_.send.emplace_back(stream, std::move(record));
  compare(stream, now);
}

void Forming::compare(StreamId stream, const peer::Now& now) {
  const auto found = links_.find(stream);
  if (state_ != FormingState::signing || found == links_.end() || !found->second.theirs) return;
  Link& link = found->second;
  const DescriptorFields& fields = context_.descriptor->fields();
  const auto& [roster, signature] = *link.theirs;
  if (roster != encoded_roster_) {
    const auto theirs = decode_roster(roster);
    return fail_run(
        theirs ? Error(FormingErrc::roster_differs, "at " + fields.name_of(link.peer) + ": " +
                                                        difference(roster_, *theirs, fields))
               : theirs.error());
  }
  Place& place = places_.at(link.peer);
  if (!policy::check_signature(signature, roster_message(roster), place.seat->key)) {
    return fail_run(Error(FormingErrc::roster_not_signed, fields.name_of(link.peer)));
  }
  place.signature = signature;
  const bool all = std::ranges::all_of(places_, [&](const auto& entry) {
    return entry.second.signature && entry.second.stream != 0 &&
           links_.at(entry.second.stream).theirs;
  });
  if (!all) return;
  state_ = FormingState::formed;
  now_ = now;
}

void Forming::drop(StreamId stream, Error error, const peer::Now& now) {
  const auto found = links_.find(stream);
  if (found == links_.end()) return;
  const PartyIndex party = found->second.peer;
  if (refusals_.size() == limits::kRefusals) refusals_.pop_front();
  refusals_.push_back({party == 0 ? std::nullopt : std::optional(party), error});
  // Only of a stream that is its party's: anybody may say a name.
  if (const auto place = places_.find(party);
      place != places_.end() && (place->second.stream == stream || place->second.stream == 0)) {
    place->second.refusal = std::move(error);
  }
  orders_.close.push_back(stream);
  forget(stream, now);
}

void Forming::forget(StreamId stream, const peer::Now& now) {
  if (links_.erase(stream) == 0) return;
  for (auto& [index, place] : places_) {
    if (place.stream != stream) continue;
    place.stream = 0;
    place.dial_at = now.monotonic + place.pause;
    place.pause = std::min(2 * place.pause, limits::kLastRedial);
  }
}

void Forming::fail_run(Error error) {
  if (state_ == FormingState::failed) return;
  state_ = FormingState::failed;
  error_ = std::move(error);
  for (const auto& [stream, link] : links_)
    orders_.close.push_back(stream);
  links_.clear();
  for (auto& [index, place] : places_)
    place.stream = 0;
}

std::vector<PartyIndex> Forming::missing() const {
  std::vector<PartyIndex> out;
  for (const auto& [index, place] : places_) {
    if (!place.seat) out.push_back(index);
  }
  return out;
}

std::string Forming::who_is_missing() const {
  std::string out;
  for (const auto& [index, place] : places_) {
    const bool is_there =
        state_ == FormingState::signing ? place.signature.has_value() : place.seat.has_value();
    if (is_there) continue;
    out += (out.empty() ? "" : "; ") + context_.descriptor->fields().name_of(index) +
           (place.refusal ? ": " + place.refusal->to_string() : " did not come");
  }
  return out.empty() ? "nobody is missing" : out;
}

FormedSession Forming::take() && {
  FormedSession out{context_.descriptor,
                    context_.self,
                    std::move(roster_),
                    std::move(encoded_roster_),
                    {},
                    std::move(key_),
                    {},
                    {},
                    now_.wall};
  out.run = run_id(out.encoded_roster);
  for (auto& [index, place] : places_) {
    Link& link = links_.at(place.stream);
    out.channels.emplace(index,
                         FormedChannel{place.stream, std::move(link.channel->sealer),
                                       std::move(link.channel->opener), std::move(link.reader),
                                       std::move(link.channel->exporter)});
    out.evidence.emplace(index, SeatEvidence{std::move(place.document), *place.signature});
  }
  out.evidence.emplace(context_.self, SeatEvidence{std::move(own_document_), own_signature_});
  return out;
}

}  // namespace concordat::session

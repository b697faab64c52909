// Whom a party sees, what it signs, and when it gives that up.
#include <algorithm>

#include "session/forming.hpp"

namespace concordat::session {

using base::Bytes;
using base::Error;
using base::Status;

const Forming::Link* Forming::link_of(const Place& place) const {
  const auto found = links_.find(place.stream);
  return found == links_.end() || !found->second.channel ? nullptr : &found->second;
}

bool Forming::is_everybody(bool (*has)(const Forming&, const Place&)) const {
  return std::ranges::all_of(places_, [&](const auto& entry) { return has(*this, entry.second); });
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
  // It started anew, or somebody runs two of it. What is signed names the first.
  if (place.seat && *place.seat != seat && state_ != FormingState::gathering) {
    return Error(FormingErrc::party_restarted, fields.name_of(claim.index));
  }
  const StreamId earlier = std::exchange(place.stream, stream);
  if (earlier != 0 && earlier != stream) {
    orders_.close.push_back(earlier);
    forget(earlier, now);
  }
  place.seat = std::move(seat);
  place.document = link.channel->peer_document;
  place.refusal.reset();
  door_.leave(stream);
  return {};
}

Status Forming::on_record(Link& link, const peer::Frame& frame, const peer::Now& now) {
  Bytes plaintext(frame.body().size());
  CONCORDAT_TRY(const std::size_t size, link.channel->opener.open(frame, now.monotonic, plaintext));
  plaintext.resize(size);
  link.heard = now.monotonic;
  CONCORDAT_TRY(FormingRecord record, decode_forming_record(plaintext));
  return std::visit([&](auto&& one) { return on(link, std::forward<decltype(one)>(one)); },
                    std::move(record));
}

Status Forming::on(Link& link, ViewRecord record) {
  if (record.roster.empty()) return {};
  // Who signed on this stream has no other view on it: it would have another key.
  if (link.signature) return Error(FormingErrc::malformed_roster, "a view after a signature");
  CONCORDAT_CHECK(decode_roster(record.roster));
  link.view = std::move(record.roster);
  return {};
}

Status Forming::on(Link& link, const SignedRecord& record) {
  if (link.signature || record.run != run_id(link.view)) {
    return Error(FormingErrc::malformed_roster, "signs what it did not show");
  }
  const SessionPublicKey& key = places_.at(link.peer).seat->key;
  if (!policy::check_signature(record.signature, roster_message(link.view), key)) {
    return Error(FormingErrc::roster_not_signed, context_.descriptor->fields().name_of(link.peer));
  }
  link.signature = record.signature;
  return {};
}

Status Forming::on(Link& link, const ReadyRecord& record) {
  if (!link.signature || record.run != run_id(link.view)) {
    return Error(FormingErrc::malformed_roster, "ready for what it did not sign");
  }
  link.is_ready = true;
  return {};
}

void Forming::send_record(StreamId stream, const FormingRecord& record, const peer::Now& now) {
  Bytes sealed;
  if (const Status done =
          links_.at(stream).channel->sealer.seal(encode(record), now.monotonic, sealed);
      !done) {
    return drop(stream, done.error(), now);
  }
  orders_.send.emplace_back(stream, std::move(sealed));
}

void Forming::send_to_all(const FormingRecord& record, const peer::Now& now) {
  std::vector<StreamId> streams;
  for (const auto& [index, place] : places_) {
    if (link_of(place) != nullptr) streams.push_back(place.stream);
  }
  for (const StreamId stream : streams)
    send_record(stream, record, now);
}

// A new stream is brought to where the others are.
void Forming::greet(StreamId stream, const peer::Now& now) {
  std::vector<FormingRecord> words{ViewRecord{view_}};
  if (state_ != FormingState::gathering) {
    const RunId run = run_id(encoded_roster_);
    words.emplace_back(SignedRecord{run, own_signature_});
    if (state_ != FormingState::signing) words.emplace_back(ReadyRecord{run});
  }
  for (const FormingRecord& word : words) {
    if (links_.contains(stream)) send_record(stream, word, now);
  }
}

// Nothing is said to who has everything from here: it waits for nothing.
void Forming::pulse(const peer::Now& now) {
  if (state_ != FormingState::gathering && state_ != FormingState::signing) return;
  if (now.monotonic < pulse_at_) return;
  pulse_at_ = now.monotonic + limits::kPulse;
  send_to_all(ViewRecord{}, now);
}

// After any change of the seats.
void Forming::see_group(const peer::Now& now) {
  if (state_ != FormingState::gathering || !missing().empty()) return advance(now);
  roster_ = {context_.descriptor->digest(), {}};
  for (const PartyIndex index : context_.descriptor->fields().indices())
    roster_.seats.push_back(index == context_.self ? *own_ : *places_.at(index).seat);
  if (const Status sound = check_roster(roster_, context_.descriptor->fields()); !sound) {
    return fail_run(sound.error());
  }
  if (Bytes view = encode(roster_); view != view_) {
    view_ = std::move(view);
    send_to_all(ViewRecord{view_}, now);
  }
  advance(now);
}

// What can be done now, by what everybody said. A party that shows another group than this one
// signed will not sign this one: the key that it would sign with sees another.
void Forming::advance(const peer::Now& now) {
  if (is_taken_) {
    for (const auto& [index, place] : places_) {
      const Link* const link = link_of(place);
      if (link != nullptr && link->is_ready) resume(index, place.stream, now);
    }
    return;
  }
  if (state_ == FormingState::gathering && !view_.empty() &&
      is_everybody([](const Forming& self, const Place& place) {
        const Link* const link = self.link_of(place);
        return link != nullptr && link->view == self.view_;
      })) {
    sign(now);
  }
  if (state_ == FormingState::signing || state_ == FormingState::ready) {
    for (auto& [index, place] : places_) {
      const Link* const link = link_of(place);
      if (link == nullptr || link->view.empty()) continue;
      if (link->view != view_) return begin_anew(index, *disagreement(), now);
      if (link->signature) place.signature = link->signature;
    }
  }
  if (state_ == FormingState::signing && is_everybody([](const Forming&, const Place& place) {
        return place.signature.has_value();
      })) {
    state_ = FormingState::ready;
    send_to_all(ReadyRecord{run_id(encoded_roster_)}, now);
  }
  const bool all_are_ready = is_everybody([](const Forming& self, const Place& place) {
    const Link* const link = self.link_of(place);
    return link != nullptr && link->is_ready;
  });
  if (state_ == FormingState::ready && all_are_ready) {
    state_ = FormingState::formed;
    now_ = now;
  }
}

void Forming::sign(const peer::Now& now) {
  auto signature = key_.sign(roster_message(view_));
  if (!signature) return fail_run(signature.error());
  own_signature_ = *signature;
  encoded_roster_ = view_;
  state_ = FormingState::signing;
  send_to_all(SignedRecord{run_id(encoded_roster_), own_signature_}, now);
}

std::optional<Error> Forming::disagreement() const {
  const DescriptorFields& fields = context_.descriptor->fields();
  for (const auto& [index, place] : places_) {
    const Link* const link = link_of(place);
    if (link == nullptr || link->view.empty() || link->view == view_) continue;
    const auto theirs = decode_roster(link->view);
    return theirs ? Error(FormingErrc::roster_differs, "at " + fields.name_of(index) + ": " +
                                                           difference(roster_, *theirs, fields))
                  : theirs.error();
  }
  return std::nullopt;
}

// The roster that was signed is given up, and with it the key: whoever holds its signature may go
// on without this party, which then is in no other group by that key.
void Forming::begin_anew(PartyIndex because_of, Error why, const peer::Now& now) {
  note_refusal(because_of, why);
  close_all();
  key_ = SessionKey::generate();
  public_key_ = key_.public_key();
  nonce_ = context_.random->make<RunNonce>();
  own_.reset();
  own_document_.clear();
  roster_ = {};
  view_.clear();
  encoded_roster_.clear();
  own_signature_ = {};
  last_difference_.reset();
  state_ = FormingState::gathering;
  const auto most = std::min(limits::kFirstRedial * (1 << std::min<std::size_t>(attempts_, 8)),
                             limits::kLastRedial);
  ++attempts_;
  for (auto& [index, place] : places_) {
    const bool is_dialling = place.is_dialling;
    place = Place{};
    place.is_dialling = is_dialling;
    place.dial_at = now.monotonic + jittered(most);
  }
  places_.at(because_of).refusal = std::move(why);
}

// What is being minted for them is answered all the same.
void Forming::close_all() {
  for (const auto& [stream, link] : links_) {
    orders_.close.push_back(stream);
    door_.leave(stream);
  }
  links_.clear();
}

void Forming::fail_run(Error error) {
  if (state_ == FormingState::failed) return;
  state_ = FormingState::failed;
  error_ = std::move(error);
  close_all();
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

Error Forming::too_late() const {
  if (!missing().empty()) return Error(FormingErrc::timed_out, who_is_missing());
  if (auto differs = disagreement()) return *std::move(differs);
  if (!last_difference_) return Error(FormingErrc::timed_out, who_is_missing());
  return Error(last_difference_->code(),
               last_difference_->detail() + "; and then: " + who_is_missing());
}

std::string Forming::who_is_missing() const {
  const DescriptorFields& fields = context_.descriptor->fields();
  std::string out;
  for (const auto& [index, place] : places_) {
    const Link* const link = link_of(place);
    const bool is_there = state_ == FormingState::gathering ? place.seat && link != nullptr
                          : state_ == FormingState::signing ? place.signature.has_value()
                                                            : link != nullptr && link->is_ready;
    if (is_there) continue;
    out += (out.empty() ? "" : "; ") + fields.name_of(index) +
           (place.refusal ? ": " + place.refusal->to_string() : " did not come");
  }
  return out.empty() ? "nobody is missing" : out;
}

FormedChannel Forming::channel_of(StreamId stream) {
  auto link = links_.extract(stream);
  peer::Established& channel = *link.mapped().channel;
  return {stream, std::move(channel.sealer), std::move(channel.opener),
          std::move(link.mapped().reader), std::move(channel.exporter)};
}

// A new channel to an enclave of the roster, which has said that it means the same one.
void Forming::resume(PartyIndex party, StreamId stream, const peer::Now& now) {
  if (links_.at(stream).view != encoded_roster_) {
    return drop(
        stream,
        Error(FormingErrc::roster_differs, "at " + context_.descriptor->fields().name_of(party)),
        now);
  }
  orders_.resumed.emplace_back(party, channel_of(stream));
}

FormedSession Forming::take() {
  is_taken_ = true;
  FormedSession out{context_.descriptor,
                    context_.self,
                    roster_,
                    encoded_roster_,
                    run_id(encoded_roster_),
                    std::move(key_),
                    {},
                    {},
                    now_.wall};
  for (const auto& [index, place] : places_) {
    out.channels.emplace(index, channel_of(place.stream));
    out.evidence.emplace(index, SeatEvidence{place.document, *place.signature});
  }
  out.evidence.emplace(context_.self, SeatEvidence{own_document_, own_signature_});
  return out;
}

}  // namespace concordat::session

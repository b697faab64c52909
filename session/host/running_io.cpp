// How a hosted run goes on when it has formed: bytes between streams and messaging::Run.
#include "attest/verify.hpp"
#include "peer/error.hpp"
#include "session/host/errc.hpp"
#include "session/host/hosted_run_io.hpp"
#include "session/messaging/error.hpp"
#include "session/receipt.hpp"

namespace concordat::session::host {
namespace {

using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

// What may lie written for a stream that takes it slowly; the rest waits in the run, where it is
// bounded.
constexpr std::size_t kMostWaiting = 256 * 1024;

}  // namespace

void HostedRun::begin_run(FormedSession formed) {
  const auto at = now();
  if (!at) return;
  formed_.emplace(std::move(formed));
  environment_.log.info("session_formed", {{"session", order_.descriptor->fields().id},
                                           {"run", formed_->run.hex()},
                                           {"parties", formed_->roster.seats.size()}});
  progress(Stage::formed, "run " + formed_->run.hex());
  if (const Status counted = count_run(*at); !counted) return fail(counted.error());
  if (const Status started = start_protocol(*at); !started) return fail(started.error());
  adopt_channels(*at);
  pump();
}

// Before any input moves.
Status HostedRun::count_run(const peer::Now&) {
  const DescriptorFields& fields = order_.descriptor->fields();
  const policy::Policy& policy = *environment_.party.policies->latest();
  const policy::SessionRule* const rule =
      policy::session_rule(policy.model(), fields.id, fields.protocol);
  if (rule == nullptr) return Error(policy::AdmissionErrc::session_unknown, fields.id);
  return environment_.ledger.count(order_.input, formed_->run, rule->runs_per_input);
}

Status HostedRun::start_protocol(const peer::Now& now) {
  messaging::Group group{formed_->seat(), {}};
  for (const RosterSeat& seat : formed_->roster.seats)
    group.keys.emplace(seat.index, seat.key);
  CONCORDAT_TRY(auto protocol, order_.intake->begin(group.seat));
  order_.intake.reset();
  if (environment_.deviate) protocol = environment_.deviate(std::move(protocol));
  // The receipt is signed by the same key; neither of the two outlives this run.
  CONCORDAT_TRY(run_, messaging::Run::begin(std::move(group), formed_->key.clone(),
                                            std::move(protocol), order_.timing, now.monotonic));
  return {};
}

void HostedRun::adopt_channels(const peer::Now& now) {
  std::set<StreamId> kept;
  for (auto& [party, channel] : formed_->channels) {
    SeatLink& seat = seats_[party];
    seat.channel.emplace(std::move(channel.sealer), std::move(channel.opener),
                         std::move(channel.reader));
    seat.dial_at = now.monotonic;
    if (!streams_.contains(channel.stream)) continue;
    seat.stream = channel.stream;
    seat_of_[channel.stream] = party;
    kept.insert(channel.stream);
    (void)run_->connected(party, now.monotonic);  // a new run admits everybody
  }
  formed_->channels.clear();
  for (auto it = streams_.begin(); it != streams_.end();) {
    const StreamId stream = (it++)->first;
    if (!kept.contains(stream)) close_stream(stream);
  }
  for (const StreamId stream : kept) {
    if (!streams_.contains(stream)) continue;
    streams_.at(stream)->resume();
    // What came early lies in the channel's reader.
    on_seat_bytes(seat_of_.at(stream), {}, now);
  }
}

void HostedRun::on_seat_bytes(PartyIndex party, BytesView bytes, const peer::Now& now) {
  SeatLink& seat = seats_.at(party);
  if (!seat.channel) return;
  if (const Status taken = seat.channel->take(bytes, party, *run_, now.monotonic); !taken) {
    environment_.log.error("session_channel_ended", taken.error(),
                           {{"session", order_.descriptor->fields().id}, {"party", party}});
    cut(party, now);
  }
  pump();
}

void HostedRun::cut(PartyIndex party, const peer::Now& now) {
  SeatLink& seat = seats_.at(party);
  const StreamId stream = std::exchange(seat.stream, 0);
  seat.channel.reset();
  // Who has everything leaves; whether that one is owed anything is looked at without a channel.
  const bool has_output = run_->outcome() != nullptr && !run_->outcome()->stop;
  if (!has_output) run_->lost(party, now.monotonic);
  seat.dial_at = now.monotonic + seat.pause;
  seat.pause = std::min(2 * seat.pause, limits::kLastRedial);
  close_stream(stream);
}

RejoinTerms HostedRun::rejoin_terms() {
  RejoinTerms out;
  out.session = &*formed_;
  out.policy = environment_.party.policies->snapshot();
  out.own_pcr16 = environment_.party.own_pcr16;
  out.anchors = environment_.party.anchors;
  out.chain_cache = environment_.party.chain_cache;
  out.random = environment_.party.random;
  out.wants = [this](PartyIndex party) -> Status {
    CONCORDAT_TRY(const peer::Now at, environment_.party.clock());
    if (!run_->admits(party)) {
      return Error(messaging::Errc::not_admitted, "party " + std::to_string(party));
    }
    if (!joins_.take(at.monotonic)) return Error(peer::Errc::busy);
    return {};
  };
  return out;
}

void HostedRun::redial(PartyIndex party) {
  seats_.at(party).is_dialling = true;
  dial(party, [weak = weak_from_this(), party](Result<peer::StreamSocket> socket) {
    const auto self = weak.lock();
    const auto at = self ? self->now() : std::nullopt;
    if (!at || !self->run_) return;
    SeatLink& seat = self->seats_.at(party);
    seat.is_dialling = false;
    seat.dial_at = at->monotonic + seat.pause;
    seat.pause = std::min(2 * seat.pause, limits::kLastRedial);
    if (!socket || seat.stream != 0) return self->arm();
    const StreamId id = self->add_stream(*std::move(socket), {});
    auto rejoin = std::make_unique<Rejoin>(self->rejoin_terms(), party);
    auto first = rejoin->start();
    // Until it is seen how this one ends.
    seat.dial_at = at->monotonic + peer::kHandshakeTimeout;
    self->join(id, std::move(rejoin), std::move(first));
  });
}

void HostedRun::join(StreamId stream, std::unique_ptr<Rejoin> rejoin, Result<Rejoin::Step> step) {
  const auto at = now();
  if (!at) return;
  joining_[stream] = {std::move(rejoin), at->monotonic};
  rejoin_step(stream, std::move(step));
}

void HostedRun::rejoin_step(StreamId stream, Result<Rejoin::Step> step) {
  const auto at = now();
  const auto joining = joining_.find(stream);
  if (!at || joining == joining_.end()) return;
  Rejoin& rejoin = *joining->second.rejoin;
  if (!step) {
    environment_.log.error("session_rejoin_failed", step.error(),
                           {{"session", order_.descriptor->fields().id},
                            {"party", rejoin.party()}});
    send(stream, rejoin.farewell());
    if (const auto seat = seats_.find(rejoin.party()); seat != seats_.end()) {
      seat->second.dial_at = at->monotonic + seat->second.pause;
    }
    close_stream(stream);
    return arm();
  }
  send(stream, step->send);
  if (step->mint) {
    const bool ours = step->mint->purpose == attest::Purpose::session_initiator;
    mint(stream, *std::move(step->mint),
         ours ? peer::MintPriority::own : peer::MintPriority::stranger);
  }
  if (rejoin.is_done()) return seat_joined(stream);
  arm();
}

void HostedRun::seat_joined(StreamId stream) {
  const auto at = now();
  if (!at) return;
  const auto joining = joining_.extract(stream);
  Rejoin& rejoin = *joining.mapped().rejoin;
  const PartyIndex party = rejoin.party();
  SeatLink& seat = seats_.at(party);
  // Made under the newest rules and attested just now: it stands in place of any older one.
  if (seat.stream != 0) close_stream(std::exchange(seat.stream, 0));
  if (const Status admitted = run_->connected(party, at->monotonic); !admitted) {
    close_stream(stream);
    return arm();
  }
  environment_.log.info("session_rejoined", {{"session", order_.descriptor->fields().id},
                                             {"party", party}});
  seat.channel.emplace(std::move(rejoin).take());
  seat.stream = stream;
  seat.pause = limits::kFirstRedial;
  seat_of_[stream] = party;
  on_seat_bytes(party, {}, *at);
}

void HostedRun::time_of_running(const peer::Now& now) {
  run_->passed(now.monotonic);
  std::vector<StreamId> slow;
  for (const auto& [stream, joining] : joining_) {
    if (now.monotonic - joining.began >= peer::kHandshakeTimeout) slow.push_back(stream);
  }
  for (const StreamId stream : slow)
    rejoin_step(stream, Error(peer::Errc::timed_out, "handshake"));
  for (auto& [party, seat] : seats_) {
    const bool is_due = party > order_.self && seat.stream == 0 && !seat.is_dialling &&
                        now.monotonic >= seat.dial_at && run_->admits(party);
    if (is_due) redial(party);
  }
  pump();
}

// Moves what can be moved, and looks what came of it.
void HostedRun::pump() {
  if (!run_ || over_ || std::exchange(pumping_, true)) return;
  const auto at = now();
  if (at) {
    for (auto& [party, seat] : seats_)
      write_to(party, seat, *at);
    look_at_run(*at);
  }
  pumping_ = false;
  arm();
}

void HostedRun::write_to(PartyIndex party, SeatLink& seat, const peer::Now& now) {
  while (seat.stream != 0) {
    PartyStream& stream = *streams_.at(seat.stream);
    if (stream.waiting() >= kMostWaiting) return;
    const auto record = seat.channel->next(party, *run_, now.monotonic);
    if (!record) return cut(party, now);  // its life is over: the next one takes over
    if (record->empty()) break;
    stream.send(*record);
  }
  // Barred, unless there is nothing left to do with anybody.
  if (seat.stream != 0 && !run_->admits(party) && !run_->is_closed()) cut(party, now);
}

void HostedRun::look_at_run(const peer::Now& now) {
  const messaging::Outcome* const outcome = run_->outcome();
  if (outcome != nullptr && !told_) {
    if (outcome->output) {
      tell_output(now);
    } else if (!outcome->convicted.empty() || run_->is_closed()) {
      tell_stop();
    }
  }
  if (run_->is_closed()) finish();
}

void HostedRun::tell_output(const peer::Now& now) {
  Ended ended;
  ended.output = run_->take_output();
  auto receipt = make_receipt(*formed_, ended.output->result, now.wall);
  if (!receipt) return tell({receipt.error(), {}, {}, {}, {}});
  ended.receipt = *std::move(receipt);
  environment_.log.info("session_done", {{"session", order_.descriptor->fields().id},
                                         {"run", formed_->run.hex()}});
  tell(std::move(ended));
  progress(Stage::leaving, {});
}

void HostedRun::tell_stop() {
  const DescriptorFields& fields = order_.descriptor->fields();
  const messaging::Outcome& outcome = *run_->outcome();
  Ended ended;
  for (const auto& [party, conviction] : outcome.convicted) {
    ended.named.push_back({party, messaging::to_string(party, conviction),
                           messaging::encode(conviction.evidence)});
  }
  if (!ended.named.empty()) {
    ended.status = Error(Errc::party_convicted, fields.name_of(ended.named.front().party) + ": " +
                                                    ended.named.front().why);
  } else {
    const messaging::Stop& stop = *outcome.stop;
    for (const PartyIndex party : stop.parties)
      ended.named.push_back({party, std::string(messaging::name_of(stop.reason)), {}});
    ended.status =
        Error(Errc::run_stopped,
              messaging::to_string(stop) + (stop.error.code() ? ": " + stop.error.to_string() : ""));
  }
  environment_.log.error("session_stopped", ended.status.error(),
                         {{"session", fields.id}, {"run", formed_->run.hex()}});
  tell(std::move(ended));
}

// By the documents that everybody was seated by: the newer policy says what they are worth.
Status HostedRun::judge_seats(const policy::Policy& policy) const {
  const DescriptorFields& fields = order_.descriptor->fields();
  for (const auto& [index, evidence] : formed_->evidence) {
    if (index == order_.self) continue;
    CONCORDAT_TRY(const auto parsed, attest::UnverifiedDocument::parse(evidence.document));
    CONCORDAT_TRY(const attest::VerifiedClaims claims,
                  attest::verify_archived(parsed, *environment_.party.anchors,
                                          parsed.unverified().timestamp,
                                          attest::DebugDocuments::refuse));
    const PartyEntry& party = *fields.party(index);
    const policy::PartyQuestion question{fields.id,   fields.protocol,
                                         fields.party(order_.self)->role,
                                         party.realm, party.role,
                                         party.authority};
    const auto judged = policy::evaluate_party(policy.model(), question, &claims,
                                               environment_.party.own_pcr16);
    if (!judged.verdict) {
      return Error(Errc::policy_refuses,
                   fields.name_of(index) + ": " + judged.verdict.error().to_string());
    }
  }
  return {};
}

}  // namespace concordat::session::host

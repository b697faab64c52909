// How a hosted run goes on when it has formed: bytes between streams and messaging::Run.
#include "attest/verify.hpp"
#include "peer/error.hpp"
#include "session/host/errc.hpp"
#include "session/host/hosted_run_io.hpp"
#include "session/messaging/error.hpp"
#include "session/proof.hpp"
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
  if (const Status counted = count_run(); !counted) return fail(counted.error());
  if (const Status started = start_protocol(*at); !started) return fail(started.error());
  adopt_channels(*at);
  pump();
}

// Before any input moves.
Status HostedRun::count_run() {
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
  const messaging::Timing timing{order_.descriptor->fields().round_time, order_.farewell};
  order_.intake.reset();
  if (environment_.deviate) protocol = environment_.deviate(std::move(protocol));
  CONCORDAT_TRY(run_, messaging::Run::begin(std::move(group), std::move(formed_->key),
                                            std::move(protocol), timing, now.monotonic));
  return {};
}

void HostedRun::adopt_channels(const peer::Now& now) {
  for (auto& [party, channel] : formed_->channels)
    adopt(party, std::move(channel), now);
  formed_->channels.clear();
}

// The first channel of a seat, or a later one to the same enclave, in place of the one before.
void HostedRun::adopt(PartyIndex party, FormedChannel channel, const peer::Now& now) {
  lose(party, now);
  const auto stream = streams_.find(channel.stream);
  if (!run_ || stream == streams_.end()) return;
  if (!run_->connected(party, now.monotonic)) return close_stream(channel.stream);
  SeatLink& seat = seats_[party];
  seat.stream = channel.stream;
  seat.channel.emplace(std::move(channel.sealer), std::move(channel.opener),
                       std::move(channel.reader));
  seat_of_[channel.stream] = party;
  stream->second->resume();
  // What came early lies in the channel's reader.
  on_seat_bytes(party, {}, now);
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

void HostedRun::lose(PartyIndex party, const peer::Now& now) {
  SeatLink& seat = seats_[party];
  const StreamId stream = std::exchange(seat.stream, 0);
  seat.channel.reset();
  if (stream == 0) return;
  // Who has everything leaves; whether that one is owed anything is looked at without a channel.
  const bool has_output = run_->outcome() != nullptr && !run_->outcome()->stop;
  if (!has_output) run_->lost(party, now.monotonic);
  close_stream(stream);
}

void HostedRun::cut(PartyIndex party, const peer::Now& now) {
  const StreamId stream = seats_[party].stream;
  if (stream == 0) return;
  const bool is_wanted = run_->admits(party);
  lose(party, now);
  // One that broke the rules is not dialled again.
  if (is_wanted) perform(forming_->on_closed(stream, now));
}

// What is to be kept is safe before this party says that it has the result.
void HostedRun::seal_if_wanted() {
  const Output* const output = run_->to_seal();
  if (output == nullptr || std::exchange(sealing_, true)) return;
  events_.keep(output->kept, [weak = weak_from_this()](const Status& kept) {
    const auto self = weak.lock();
    const auto at = self ? self->now() : std::nullopt;
    if (!at || !self->run_) return;
    if (!kept) return self->fail(kept.error());
    self->run_->sealed(at->monotonic);
    self->pump();
  });
}

// Moves what can be moved, and looks what came of it.
void HostedRun::pump() {
  if (!run_ || over_ || std::exchange(pumping_, true)) return;
  const auto at = now();
  if (at) {
    seal_if_wanted();
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
  auto receipt = make_receipt(*formed_, run_->key(), ended.output->result,
                              run_->outcome()->confirmations, now.wall);
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
                           make_proof(*formed_, run_->transcript(conviction.evidence),
                                      conviction.evidence)});
  }
  if (!ended.named.empty()) {
    ended.status = Error(Errc::party_convicted, fields.name_of(ended.named.front().party) + ": " +
                                                    ended.named.front().why);
  } else {
    const messaging::Stop& stop = *outcome.stop;
    for (const PartyIndex party : stop.parties)
      ended.named.push_back({party, std::string(messaging::name_of(stop.reason)), {}});
    const std::string why = stop.error.code() ? ": " + stop.error.to_string() : "";
    ended.status = Error(Errc::run_stopped, messaging::to_string(stop) + why);
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

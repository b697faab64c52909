// How a hosted run goes on when it has formed: bytes between streams and messaging::Run.
#include <boost/asio/post.hpp>

#include "attest/verify.hpp"
#include "peer/error.hpp"
#include "session/host/errc.hpp"
#include "session/host/hosted_run_io.hpp"
#include "session/messaging/error.hpp"
#include "session/party_question.hpp"
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

// What a party runs that takes no part: it says so, and nothing else.
class Declined final : public Protocol {
 public:
  explicit Declined(Error why) : why_(std::move(why)) {}
  [[nodiscard]] Round rounds() const noexcept override { return 1; }
  [[nodiscard]] RoundShape shape(Round) const noexcept override { return {}; }
  [[nodiscard]] Result<Outgoing> send(Round) override { return why_; }
  [[nodiscard]] Status check_broadcast(Round, PartyIndex, BytesView) const override { return why_; }
  [[nodiscard]] Status check_letter(Round, PartyIndex, PartyIndex, const base::SecretBytes&,
                                    const std::map<PartyIndex, base::Bytes>&) const override {
    return why_;
  }
  [[nodiscard]] Status receive(Round, Incoming) override { return why_; }
  [[nodiscard]] Result<Output> output() override { return why_; }

 private:
  Error why_;
};

// All that is to be said, whatever waits already: the stream is closed behind it.
void write_all(SeatChannel& channel, PartyIndex party, messaging::Run& run, PartyStream& stream,
               base::MonotonicMillis now) {
  for (;;) {
    const auto record = channel.next(party, run, now);
    if (!record || record->empty()) return;
    stream.send(*record);
  }
}

}  // namespace

void HostedRun::begin_run(FormedSession formed) {
  const auto at = now();
  if (!at) return;
  formed_.emplace(std::move(formed));
  environment_.log.info("session_formed", {{"session", order_.descriptor->fields().id},
                                           {"run", formed_->run.hex()},
                                           {"parties", formed_->roster.seats.size()}});
  progress(Stage::formed, "run " + formed_->run.hex());
  count_run();
}

// Before any input moves. Others may have begun meanwhile: what they send waits on its channel.
void HostedRun::count_run() {
  const DescriptorFields& fields = order_.descriptor->fields();
  const policy::Policy& policy = *environment_.party.policies->latest();
  const policy::SessionRule* const rule =
      policy::session_rule(policy.model(), fields.id, fields.protocol);
  if (rule == nullptr) return decline(Error(policy::AdmissionErrc::session_unknown, fields.id));
  if (!order_.input || !rule->runs_per_input) return on_counted({});
  const auto at = now();
  if (!at) return;
  // The others' first round begins now: half of it is left to take part in it, or to decline.
  const std::chrono::milliseconds round = fields.round_time;
  const auto until = at->monotonic + std::min(round / 2, fields.deadline - at->wall);
  environment_.ledger.count({fields.id, fields.protocol, *order_.input, formed_->run, until,
                             std::weak_ptr<const void>(weak_from_this())},
                            [weak = weak_from_this()](const Status& counted) {
                              const auto self = weak.lock();
                              if (self) self->guarded([&] { self->on_counted(counted); });
                            });
  arm();
}

void HostedRun::on_counted(const Status& counted) {
  const auto at = now();
  if (!at || run_) return;
  if (!counted) return decline(counted.error());
  if (const Status started = start_protocol(*at); !started) return decline(started.error());
  adopt_channels(*at);
  pump();
}

messaging::Group HostedRun::group() const {
  messaging::Group out{formed_->seat(), {}};
  for (const RosterSeat& seat : formed_->roster.seats)
    out.keys.emplace(seat.index, seat.key);
  return out;
}

// Formed, and not in the run: the others are told, and need not wait for a round to end. Nothing of
// theirs is read.
void HostedRun::decline(const Error& why) {
  environment_.log.error(
      "session_declined", why,
      {{"session", order_.descriptor->fields().id}, {"run", formed_->run.hex()}});
  tell({why, {}, {}, {}, {}});
  const auto at = environment_.party.clock();
  auto run = at ? messaging::Run::begin(group(), std::move(formed_->key),
                                        std::make_unique<Declined>(why), {}, at->monotonic)
                : Result<std::unique_ptr<messaging::Run>>(at.error());
  for (auto& [party, channel] : formed_->channels) {
    const auto stream = streams_.find(channel.stream);
    if (!run || stream == streams_.end() || !(*run)->connected(party, at->monotonic)) continue;
    SeatChannel seat(std::move(channel.sealer), std::move(channel.opener), {});
    write_all(seat, party, **run, *stream->second, at->monotonic);
  }
  finish();
}

// A run under way that this party ends: likewise.
void HostedRun::abandon(Error why) {
  tell({why, {}, {}, {}, {}});
  if (const auto at = environment_.party.clock()) {
    run_->abandon(std::move(why), at->monotonic);
    for (auto& [party, seat] : seats_) {
      const auto stream = streams_.find(seat.stream);
      if (!seat.channel || stream == streams_.end()) continue;
      write_all(*seat.channel, party, *run_, *stream->second, at->monotonic);
    }
  }
  finish();
}

// The others hear that it ends; of its rounds no more goes to anybody, for policy may refuse that
// one. So where some of it waits for a channel, that is closed without a word.
void HostedRun::end_by_policy(const Error& why, const peer::Now& now) {
  if (!run_) return decline(why);
  for (const auto& [party, seat] : seats_) {
    if (run_->has_waiting(party)) lose(party, now);
  }
  abandon(why);
}

Status HostedRun::start_protocol(const peer::Now& now) {
  messaging::Group group = this->group();
  CONCORDAT_TRY(auto protocol, order_.intake->begin(group.seat));
  const messaging::Timing timing{order_.descriptor->fields().round_time, order_.farewell, true};
  order_.intake.reset();
  if (environment_.deviate) protocol = environment_.deviate(std::move(protocol));
  CONCORDAT_TRY(run_, messaging::Run::begin(std::move(group), std::move(formed_->key),
                                            std::move(protocol), timing, now.monotonic));
  return {};
}

void HostedRun::adopt_channels(const peer::Now& now) {
  auto channels = std::exchange(formed_->channels, {});
  for (auto& [party, channel] : channels) {
    const StreamId stream = channel.stream;
    adopt(party, std::move(channel), now);
    if (ended_early_.contains(stream)) cut(party, now);
  }
  ended_early_.clear();
}

void HostedRun::let_go(StreamId stream) {
  std::erase_if(formed_->channels,
                [&](const auto& entry) { return entry.second.stream == stream; });
  ended_early_.erase(stream);
}

// The first channel of a seat, or a later one to the same enclave, in place of the one before.
void HostedRun::adopt(PartyIndex party, FormedChannel channel, const peer::Now& now) {
  if (!run_) return hold(party, std::move(channel));
  lose(party, now);
  const auto stream = streams_.find(channel.stream);
  if (stream == streams_.end()) return;
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

// In place of the one that waits already, if any.
void HostedRun::hold(PartyIndex party, FormedChannel channel) {
  if (const auto earlier = formed_->channels.find(party); earlier != formed_->channels.end()) {
    const StreamId stream = earlier->second.stream;
    let_go(stream);
    close_stream(stream);
  }
  formed_->channels.emplace(party, std::move(channel));
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
  if (!has_output()) run_->lost(party, now.monotonic);
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
  events_.keep(*output, [weak = weak_from_this()](const Status& kept) {
    if (const auto self = weak.lock()) self->guarded([&] { self->on_kept(kept); });
  });
}

void HostedRun::on_kept(const Status& kept) {
  const auto at = now();
  if (!at || !run_) return;
  if (!kept) return abandon(kept.error());
  run_->sealed(at->monotonic);
  pump();
}

// Moves what can be moved, and looks what came of it.
void HostedRun::pump() {
  if (!run_ || over_ || std::exchange(pumping_, true)) return;
  const auto at = now();
  if (at) {
    seal_if_wanted();
    for (auto& [party, seat] : seats_) {
      if (!over_) write_to(party, seat, *at);
    }
    if (!over_) look_at_run(*at);
  }
  pumping_ = false;
  work_on();
  arm();
}

// A part at a time: everything else on this thread has its turn in between.
void HostedRun::work_on() {
  if (over_ || !run_->has_work() || std::exchange(working_, true)) return;
  boost::asio::post(environment_.io, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->guarded([&] { self->work(); });
  });
}

void HostedRun::work() {
  working_ = false;
  const auto at = now();
  if (!at || !run_) return;
  run_->work(at->monotonic);
  run_->has_work() ? work_on() : pump();
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
  // Decided within the deadline (now()), which may have passed since: a receipt of later verifies
  // nowhere.
  const base::UnixMillis time = std::min(now.wall, order_.descriptor->fields().deadline);
  auto receipt = make_receipt(*formed_, run_->key(), ended.output->result,
                              run_->outcome()->confirmations, time);
  if (!receipt) return tell({receipt.error(), {}, {}, {}, {}});
  ended.receipt = *std::move(receipt);
  environment_.log.info("session_done",
                        {{"session", order_.descriptor->fields().id}, {"run", formed_->run.hex()}});
  tell(std::move(ended));
  progress(Stage::leaving, {});
}

void HostedRun::tell_stop() {
  const DescriptorFields& fields = order_.descriptor->fields();
  const messaging::Outcome& outcome = *run_->outcome();
  Ended ended;
  for (const auto& [party, conviction] : outcome.convicted) {
    ended.named.push_back(
        {party, messaging::to_string(party, conviction),
         make_proof(*formed_, run_->transcript(conviction.evidence), conviction.evidence)});
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
    CONCORDAT_TRY(
        const attest::VerifiedClaims claims,
        attest::verify_archived(parsed, *environment_.party.anchors, parsed.unverified().timestamp,
                                attest::DebugDocuments::refuse));
    const auto judged = policy::evaluate_party(
        policy.model(),
        question_about(fields, *fields.party(index), fields.party(order_.self)->role), &claims,
        environment_.party.own_pcr16);
    if (!judged.verdict) {
      return Error(Errc::policy_refuses,
                   fields.name_of(index) + ": " + judged.verdict.error().to_string());
    }
  }
  return {};
}

}  // namespace concordat::session::host

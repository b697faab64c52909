// How a hosted run forms: orders of Forming, carried out.
#include <boost/asio/post.hpp>

#include "session/host/errc.hpp"
#include "session/host/hosted_run_io.hpp"

namespace concordat::session::host {
namespace {

using base::Error;
using base::Result;
using base::Status;
using std::chrono::milliseconds;

// Between two attempts, at random: others may have got a newer policy in the same moment.
constexpr milliseconds kShortestPause{200};
constexpr milliseconds kPauseSpread{800};

milliseconds pause_before_next(base::RandomSource& random) {
  const auto word = random.make<base::FixedBytes<struct PauseTag, 2>>();
  const unsigned value = word.view()[0] * 256u + word.view()[1];
  return kShortestPause + kPauseSpread * value / 65'536;
}

}  // namespace

Status HostedRun::begin_forming(const peer::Now& now) {
  FormingContext context;
  context.descriptor = order_.descriptor;
  context.self = order_.self;
  context.policy = environment_.party.policies->snapshot();
  if (!context.policy.policy) return Error(policy::SignatureErrc::no_policy);
  context.own_pcr16 = environment_.party.own_pcr16;
  context.anchors = environment_.party.anchors;
  context.chain_cache = environment_.party.chain_cache;
  context.random = environment_.party.random;
  CONCORDAT_TRY(forming_, Forming::begin(std::move(context), now));
  ++attempt_;
  return {};
}

void HostedRun::begin_anew(const Error& why, const peer::Now& now) {
  environment_.log.info("session_forms_anew", {{"session", order_.descriptor->fields().id},
                                               {"code", why.name()},
                                               {"detail", why.detail()}});
  progress(Stage::forming, why.to_string());
  last_failure_ = why;
  forming_.reset();
  close_all_streams();
  begin_at_ = now.monotonic + pause_before_next(*environment_.party.random);
  arm();
}

void HostedRun::on_dialled(PartyIndex party, Result<peer::StreamSocket> socket) {
  const auto at = now();
  if (!at || !forming_) return;
  if (!socket) {
    refusals_.insert_or_assign(party, socket.error());
    return perform(forming_->on_dial_failed(party, *at));
  }
  const StreamId id = add_stream(*std::move(socket), {});
  perform(forming_->on_dialled(party, id, *at));
}

void HostedRun::perform(FormingOrders orders) {
  for (const PartyIndex party : orders.dial) {
    dial(party,
         [weak = weak_from_this(), party, attempt = attempt_](Result<peer::StreamSocket> socket) {
           const auto self = weak.lock();
           if (!self || self->attempt_ != attempt) return;
           self->guarded([&] { self->on_dialled(party, std::move(socket)); });
         });
  }
  for (const auto& [stream, bytes] : orders.send)
    send(stream, bytes);
  for (auto& [stream, request] : orders.mint) {
    const bool ours = request.purpose == attest::Purpose::session_initiator;
    mint(stream, std::move(request), ours ? peer::MintPriority::own : peer::MintPriority::stranger);
  }
  note_refusals();
  const auto at = now();
  if (!at) return;
  for (const StreamId stream : orders.close) {
    const auto seat = seat_of_.find(stream);
    if (seat != seat_of_.end()) lose(seat->second, *at);
    if (held_channel(stream) != nullptr) let_go(stream);
    close_stream(stream);
  }
  for (auto& [party, channel] : orders.resumed)
    adopt(party, std::move(channel), *at);
  if (run_) return pump();
  look_at_forming();
}

// Each once: what is tried again and again fails for the same reason.
void HostedRun::note_refusals() {
  const DescriptorFields& fields = order_.descriptor->fields();
  for (const FormingRefusal& refusal : forming_->refusals()) {
    const PartyIndex party = refusal.party.value_or(0);
    const std::string why = refusal.error.to_string();
    if (party != 0) refusals_.insert_or_assign(party, refusal.error);
    if (told_refusals_.size() >= limits::kRefusals) continue;
    if (!told_refusals_.emplace(party, why).second) continue;
    environment_.log.error("session_party_refused", refusal.error,
                           {{"session", fields.id}, {"party", party}});
    progress(Stage::forming, (party != 0 ? fields.name_of(party) : "somebody") + ": " + why);
  }
}

void HostedRun::look_at_forming() {
  if (formed_) return arm();
  if (forming_->state() == FormingState::formed) {
    return begin_run(forming_->take());
  }
  if (forming_->state() != FormingState::failed) return arm();
  const Error why = *forming_->error();
  if (why.is(FormingErrc::timed_out)) return forming_took_too_long();
  fail(why);
}

void HostedRun::forming_took_too_long() {
  const DescriptorFields& fields = order_.descriptor->fields();
  std::vector<Named> named;
  std::string detail;
  const auto missing = forming_ ? forming_->missing() : std::vector<PartyIndex>();
  for (const PartyIndex party : missing) {
    const auto refusal = refusals_.find(party);
    const std::string why =
        refusal == refusals_.end() ? "did not come" : refusal->second.to_string();
    detail += (detail.empty() ? "" : "; ") + fields.name_of(party) + ": " + why;
    named.push_back({party, why, {}});
  }
  if (!missing.empty() || !forming_) {
    if (detail.empty() && last_failure_) detail = last_failure_->to_string();
    return fail(Error(FormingErrc::timed_out, detail), std::move(named));
  }
  // Everybody was seated: what a relay that shows several groups comes to.
  fail(forming_->too_late());
}

}  // namespace concordat::session::host

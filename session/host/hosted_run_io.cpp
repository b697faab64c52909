#include "session/host/hosted_run_io.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "peer/error.hpp"
#include "session/host/errc.hpp"

namespace concordat::session::host {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
using std::chrono::milliseconds;

// A handshake and a roster have less; whoever is done may send its first round already, which
// waits in the kernel until this party is done, too.
constexpr std::size_t kMostEarly = limits::kUnreadBytes / 2;
// Where nothing else is due; the trusted clock may have been set anew.
constexpr milliseconds kLongestWait = std::chrono::seconds(30);

}  // namespace

std::string_view to_string(Stage stage) noexcept {
  static constexpr std::array<std::string_view, 3> names{"forming", "formed", "leaving"};
  return names[static_cast<std::size_t>(stage)];
}

HostedRun::HostedRun(Environment environment, Order order, Events events)
    : environment_(std::move(environment)),
      order_(std::move(order)),
      events_(std::move(events)),
      timer_(environment_.io) {}

Result<std::shared_ptr<HostedRun>> HostedRun::start(Environment environment, Order order,
                                                    Events events) {
  CONCORDAT_TRY(const peer::Now now, environment.party.clock());
  // Shares are sealed for the enclave's own role, which its parent's configuration says.
  const PartyEntry* const self = order.descriptor->fields().party(order.self);
  if (self != nullptr && self->role != environment.party.role) {
    return Error(Errc::other_role, "the descriptor seats role " + self->role +
                                       ", this enclave is configured as " + environment.party.role);
  }
  auto run =
      std::make_shared<HostedRun>(std::move(environment), std::move(order), std::move(events));
  run->form_until_ = now.monotonic + run->order_.forming;
  CONCORDAT_CHECK(run->begin_forming(now));
  run->progress(Stage::forming, {});
  boost::asio::post(run->environment_.io, [run] { run->guarded([&] { run->on_time(); }); });
  return run;
}

// Without time nothing is admitted, and nothing goes on; nor outside the descriptor's. All that
// comes passes here first: so a result that there is was decided before the deadline, by the
// confirmations of all, and is told even if that passes meanwhile, for others have it, too.
std::optional<peer::Now> HostedRun::now() {
  if (over_) return std::nullopt;
  auto now = environment_.party.clock();
  Status usable = now ? Status() : Status(now.error());
  if (usable && !told_ && !has_output()) usable = order_.descriptor->usable_at(now->wall);
  if (usable) return *now;
  fail(usable.error());
  return std::nullopt;
}

StreamId HostedRun::add_stream(peer::StreamSocket socket, Bytes first) {
  const StreamId id = next_stream_++;
  PartyStream::Events events;
  events.bytes = [weak = weak_from_this(), id](BytesView bytes) {
    if (const auto self = weak.lock()) self->guarded([&] { self->on_bytes(id, bytes); });
  };
  events.drained = [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->guarded([&] { self->pump(); });
  };
  events.ended = [weak = weak_from_this(), id] {
    if (const auto self = weak.lock()) self->guarded([&] { self->on_stream_ended(id); });
  };
  streams_.emplace(id, PartyStream::open(std::move(socket), std::move(first), std::move(events)));
  return id;
}

void HostedRun::close_stream(StreamId stream) noexcept {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  found->second->close();
  streams_.erase(found);
  early_.erase(stream);
  seat_of_.erase(stream);
}

void HostedRun::close_all_streams() noexcept {
  while (!streams_.empty())
    close_stream(streams_.begin()->first);
}

void HostedRun::send(StreamId stream, BytesView bytes) {
  const auto found = streams_.find(stream);
  if (found != streams_.end() && !bytes.empty()) found->second->send(bytes);
}

void HostedRun::mint(StreamId stream, attest::MintRequest request, peer::MintPriority priority) {
  const Status queued = environment_.nsm.mint(
      std::move(request), priority, [weak = weak_from_this(), stream](Result<Bytes> document) {
        const auto self = weak.lock();
        if (self) self->guarded([&] { self->on_document(stream, document); });
      });
  if (queued) return;
  boost::asio::post(environment_.io, [weak = weak_from_this(), stream, why = queued.error()] {
    if (const auto self = weak.lock()) self->guarded([&] { self->on_document(stream, why); });
  });
}

void HostedRun::accept(peer::StreamSocket socket, Bytes first, const std::string& source) {
  guarded([&] {
    const auto at = now();
    if (!at || !forming_) return;
    const StreamId id = add_stream(std::move(socket), std::move(first));
    perform(forming_->on_accepted(id, source, *at));
  });
}

void HostedRun::on_bytes(StreamId stream, BytesView bytes) {
  const auto at = now();
  if (!at || !streams_.contains(stream)) return;
  if (const auto seat = seat_of_.find(stream); seat != seat_of_.end()) {
    return on_seat_bytes(seat->second, bytes, *at);
  }
  FormedChannel* const held = held_channel(stream);
  if (held == nullptr && !forming_) return;
  std::size_t& early = early_[stream];
  early += bytes.size();
  if (early > kMostEarly) streams_.at(stream)->pause();
  if (held != nullptr) return held->reader.feed(bytes);
  perform(forming_->on_bytes(stream, bytes, *at));
}

// One that forming gave out and the run has not taken over yet; nullptr: none.
FormedChannel* HostedRun::held_channel(StreamId stream) {
  if (!formed_) return nullptr;
  const auto found = std::ranges::find_if(
      formed_->channels, [&](const auto& entry) { return entry.second.stream == stream; });
  return found == formed_->channels.end() ? nullptr : &found->second;
}

void HostedRun::on_stream_ended(StreamId stream) {
  const auto at = now();
  if (!at || !streams_.contains(stream)) return;
  if (const auto seat = seat_of_.find(stream); seat != seat_of_.end()) {
    cut(seat->second, *at);
    return pump();
  }
  if (held_channel(stream) != nullptr) {
    ended_early_.insert(stream);
    return;
  }
  close_stream(stream);
  if (forming_) perform(forming_->on_closed(stream, *at));
}

void HostedRun::on_document(StreamId stream, const Result<Bytes>& document) {
  const auto at = now();
  if (!at || !forming_) return;
  perform(forming_->on_document(stream, document, *at));
}

void HostedRun::dial(PartyIndex party, std::function<void(Result<peer::StreamSocket>)> done) {
  environment_.dial(*order_.descriptor->fields().party(party), std::move(done));
}

void HostedRun::arm() {
  if (over_) return;
  const auto at = now();
  if (!at) return;
  base::MonotonicMillis next = at->monotonic + kLongestWait;
  if (!told_) {
    next = std::min(next, at->monotonic + (order_.descriptor->fields().deadline - at->wall));
  }
  if (forming_) next = std::min(next, forming_->wake_at());
  if (!formed_) next = std::min(next, form_until_);
  if (begin_at_) next = std::min({next, *begin_at_, form_until_});
  if (run_) {
    if (const auto wakes = run_->wakes_at()) next = std::min(next, *wakes);
  }
  timer_.expires_after(std::max(next - at->monotonic, milliseconds(1)));
  timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (!error && self) self->guarded([&] { self->on_time(); });
  });
}

void HostedRun::on_time() {
  const auto at = now();
  if (!at) return;
  if (run_) run_->passed(at->monotonic);
  if (!formed_ && at->monotonic >= form_until_) return forming_took_too_long();
  if (begin_at_ && at->monotonic >= *begin_at_) {
    begin_at_.reset();
    if (const Status begun = begin_forming(*at); !begun) return fail(begun.error());
  }
  if (forming_) perform(forming_->on_time(*at));
  if (run_) return pump();
  arm();
}

// Posted, as all that is told: nobody is called back from inside their own call.
void HostedRun::progress(Stage stage, std::string detail) {
  boost::asio::post(environment_.io, [self = shared_from_this(), stage, said = std::move(detail)] {
    if (self->events_.progress) self->events_.progress(stage, said);
  });
}

void HostedRun::tell(Ended ended) noexcept {
  if (std::exchange(told_, true)) return;
  if (formed_) ended.run = formed_->run;
  end_ = std::move(ended);
  boost::asio::post(environment_.io, peer::with(last_words_, [self = shared_from_this()] {
                      self->events_.ended(std::move(self->end_));
                    }));
}

void HostedRun::fail(Error why, std::vector<Named> named) noexcept {
  tell({std::move(why), {}, {}, {}, std::move(named)});
  finish();
}

void HostedRun::cancel(const Error& why) noexcept {
  if (over_) return;
  guarded([&] {
    if (run_) return abandon(why);
    formed_ ? decline(why) : fail(why);
  });
}

void HostedRun::finish() noexcept {
  if (std::exchange(over_, true)) return;
  timer_.cancel();
  close_all_streams();
  // These go last of all, when nobody is inside them any more.
  boost::asio::post(environment_.io, peer::with(farewell_, [self = shared_from_this()] {
                      self->forming_.reset();
                      self->run_.reset();
                      self->formed_.reset();
                      self->events_.over();
                      self->events_ = {};
                    }));
}

void HostedRun::policy_changed() noexcept {
  guarded([this] { judge_anew(); });
}

void HostedRun::judge_anew() {
  const auto at = now();
  if (!at) return;
  const policy::PolicyPtr& latest = environment_.party.policies->latest();
  if (formed_) {
    if (told_) return;
    const Status judged = judge_seats(*latest);
    if (!judged) return end_by_policy(judged.error(), *at);
    return forming_->use_policy(environment_.party.policies->snapshot());
  }
  begin_anew(Error(Errc::policy_changed, "serial " + std::to_string(latest->serial())), *at);
}

// Nobody is told: nothing goes out under a policy that is not usable.
void HostedRun::policy_lapsed(const Error& why) noexcept {
  guarded([&] {
    if (!over_) fail(why);
  });
}

}  // namespace concordat::session::host

#include "peer/relay/relay_io.hpp"

#include <deque>

#include "attest/base/log.hpp"
#include "peer/relay/carried_stream_io.hpp"
#include "peer/relay/linger_io.hpp"
#include "peer/token_bucket.hpp"

namespace concordat::peer::relay {
namespace {

namespace asio = boost::asio;
using base::Result;
using base::Status;

// Refused streams that are read to their end; beyond, they are closed without an answer.
constexpr std::size_t kMaxLingering = 256;
// Refusals of one caller in the log.
constexpr std::uint32_t kLoggedRefusalsPerSecond = 2;
constexpr std::uint32_t kLoggedRefusalBurst = 20;
const Source kUnknownCaller{"unknown"};

constexpr std::string_view kOthers = "others";

// Few, and none of them a stranger's: the parent's own enclaves, named in its configuration, and
// those that it does not know.
bool is_kept(const Source& source) {
  return source.text.starts_with("enclave/") || source == kUnknownCaller;
}

// A caller's limits and figures. Lives as long as one of its streams is counted as active.
struct Caller {
  Source source;
  TokenBucket bucket;
  TokenBucket log_bucket;
  CallerCounters counters;

  // A new one would have the same limits.
  [[nodiscard]] bool is_forgettable(base::MonotonicMillis now) const {
    return counters.active == 0 && bucket.is_full(now) && log_bucket.is_full(now);
  }
};

void add(CallerCounters& sum, const CallerCounters& of) {
  sum.accepted += of.accepted;
  sum.opened += of.opened;
  sum.active += of.active;
  sum.bytes_to_target += of.bytes_to_target;
  sum.bytes_from_target += of.bytes_from_target;
  sum.gave_up += of.gave_up;
  for (std::size_t i = 0; i < sum.refused.size(); ++i)
    sum.refused[i] += of.refused[i];
  for (std::size_t i = 0; i < sum.ended.size(); ++i)
    sum.ended[i] += of.ended[i];
}

// Who shares a place with all others of its kind.
Source others_like(const Source& source) {
  const std::size_t slash = source.text.find('/');
  return {source.text.substr(0, slash == std::string::npos ? 0 : slash + 1) + std::string(kOthers)};
}

// A stream on its way from acceptance to ok. Slot counts it from the first moment.
struct Opening {
  Caller& caller;
  Slot slot;
  Target target;
  bool target_known = false;
};
using OpeningPtr = std::shared_ptr<Opening>;

Answer answer_for(const base::Error& error) {
  if (error.is(StreamErrc::timed_out) || error.is(RelayErrc::timed_out)) return Answer::timed_out;
  if (error.is(RelayErrc::unknown_target)) return Answer::unknown_target;
  if (error.is(RelayErrc::refused_by_limit)) return Answer::refused_by_limit;
  return Answer::unreachable;
}

bool is_from_preface(const base::Error& error) {
  return error.code().category() == base::enum_category<PrefaceErrc>();
}

}  // namespace

std::string_view name_of(Ending ending) noexcept {
  switch (ending) {
    case Ending::completed:
      return "completed";
    case Ending::broken:
      return "broken";
    case Ending::idle:
      return "idle";
    case Ending::too_long:
      return "too_long";
    case Ending::stopped:
      return "stopped";
  }
  return "unknown";
}

class Relay::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, const Limits& limits, Parts parts)
      : io_(io), limits_(limits), parts_(std::move(parts)) {}

  Result<Endpoint> listen(const Endpoint& endpoint, ListenOptions options, IdentifyCaller who) {
    CONCORDAT_TRY(auto listener, Listener::open(io_, endpoint, options));
    listener->start([weak = weak_from_this(), who = std::move(who)](StreamSocket stream,
                                                                    const PeerAddress& from) {
      if (const auto self = weak.lock()) self->on_accept(std::move(stream), who(from), from);
    });
    listeners_.push_back(std::move(listener));
    return listeners_.back()->local();
  }

  void adopt(StreamSocket stream, const Source& caller) {
    if (!stopped_) on_accept(std::move(stream), caller, {});
  }

  void stop() {
    stopped_ = true;
    listeners_.clear();
    while (!live_.empty()) {
      const auto stream = live_.begin()->second.stream;
      stream->stop(Ending::stopped);  // takes it out of live_
    }
  }

  Snapshot snapshot() const;

 private:
  struct Live {
    std::shared_ptr<CarriedStream> stream;
    std::string caller, target;
    base::UnixMillis since;
  };

  Caller& find_caller(const Source& source);
  // In one of the maps; the one that is there, if it is.
  Caller& caller_in(std::map<std::string, Caller>& where, const Source& source,
                    base::MonotonicMillis now);
  void forget_idle_callers(base::MonotonicMillis now);
  void on_accept(StreamSocket stream, const std::optional<Source>& who, const PeerAddress& from);
  void on_preface(StreamSocket stream, const Result<Preface>& preface, const OpeningPtr& opening);
  void dial(StreamSocket stream, const Route& route, const OpeningPtr& opening);
  void introduce(StreamSocket stream, StreamSocket target, const Route& route,
                 const OpeningPtr& opening);
  // `then` gets the caller's stream once the answer ok is written.
  void answer_ok(StreamSocket stream, const OpeningPtr& opening,
                 std::function<void(StreamSocket)> then);
  void carry(StreamSocket stream, StreamSocket target, const OpeningPtr& opening);
  void on_ended(std::uint64_t id, Caller& caller, Ending ending, const std::string& why);

  void refuse(StreamSocket stream, const OpeningPtr& opening, Answer answer,
              const std::string& detail);
  void refuse(StreamSocket stream, Caller& caller, const std::string& target, Answer answer,
              const std::string& detail);
  void note_refusal(Caller& caller, const std::string& target, Answer answer,
                    const std::string& detail);

  asio::io_context& io_;
  Limits limits_;
  Parts parts_;
  PipePool pipes_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::map<std::string, Caller> kept_;       // to the relay's end
  std::map<std::string, Caller> strangers_;  // kMaxCallers at most
  std::map<std::uint64_t, Live> live_;
  std::deque<Refusal> refusals_;
  std::uint64_t next_id_ = 1;
  std::size_t lingering_ = 0;
  bool stopped_ = false;
};

// Strangers may come from as many addresses as they like. Those that are gone are forgotten, and
// where all are there, whoever comes later shares one place.
Caller& Relay::Impl::find_caller(const Source& source) {
  const auto found = strangers_.find(source.text);
  if (found != strangers_.end()) return found->second;
  const auto now = base::system_monotonic_clock();
  if (is_kept(source)) return caller_in(kept_, source, now);
  if (strangers_.size() >= kMaxCallers) forget_idle_callers(now);
  if (strangers_.size() >= kMaxCallers) return caller_in(kept_, others_like(source), now);
  return caller_in(strangers_, source, now);
}

Caller& Relay::Impl::caller_in(std::map<std::string, Caller>& where, const Source& source,
                               base::MonotonicMillis now) {
  Caller fresh{source,
               TokenBucket(limits_.streams_per_second, limits_.stream_burst, now),
               TokenBucket(kLoggedRefusalsPerSecond, kLoggedRefusalBurst, now),
               {}};
  return where.emplace(source.text, std::move(fresh)).first->second;
}

// All at once, so that a flood does not have them looked for at each of its streams. Their figures
// stay in the sums.
void Relay::Impl::forget_idle_callers(base::MonotonicMillis now) {
  std::erase_if(strangers_, [&](const auto& entry) {
    const Caller& caller = entry.second;
    if (!caller.is_forgettable(now)) return false;
    add(caller_in(kept_, others_like(caller.source), now).counters, caller.counters);
    return true;
  });
}

void Relay::Impl::on_accept(StreamSocket stream, const std::optional<Source>& who,
                            const PeerAddress& from) {
  Caller& caller = find_caller(who.value_or(kUnknownCaller));
  ++caller.counters.accepted;
  if (!who) return refuse(std::move(stream), caller, {}, Answer::unknown_caller, from.text);
  if (caller.counters.active >= limits_.max_streams) {
    return refuse(std::move(stream), caller, {}, Answer::refused_by_limit, "too many streams");
  }
  if (!caller.bucket.take(base::system_monotonic_clock())) {
    return refuse(std::move(stream), caller, {}, Answer::refused_by_limit, "too fast");
  }
  ++caller.counters.active;
  const auto opening = std::make_shared<Opening>(Opening{
      caller,
      Slot(nullptr, [self = shared_from_this(), &caller](void*) { --caller.counters.active; }),
      ParentHttpTarget{}});
  async_read_preface(
      std::move(stream), limits_.preface_timeout,
      [self = shared_from_this(), opening](StreamSocket read, const Result<Preface>& preface) {
        self->on_preface(std::move(read), preface, opening);
      });
}

void Relay::Impl::on_preface(StreamSocket stream, const Result<Preface>& preface,
                             const OpeningPtr& opening) {
  if (!preface) {
    const base::Error& error = preface.error();
    if (is_from_preface(error)) {
      return refuse(std::move(stream), opening, Answer::malformed, error.to_string());
    }
    if (error.is(StreamErrc::timed_out)) {
      return refuse(std::move(stream), opening, Answer::timed_out, "no preface in time");
    }
    ++opening->caller.counters.gave_up;
    return;
  }
  const auto* target = std::get_if<Target>(&*preface);
  if (target == nullptr) {
    return refuse(std::move(stream), opening, Answer::malformed, "not a target preface");
  }
  opening->target = *target;
  opening->target_known = true;
  const auto route = parts_.route(opening->caller.source, *target);
  if (!route) return refuse(std::move(stream), opening, Answer::unknown_target, {});
  if (route->kind != Route::Kind::service) return dial(std::move(stream), *route, opening);
  answer_ok(std::move(stream), opening, [self = shared_from_this(), opening](StreamSocket ready) {
    self->parts_.serve(std::move(ready), opening->caller.source, opening->slot);
  });
}

void Relay::Impl::dial(StreamSocket stream, const Route& route, const OpeningPtr& opening) {
  // In a shared pointer because std::function wants captures that can be copied.
  const auto waiting = std::make_shared<StreamSocket>(std::move(stream));
  async_connect(io_, route.endpoint, limits_.dial_timeout,
                [self = shared_from_this(), waiting, route, opening](Result<StreamSocket> target) {
                  if (!target) {
                    return self->refuse(std::move(*waiting), opening, answer_for(target.error()),
                                        target.error().to_string());
                  }
                  self->introduce(std::move(*waiting), *std::move(target), route, opening);
                });
}

void Relay::Impl::introduce(StreamSocket stream, StreamSocket target, const Route& route,
                            const OpeningPtr& opening) {
  const auto waiting = std::make_shared<StreamSocket>(std::move(stream));
  const auto go_on = [self = shared_from_this(), waiting, opening](Result<StreamSocket> ready) {
    if (!ready) {
      return self->refuse(std::move(*waiting), opening, answer_for(ready.error()),
                          ready.error().to_string());
    }
    const auto end = std::make_shared<StreamSocket>(*std::move(ready));
    self->answer_ok(std::move(*waiting), opening, [self, end, opening](StreamSocket answered) {
      self->carry(std::move(answered), std::move(*end), opening);
    });
  };
  switch (route.kind) {
    case Route::Kind::enclave:
      return async_write_preface(std::move(target), opening->caller.source, limits_.dial_timeout,
                                 [go_on](StreamSocket told, Status written) {
                                   if (!written) return go_on(written.error());
                                   go_on(std::move(told));
                                 });
    case Route::Kind::parent:
      return async_ask_for_target(std::move(target), opening->target, limits_.dial_timeout, go_on);
    case Route::Kind::egress:
    case Route::Kind::service:
      return go_on(std::move(target));
  }
}

void Relay::Impl::answer_ok(StreamSocket stream, const OpeningPtr& opening,
                            std::function<void(StreamSocket)> then) {
  async_write_preface(std::move(stream), Answer::ok, limits_.preface_timeout,
                      [self = shared_from_this(), opening, then = std::move(then)](
                          StreamSocket answered, Status written) {
                        if (!written || self->stopped_) {
                          ++opening->caller.counters.gave_up;
                          return;
                        }
                        ++opening->caller.counters.opened;
                        then(std::move(answered));
                      });
}

void Relay::Impl::carry(StreamSocket stream, StreamSocket target, const OpeningPtr& opening) {
  const std::uint64_t id = next_id_++;
  const auto carried = std::make_shared<CarriedStream>(std::move(stream), std::move(target), pipes_,
                                                       limits_, parts_.carrier_mode);
  live_.emplace(id, Live{carried, opening->caller.source.text, to_string(opening->target),
                         base::system_wall_clock()});
  carried->start([self = shared_from_this(), id, opening](Ending ending, const std::string& why) {
    self->on_ended(id, opening->caller, ending, why);
  });
}

void Relay::Impl::on_ended(std::uint64_t id, Caller& caller, Ending ending,
                           const std::string& why) {
  const Live ended = std::move(live_.at(id));
  live_.erase(id);
  CallerCounters& counters = caller.counters;
  counters.bytes_to_target += ended.stream->bytes_to_target();
  counters.bytes_from_target += ended.stream->bytes_from_target();
  ++counters.ended[static_cast<std::size_t>(ending)];
  parts_.log->info("stream_ended", {{"caller", ended.caller},
                                    {"target", ended.target},
                                    {"ending", name_of(ending)},
                                    {"why", why},
                                    {"bytes_to_target", ended.stream->bytes_to_target()},
                                    {"bytes_from_target", ended.stream->bytes_from_target()}});
}

void Relay::Impl::refuse(StreamSocket stream, const OpeningPtr& opening, Answer answer,
                         const std::string& detail) {
  refuse(std::move(stream), opening->caller,
         opening->target_known ? to_string(opening->target) : std::string(), answer, detail);
}

void Relay::Impl::refuse(StreamSocket stream, Caller& caller, const std::string& target,
                         Answer answer, const std::string& detail) {
  note_refusal(caller, target, answer, detail);
  if (stopped_ || lingering_ >= kMaxLingering) return;
  ++lingering_;
  async_write_preface(std::move(stream), answer, limits_.preface_timeout,
                      [self = shared_from_this()](StreamSocket told, const Status&) {
                        linger_and_close(std::move(told), [self] { --self->lingering_; });
                      });
}

void Relay::Impl::note_refusal(Caller& caller, const std::string& target, Answer answer,
                               const std::string& detail) {
  ++caller.counters.refused[static_cast<std::size_t>(answer)];
  refusals_.push_back({base::system_wall_clock(), caller.source.text, target, answer, detail});
  if (refusals_.size() > kKeptRefusals) refusals_.pop_front();
  if (!caller.log_bucket.take(base::system_monotonic_clock())) return;
  parts_.log->warn("stream_refused", {{"caller", caller.source.text},
                                      {"target", target},
                                      {"reason", name_of(answer)},
                                      {"detail", detail}});
}

Snapshot Relay::Impl::snapshot() const {
  Snapshot out;
  for (const auto* callers : {&kept_, &strangers_}) {
    for (const auto& [name, caller] : *callers)
      out.callers.emplace(name, caller.counters);
  }
  for (const auto& [id, live] : live_) {
    const std::uint64_t to = live.stream->bytes_to_target();
    const std::uint64_t from = live.stream->bytes_from_target();
    out.streams.push_back({id, live.caller, live.target, live.since, to, from});
    out.callers[live.caller].bytes_to_target += to;
    out.callers[live.caller].bytes_from_target += from;
  }
  out.refusals.assign(refusals_.begin(), refusals_.end());
  return out;
}

Relay::Relay(asio::io_context& io, const Limits& limits, Parts parts)
    : impl_(std::make_shared<Impl>(io, limits, std::move(parts))) {}
Relay::~Relay() {
  impl_->stop();
}
Result<Endpoint> Relay::listen(const Endpoint& endpoint, ListenOptions options,
                               IdentifyCaller who) {
  return impl_->listen(endpoint, options, std::move(who));
}
void Relay::adopt(StreamSocket stream, const Source& caller) {
  impl_->adopt(std::move(stream), caller);
}
Snapshot Relay::snapshot() const {
  return impl_->snapshot();
}
void Relay::stop() {
  impl_->stop();
}

}  // namespace concordat::peer::relay

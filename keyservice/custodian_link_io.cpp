#include "keyservice/custodian_link_io.hpp"

#include <algorithm>
#include <set>

#include "keyservice/error.hpp"
#include "keyservice/journal/errc.hpp"
#include "keyservice/limits.hpp"
#include "keyservice/request_grants.hpp"

namespace concordat::keyservice {

using base::Error;
using base::MonotonicMillis;
using base::Result;
using base::Status;

// A request from its caller's point of view: it may travel on several channels in turn.
struct CustodianLink::Call {
  RequestBody body;
  MonotonicMillis deadline;
  Done done;
  std::size_t moves = 0;  // away from custodians that are not ready
};

namespace {

constexpr std::chrono::milliseconds kLinkTick{100};
// Before what a lost custodian owed is asked for elsewhere: many workers lose it at one moment.
constexpr std::chrono::milliseconds kFirstResend{20};
constexpr std::chrono::milliseconds kLongestResend{500};
// Of those that can be asked and answer, the least useful.
constexpr int kDoesNotServe = 2;

// What a custodian that cannot serve says: nothing was given out.
bool is_unready(const Result<ResponseBody>& result) {
  static const std::set<std::string, std::less<>> kCodes{
      "not_ready",   "wrong_root", "generation_not_held", "generation_not_taken_over",
      "rolled_back", "forked",     "audit_unavailable",   "audit_taken_over"};
  const auto* failure = result ? std::get_if<Failure>(&*result) : nullptr;
  return failure != nullptr && kCodes.contains(failure->code);
}

std::string described(const VouchedHead& head) {
  return "position " + std::to_string(head.head.position) + " under root generation " +
         std::to_string(head.generation);
}

}  // namespace

CustodianLink::CustodianLink(boost::asio::io_context& io, peer::Party& party, peer::NsmWorker& nsm,
                             base::Logger& log, LinkOptions options)
    : io_(io),
      party_(party),
      nsm_(nsm),
      log_(log),
      options_(std::move(options)),
      ticker_(io),
      again_(io),
      backoff_(kFirstResend, kLongestResend) {
  for (const std::string& name : options_.custodians)
    add(name);
}

void CustodianLink::add(const std::string& custodian) {
  CustodianChannel::Events events;
  events.changed = [this] { on_changed(); };
  events.head = [this, custodian](const VouchedHead& head,
                                  const std::optional<VouchedHead>& brought) {
    return take_head(custodian, head, brought);
  };
  events.seen = [this]() -> const auto& {
    return seen_;
  };
  custodians_.push_back(std::make_unique<CustodianChannel>(io_, party_, nsm_, log_, options_.relay,
                                                           custodian, std::move(events)));
}

void CustodianLink::know(std::vector<std::string> announced) {
  announced_ = std::move(announced);
  forget_unnamed();
  for (const std::string& name : announced_) {
    const auto has_name = [&](const auto& channel) { return channel->custodian() == name; };
    if (custodians_.size() >= kMaxCustodians) break;
    if (std::ranges::any_of(custodians_, has_name)) continue;
    log_.info("custodian_announced", {{"custodian", name}});
    add(name);
    if (!stopped_) custodians_.back()->start();
  }
}

void CustodianLink::forget_unnamed() {
  const auto is_in = [](const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
  };
  for (std::size_t i = custodians_.size(); i-- > 0;) {
    const CustodianChannel& channel = *custodians_[i];
    const std::string& name = channel.custodian();
    if (is_in(options_.custodians, name) || is_in(announced_, name)) continue;
    if (i == current_ || !channel.is_idle()) continue;
    log_.info("custodian_forgotten", {{"custodian", name}});
    custodians_.erase(custodians_.begin() + static_cast<std::ptrdiff_t>(i));
    if (i < current_) --current_;
  }
}

void CustodianLink::start() {
  stopped_ = false;
  for (const auto& channel : custodians_)
    channel->start();
  tick();
}

void CustodianLink::stop() {
  stopped_ = true;
  again_.cancel();
  ticker_.cancel();
  const Error why(Errc::custodian_unreachable, "stopping");
  for (const auto& call : std::exchange(waiting_, {}))
    finish(call, why);
  for (const auto& channel : custodians_)
    channel->stop();
}

bool CustodianLink::connected() const noexcept {
  return std::ranges::any_of(custodians_,
                             [](const auto& channel) { return channel->is_connected(); });
}

bool CustodianLink::can_send() const noexcept {
  return std::ranges::any_of(custodians_, [](const auto& channel) { return channel->can_send(); });
}

Status CustodianLink::state() const {
  return current().state();
}

std::uint64_t CustodianLink::handshakes() const noexcept {
  std::uint64_t all = 0;
  for (const auto& channel : custodians_)
    all += channel->handshakes();
  return all;
}

int CustodianLink::usefulness(const CustodianChannel& channel) {
  if (!channel.can_send()) return 0;
  if (channel.is_silent()) return 1;
  if (!channel.said()) return 3;
  return channel.said()->serves() ? 4 : kDoesNotServe;
}

bool CustodianLink::choose() {
  std::size_t best = current_;
  for (std::size_t i = 0; i < custodians_.size(); ++i) {
    const int useful = usefulness(*custodians_[i]), so_far = usefulness(*custodians_[best]);
    const bool is_preferred = !is_settled_ && i < best && useful != 0;
    if (useful > so_far || (useful == so_far && is_preferred)) best = i;
  }
  if (best == current_) return false;
  log_.info("custodian_chosen",
            {{"custodian", custodians_[best]->custodian()}, {"after", current().custodian()}});
  CustodianChannel& left = *custodians_[current_];
  current_ = best;
  // It learns of what was seen elsewhere before it is asked.
  custodians_[best]->tell_head();
  if (left.is_silent()) left.take_back();
  return true;
}

void CustodianLink::on_changed() {
  if (!stopped_) {
    (void)choose();
    if (!waiting_.empty() && can_send()) flush_soon();
  }
  if (changed_) changed_();
}

bool CustodianLink::is_binding(const VouchedHead& seen, const VouchedHead& told) const {
  return seen.head.position != 0 &&
         (seen.generation == told.generation ||
          party_.policies->latest()->model().root(seen.generation) != nullptr);
}

void CustodianLink::remember(const std::string& from, const VouchedHead& head) {
  seen_ = head;
  // Learnt on a channel that drains, or of another custodian: whoever is asked may lack it.
  if (from != current().custodian()) custodians_[current_]->tell_head();
}

Status CustodianLink::take_head(const std::string& from, const VouchedHead& head,
                                const std::optional<VouchedHead>& brought) {
  // The authority's word that things begin anew, as for a custodian (Custody::take_seen).
  if (!seen_ || !is_binding(*seen_, head)) {
    remember(from, head);
    return {};
  }
  const auto older_than = [&](const VouchedHead& seen) {
    return Error(journal::Errc::rolled_back,
                 described(seen) + " was seen, and the custodian answers from " + described(head));
  };
  if (brought && is_binding(*brought, head) &&
      (head.generation < brought->generation || head.head.position < brought->head.position)) {
    return older_than(*brought);
  }
  // A later generation goes on where the one before it ended, and that one went no further.
  const bool is_later_generation = head.generation > seen_->generation;
  const bool is_further = head.head.position > seen_->head.position;
  if (head.generation != seen_->generation && is_later_generation != is_further) {
    return older_than(*seen_);
  }
  if (is_further) {
    remember(from, head);
    return {};
  }
  // An earlier one is a custodian that has not read the newest entries yet. Another one at the same
  // place is none of ours to decide about: the next channel brings ours to whoever answers.
  if (head.head.position < seen_->head.position || head.head.hash == seen_->head.hash) return {};
  return Error(journal::Errc::forked, "two custodians told different heads at position " +
                                          std::to_string(head.head.position));
}

void CustodianLink::request(RequestBody body, Done done) {
  submit(std::make_shared<Call>(Call{std::move(body),
                                     base::system_monotonic_clock() + options_.request_timeout,
                                     std::move(done)}));
}

bool CustodianLink::is_counted(const RequestBody& body) const {
  const auto now = party_.clock();
  // Without time nobody can say: the custodian may have it.
  return !now || counts_a_use(*party_.policies->latest(), party_.role, body, now->wall);
}

void CustodianLink::submit(const CallPtr& call) {
  if (stopped_) return finish(call, Error(Errc::custodian_unreachable, "stopping"));
  if (!standing_) return finish(call, standing_.error());
  (void)choose();
  CustodianChannel& channel = *custodians_[current_];
  if (!channel.can_send()) return wait_for_channel(call);
  const bool counted = is_counted(call->body);
  const Status sent = channel.send(
      call->body, call->deadline, !counted,
      [this, alive = alive_, call, to = channel.custodian(), counted](Result<ResponseBody> result) {
        if (!*alive) return;
        if (counted && !result && result.error().is(Errc::custodian_unreachable)) {
          result = Error(journal::Errc::outcome_unknown,
                         "the custodian was lost with this request under way; its use may be "
                         "counted, and is counted anew when you ask again");
        }
        on_answer(call, to, counted, std::move(result));
      });
  if (sent) return;
  sent.error().is(Errc::custodian_unreachable) ? wait_for_channel(call)
                                               : finish(call, sent.error());
}

void CustodianLink::on_answer(const CallPtr& call, const std::string& from, bool counted,
                              Result<ResponseBody> result) {
  const bool is_in_time = !stopped_ && base::system_monotonic_clock() < call->deadline;
  // The channel went away under a request that may be repeated: once more, on another one.
  if (!result && result.error().is(Errc::custodian_unreachable) && is_in_time) {
    return wait_for_channel(call);
  }
  if (!is_unready(result)) {
    if (result) {
      backoff_.reset();
      is_settled_ = true;
    }
    return finish(call, std::move(result));
  }
  (void)choose();
  const bool is_another_better =
      current().custodian() != from && usefulness(current()) > kDoesNotServe;
  // It may have stopped being ready when the use was counted already.
  if (!counted && is_another_better && is_in_time && ++call->moves <= custodians_.size())
    return submit(call);
  finish(call, std::move(result));
}

void CustodianLink::wait_for_channel(const CallPtr& call) {
  if (waiting_.size() >= PendingRequests::kMaxPending) {
    return finish(call, Error(Errc::overloaded, "requests waiting for a channel"));
  }
  waiting_.push_back(call);
  if (can_send()) return flush_soon();
  for (const auto& channel : custodians_)
    channel->dial();
}

void CustodianLink::flush_soon() {
  if (std::exchange(flushing_, true)) return;
  again_.expires_after(backoff_.next(*party_.random));
  again_.async_wait([this, alive = alive_](boost::system::error_code error) {
    if (error || !*alive) return;
    flushing_ = false;
    flush_waiting();
  });
}

void CustodianLink::flush_waiting() {
  for (const auto& call : std::exchange(waiting_, {}))
    submit(call);
}

void CustodianLink::finish(const CallPtr& call, Result<ResponseBody> result) {
  // Posted, so that a caller is never called back from inside its own request().
  boost::asio::post(io_, [call, result = std::make_shared<Result<ResponseBody>>(
                                    std::move(result))] { call->done(std::move(*result)); });
}

void CustodianLink::policy_changed() {
  for (const auto& channel : custodians_)
    channel->policy_changed();
}

void CustodianLink::policy_lapsed(const Error& why) {
  standing_ = why;
  for (const auto& call : std::exchange(waiting_, {}))
    finish(call, why);
  for (const auto& channel : custodians_)
    channel->policy_lapsed(why);
}

void CustodianLink::policy_usable() {
  standing_ = {};
  for (const auto& channel : custodians_)
    channel->policy_usable();
}

void CustodianLink::tick() {
  ticker_.expires_after(kLinkTick);
  ticker_.async_wait([this, alive = alive_](boost::system::error_code error) {
    if (error || !*alive || stopped_) return;
    const MonotonicMillis now = base::system_monotonic_clock();
    for (const auto& channel : custodians_)
      channel->tick(now);
    forget_unnamed();
    while (!waiting_.empty() && waiting_.front()->deadline <= now) {
      finish(waiting_.front(), connected() ? Error(Errc::timed_out) : state().error());
      waiting_.pop_front();
    }
    tick();
  });
}

}  // namespace concordat::keyservice

#include "session/host/service_io.hpp"

#include <algorithm>

#include "attest/base/slot.hpp"
#include "peer/error.hpp"
#include "peer/preface_io.hpp"
#include "policy/errc.hpp"
#include "session/host/errc.hpp"
#include "session/host/hello_io.hpp"

namespace concordat::session::host {
namespace {

using base::Error;
using base::Result;
using base::Status;

constexpr std::chrono::milliseconds kPrefaceTime = std::chrono::seconds(5);
constexpr std::chrono::milliseconds kDialTime = std::chrono::seconds(10);
// Whom the parent says it leads here. A lie leads to a handshake that fails.
constexpr std::string_view kOperatorSource = "operator/";

Status admit_for_control(const policy::AdmittedOperator& who) {
  if (who.purpose() == kControlPurpose) return {};
  return Error(peer::Errc::operators_not_served, "for " + who.purpose());
}

// Asked at each order: one may be carried out when a newer policy has ended its channel already.
Status check_operator(const peer::Party& party, const policy::AdmittedOperator& who) {
  if (may_control(party.policies->latest()->model(), who)) return {};
  return Error(policy::AdmissionErrc::operator_unknown, who.name() + ", by a newer policy");
}

}  // namespace

Service::Service(ServiceParts parts) : parts_(std::move(parts)), control_party_(parts_.party) {
  control_party_.also_admit_operator = admit_for_control;
}

Service::~Service() {
  *alive_ = false;
  stop();
}

void Service::serve(std::unique_ptr<peer::Listener> listener) {
  listener_ = std::move(listener);
  listener_->start([this, alive = alive_](peer::StreamSocket socket, const peer::PeerAddress&) {
    if (*alive) take_in(std::move(socket));
  });
}

void Service::take_in(peer::StreamSocket socket) {
  if (stopped_ || *unread_ >= kMaxUnread) return;
  peer::async_read_source(std::move(socket), kPrefaceTime,
                          [this, alive = alive_, slot = std::make_shared<base::Slot>(unread_)](
                              peer::StreamSocket stream, const Result<peer::Source>& source) {
                            slot->free();
                            if (!*alive || stopped_) return;
                            if (!source) return parts_.log.error("preface_refused", source.error());
                            if (source->text.starts_with(kOperatorSource)) {
                              return begin_operator(std::move(stream), source->text);
                            }
                            begin_party(std::move(stream), source->text);
                          });
}

void Service::begin_operator(peer::StreamSocket socket, const std::string& source) {
  if (operators_.size() >= kMaxOperators && !end_a_stranger()) {
    return parts_.log.error("operator_refused", Error(peer::Errc::busy), {{"source", source}});
  }
  const std::uint64_t number = next_operator_++;
  auto session = std::make_shared<ControlSession>(
      ControlParts{parts_.io, *this, parts_.sealing, parts_.log, source},
      [this, alive = alive_, number] {
        if (*alive) operators_.erase(number);
      });
  operators_.emplace(number, session);
  try {
    session->start(std::move(socket), control_party_, parts_.nsm);
  } catch (const std::bad_alloc&) {
    operators_.erase(number);
    throw;
  }
}

// The oldest channel whose operator has not shown who it is gives its place up.
bool Service::end_a_stranger() {
  const auto stranger = std::ranges::find_if(
      operators_, [](const auto& entry) { return !entry.second->is_admitted(); });
  if (stranger == operators_.end()) return false;
  const auto session = stranger->second;
  operators_.erase(stranger);
  session->end(Error(peer::Errc::busy, "others wait"));
  return true;
}

void Service::begin_party(peer::StreamSocket socket, const std::string& source) {
  const auto now = parts_.party.clock();
  const Door::Ticket number = next_ticket_++;
  const auto entry = now ? door_.enter(number, source, now->monotonic) : std::nullopt;
  if (!entry)
    return parts_.log.error("party_refused", Error(peer::Errc::busy), {{"source", source}});
  if (entry->evicted) {
    if (const auto oldest = waiting_.extract(*entry->evicted)) oldest.mapped()();
  }
  const auto on_read = [this, alive = alive_, source, number](peer::StreamSocket stream,
                                                              Result<ReadHello> read) {
    if (!*alive) return;
    door_.leave(number);
    waiting_.erase(number);
    if (!stopped_) lead_in(std::move(stream), std::move(read), source);
  };
  try {
    waiting_[number] = async_read_hello(std::move(socket), peer::kHandshakeTimeout, on_read);
  } catch (const std::bad_alloc&) {
    door_.leave(number);
    waiting_.erase(number);
    throw;
  }
}

void Service::lead_in(peer::StreamSocket stream, Result<ReadHello> read,
                      const std::string& source) {
  const auto refuse = [&](const Error& why) {
    parts_.log.error("party_refused", why, {{"source", source}});
  };
  if (!read) return refuse(read.error());
  const auto run = runs_.find(read->hello.policy.digest);
  if (run == runs_.end()) {
    return refuse(Error(Errc::unknown_session, read->hello.policy.digest.hex()));
  }
  run->second->accept(std::move(stream), std::move(read->bytes), source);
}

Result<std::shared_ptr<AttendedRun>> Service::begin_run(Order order,
                                                        const policy::AdmittedOperator& who) {
  const DescriptorDigest session = order.descriptor->digest();
  if (stopped_) return Error(Errc::cancelled);
  CONCORDAT_CHECK(check_operator(parts_.party, who));
  if (runs_.contains(session)) return Error(Errc::run_under_way, session.hex());
  if (runs_.size() >= kMaxRuns) return Error(Errc::too_many_runs, std::to_string(kMaxRuns));
  if (const auto earlier = attended_.find(session);
      earlier != attended_.end() && earlier->second.run->has_result()) {
    return Error(Errc::result_waiting, session.hex());
  }
  order.intake->remember(memory_);
  const std::uint64_t number = ++begun_;
  auto attended =
      std::make_shared<AttendedRun>(parts_.io, parts_.sealing, who.key(), parts_.patience,
                                    [this, alive = alive_, session, number] {
                                      if (*alive) forget(session, number);
                                    });
  HostedRun::Events events = attended->events();
  events.over = [this, alive = alive_, session] {
    if (*alive) runs_.erase(session);
  };
  auto dial = [this](const PartyEntry& party, peer::ConnectHandler handler) {
    peer::async_dial_target(parts_.io, parts_.relay, peer::EnclaveTarget{party.enclave}, kDialTime,
                            std::move(handler));
  };
  CONCORDAT_TRY(auto run, HostedRun::start({parts_.io, parts_.party, parts_.nsm, parts_.ledger,
                                            parts_.log, std::move(dial), parts_.deviate},
                                           std::move(order), std::move(events)));
  attended->began(run);
  try {
    runs_.emplace(session, run);
    attended_.erase(session);
    if (attended_.size() >= kMaxRuns + kMaxEnds) forget_an_end();
    attended_.emplace(session, Attended{number, attended});
  } catch (const std::bad_alloc&) {  // one that nobody could come back to
    run->cancel(Error(Errc::out_of_memory));
    throw;
  }
  return attended;
}

Result<std::shared_ptr<AttendedRun>> Service::find_run(const DescriptorDigest& session,
                                                       const policy::AdmittedOperator& who) {
  CONCORDAT_CHECK(check_operator(parts_.party, who));
  const auto found = attended_.find(session);
  if (found == attended_.end() || found->second.run->operator_key() != who.key()) {
    return Error(Errc::unknown_session, session.hex());
  }
  return found->second.run;
}

// Of a later run of the session: nothing.
void Service::forget(const DescriptorDigest& session, std::uint64_t number) {
  const auto found = attended_.find(session);
  if (found != attended_.end() && found->second.number == number) attended_.erase(found);
}

void Service::forget_an_end() {
  auto oldest = attended_.end();
  for (auto at = attended_.begin(); at != attended_.end(); ++at) {
    if (!at->second.run->has_ended()) continue;
    if (oldest == attended_.end() || at->second.number < oldest->second.number) oldest = at;
  }
  if (oldest == attended_.end()) return;
  parts_.log.error("session_end_dropped", Error(Errc::too_many_runs, oldest->first.hex()));
  attended_.erase(oldest);
}

// A newer policy may have let go of an operator; the runs look at their seats themselves. Whoever
// ends says so later: nothing leaves these tables meanwhile, and going through them needs no
// memory.
void Service::policy_changed() {
  const policy::Model& model = parts_.party.policies->latest()->model();
  for (const auto& [number, session] : operators_)
    session->policy_changed(model);
  forget_operators_without(model);
  for (const auto& [digest, run] : runs_)
    run->policy_changed();
}

// Nobody comes back for these.
void Service::forget_operators_without(const policy::Model& model) {
  for (auto at = attended_.begin(); at != attended_.end();) {
    const auto& run = at->second.run;
    if (may_control(model, run->operator_key())) {
      ++at;
      continue;
    }
    run->cancel(Error(peer::Errc::policy_differs, "a newer policy"));
    at = attended_.erase(at);
  }
}

void Service::policy_lapsed(const Error& why) {
  attended_.clear();
  for (const auto& [digest, run] : runs_)
    run->policy_lapsed(why);
  for (const auto& [number, session] : operators_)
    session->end(why);
}

void Service::stop() {
  stopped_ = true;
  listener_.reset();
  policy_lapsed(Error(Errc::cancelled, "the enclave stops"));
}

}  // namespace concordat::session::host

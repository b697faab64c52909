#include "session/host/control_session_io.hpp"

#include <algorithm>

#include "peer/error.hpp"
#include "session/host/errc.hpp"
#include "session/protocols.hpp"

namespace concordat::session::host {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

}  // namespace

bool may_control(const policy::Model& model, const policy::SignerKey& operator_key) {
  const auto* const listed = policy::operator_with(model, operator_key);
  return listed != nullptr && std::ranges::find(listed->second.purposes, kControlPurpose) !=
                                  listed->second.purposes.end();
}

bool may_control(const policy::Model& model, const policy::AdmittedOperator& who) {
  return may_control(model, who.key()) &&
         policy::operator_with(model, who.key())->first == who.name();
}

void ControlSession::start(peer::StreamSocket socket, peer::Party& party, peer::NsmWorker& nsm) {
  policies_ = party.policies;
  peer::SecureStream::Events events;
  const auto weak = weak_from_this();
  // Who is no operator has no business here.
  events.established = [weak](const policy::AdmittedPeer&) {
    if (const auto self = weak.lock()) self->stream_->abort(Error(peer::Errc::wrong_state));
  };
  events.operator_established = [weak](const policy::AdmittedOperator& who) {
    if (const auto self = weak.lock()) self->on_established(who);
  };
  events.record = [weak](const base::SecretBytes& record) {
    if (const auto self = weak.lock()) self->on_record(record);
  };
  events.drained = [weak] {
    if (const auto self = weak.lock()) self->flush();
  };
  events.ended = [weak](const Status& status) {
    if (const auto self = weak.lock()) self->on_ended(status);
  };
  stream_ = peer::SecureStream::respond(std::move(socket), party, nsm, std::move(events));
}

void ControlSession::on_established(const policy::AdmittedOperator& who) {
  if (who.policy_digest() != policies_->latest()->digest()) {
    return end(Error(peer::Errc::policy_differs, "a newer policy came during the handshake"));
  }
  who_ = who;
  parts_.log.info(
      "operator_admitted",
      {{"operator", who.name()}, {"purpose", who.purpose()}, {"source", parts_.source}});
}

void ControlSession::on_ended(const Status& status) {
  if (!status) {
    parts_.log.error(who_ ? "operator_left" : "operator_refused", status.error(),
                     {{"source", parts_.source}});
  }
  if (const auto run = std::exchange(run_, {})) {
    status ? run->call_off(attendance_) : run->leave(attendance_);
  }
  if (const auto over = std::exchange(over_, {})) over();
}

void ControlSession::end(const Error& why) {
  stream_->abort(why);
}

void ControlSession::policy_changed(const policy::Model& model) {
  if (!who_ || may_control(model, *who_)) return;
  const Error why(peer::Errc::policy_differs, "a newer policy");
  if (run_) run_->cancel(why);
  end(why);
}

void ControlSession::on_record(const base::SecretBytes& record) {
  auto order = decode_order(record);
  const Status taken = order ? take(*std::move(order)) : Status(order.error());
  if (!taken) refuse(taken.error());
}

Status ControlSession::take(ControlOrder order) {
  if (told_all_) return {};
  return std::visit([this](auto& part) { return take(std::move(part)); }, order);
}

Status ControlSession::take(DescriptorPiece part) {
  if (order_ || run_) return Error(Errc::malformed_order, "a descriptor behind an order or run");
  if (envelope_.size() + part.bytes.size() > limits::kEnvelopeBytes) {
    return Error(Errc::order_too_large, "descriptor");
  }
  base::append(envelope_, part.bytes);
  return {};
}

Status ControlSession::take(OrderedRun part) {
  if (order_ || run_) return Error(Errc::malformed_order, "an order behind an order or run");
  std::vector<attest::AuthorityDescriptor> authorities;
  for (const Bytes& encoded : part.authorities) {
    CONCORDAT_TRY(auto authority, attest::AuthorityDescriptor::parse(encoded));
    authorities.push_back(std::move(authority));
  }
  Order order;
  CONCORDAT_TRY(order.descriptor,
                VerifiedDescriptor::verify(envelope_, authorities, judge_parameters));
  const DescriptorFields& fields = order.descriptor->fields();
  order.self = part.party;
  const std::chrono::milliseconds longest = limits::kFormingTime;
  order.forming = std::min(std::chrono::milliseconds(part.forming_ms), longest);
  CONCORDAT_TRY(const ProtocolKind kind, find_protocol(fields.protocol));
  CONCORDAT_TRY(order.intake,
                kind.take(fields.parameters, fields.parties.size(), fields.threshold));
  order_.emplace(std::move(order));
  parts_.log.info("run_ordered", {{"operator", who_->name()},
                                  {"session", fields.id},
                                  {"digest", order_->descriptor->digest().hex()},
                                  {"party", order_->self}});
  brought_ = std::move(part.kept);
  say(StageReached{std::string(kReadyStage), {}});
  return {};
}

Status ControlSession::take(const InputPiece& part) {
  if (!order_ || begun_) return Error(Errc::malformed_order, "input out of turn");
  has_input_ = has_input_ || !part.bytes.empty();
  return feed(part, *order_->intake, input_);
}

Status ControlSession::take(BeginRun) {
  if (!order_ || begun_) return Error(Errc::malformed_order, "begin out of turn");
  begun_ = true;
  if (has_input_) {
    CONCORDAT_TRY(order_->input, InputDigest::from(input_.finish().view()));
  }
  if (brought_.empty()) return begin();
  parts_.sealing.open(std::exchange(brought_, {}),
                      [weak = weak_from_this()](Result<base::SecretBytes> opened) {
                        const auto self = weak.lock();
                        if (!self || self->told_all_) return;
                        Status begun = opened ? Status() : Status(opened.error());
                        if (opened) begun = self->order_->intake->restore(*std::move(opened));
                        if (begun) begun = self->begin();
                        if (!begun) self->refuse(begun.error());
                      });
  return {};
}

Status ControlSession::begin() {
  CONCORDAT_TRY(auto run, parts_.runs.begin_run(*std::move(order_), *who_));
  attend(std::move(run));
  return {};
}

Status ControlSession::take(const ResumeRun& part) {
  if (order_ || run_) return Error(Errc::malformed_order, "back to a run, behind an order");
  CONCORDAT_TRY(auto run, parts_.runs.find_run(part.session, *who_));
  parts_.log.info("operator_came_back",
                  {{"operator", who_->name()}, {"digest", part.session.hex()}});
  attend(std::move(run));
  return {};
}

void ControlSession::attend(std::shared_ptr<AttendedRun> run) {
  run_ = std::move(run);
  attendance_ = run_->attach([weak = weak_from_this()](const ControlReport& report) {
    const auto self = weak.lock();
    if (!self) return;
    try {
      self->say(report);
    } catch (const std::bad_alloc&) {  // all of it is said again on the operator's next channel
      self->end(Error(peer::Errc::out_of_memory));
    }
  });
}

Status ControlSession::take(KeptStored) {
  if (!run_) return Error(Errc::malformed_order, "no run has begun");
  return run_->stored();
}

Status ControlSession::take(EndFetched) {
  if (!run_) return Error(Errc::malformed_order, "no run has begun");
  CONCORDAT_CHECK(run_->fetched());
  told_all_ = true;
  flush();
  return {};
}

void ControlSession::refuse(const Error& why) {
  if (told_all_) return;
  parts_.log.error("run_refused", why, {{"source", parts_.source}});
  // A run says its own end, and that it was this.
  if (run_) return run_->has_ended() ? stream_->abort(why) : run_->cancel(why);
  Ended ended;
  ended.status = why;
  for (const ControlReport& report : reports_of(ended))
    say(report);
  told_all_ = true;
  flush();
}

void ControlSession::say(const ControlReport& report) {
  if (told_all_) return;
  outgoing_.push_back(encode(report));
  flush();
}

// What the channel does not take now waits for `drained`.
void ControlSession::flush() {
  while (!outgoing_.empty()) {
    const Status sent = stream_->send(outgoing_.front());
    if (!sent && sent.error().is(peer::Errc::busy)) return;
    if (!sent) return stream_->abort(sent.error());
    outgoing_.pop_front();
  }
  if (told_all_) stream_->close();
}

}  // namespace concordat::session::host

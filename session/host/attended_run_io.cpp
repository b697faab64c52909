#include "session/host/attended_run_io.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "session/host/errc.hpp"

namespace concordat::session::host {
namespace {

using base::Error;
using base::Status;

bool is_to_keep(const ControlReport& report) {
  const auto* const stage = std::get_if<StageReached>(&report);
  return std::holds_alternative<KeptPiece>(report) ||
         (stage != nullptr && stage->stage == kKeepStage);
}

}  // namespace

AttendedRun::AttendedRun(boost::asio::io_context& io, const Sealing& sealing,
                         const policy::SignerKey& operator_key, Patience patience,
                         std::function<void()> over)
    : sealing_(sealing),
      operator_key_(operator_key),
      patience_(patience),
      over_(std::move(over)),
      io_(io),
      timer_(io) {}

// The run holds this one, until it is over: it tells its end whoever is there.
HostedRun::Events AttendedRun::events() {
  HostedRun::Events out;
  out.progress = [self = shared_from_this()](Stage stage, const std::string& detail) {
    self->has_formed_ = self->has_formed_ || stage == Stage::formed;
    self->say(StageReached{std::string(to_string(stage)), detail});
  };
  out.keep = [self = shared_from_this()](const Output& output, std::function<void(Status)> done) {
    self->keep(output, std::move(done));
  };
  out.ended = [self = shared_from_this()](Ended ended) { self->on_ended(std::move(ended)); };
  return out;
}

AttendedRun::Attendance AttendedRun::attach(Say say) {
  const auto said = said_;
  timer_.cancel();
  say_ = std::move(say);
  for (const ControlReport& report : said)
    say_(report);
  return ++attendance_;
}

void AttendedRun::leave(Attendance attendance) {
  if (attendance != attendance_) return;
  say_ = {};
  arm();
}

void AttendedRun::call_off(Attendance attendance) {
  if (attendance == attendance_) cancel(Error(Errc::cancelled, "its operator left"));
  leave(attendance);
}

void AttendedRun::say(ControlReport report) {
  said_.push_back(std::move(report));
  if (say_) say_(said_.back());
}

// Sealed by the custodian, and then stored by the operator: only then is it safe.
void AttendedRun::keep(const Output& output, std::function<void(Status)> done) {
  const auto on_sealed = [weak = weak_from_this(),
                          done = std::move(done)](const base::Result<base::Bytes>& sealed) {
    if (const auto self = weak.lock()) self->on_sealed(sealed, done);
  };
  sealing_.seal(base::sha256({output.result}), output.kept.clone(), on_sealed);
}

void AttendedRun::on_sealed(const base::Result<base::Bytes>& sealed,
                            const std::function<void(Status)>& done) {
  if (!sealed) return done(sealed.error());
  kept_ = done;
  for (const base::BytesView piece : in_pieces(*sealed))
    say(KeptPiece{base::to_bytes(piece)});
  say(StageReached{std::string(kKeepStage), {}});
}

Status AttendedRun::stored() {
  // Said before it was sent, it would confirm a share that nobody has.
  if (!kept_) return Error(Errc::malformed_order, "nothing was given to be kept");
  std::erase_if(said_, is_to_keep);
  std::exchange(kept_, {})(Status());
  return {};
}

void AttendedRun::on_ended(Ended ended) {
  has_ended_ = true;
  has_result_ = ended.output.has_value() && ended.status;
  kept_ = {};
  end_ = std::move(ended);
  say_end();
}

// All of it or nothing, and then again, behind what others do, who may give memory back: it is not
// lost, for nobody else has this party's result.
void AttendedRun::say_end() {
  const std::size_t before = said_.size();
  try {
    auto reports = reports_of(*end_);
    said_.reserve(before + reports.size());
    std::ranges::move(reports, std::back_inserter(said_));
  } catch (const std::bad_alloc&) {
    return boost::asio::post(io_, peer::with(last_words_, [weak = weak_from_this()] {
                               if (const auto self = weak.lock()) self->say_end();
                             }));
  }
  end_.reset();
  for (std::size_t next = before; say_ && next < said_.size(); ++next)
    say_(said_[next]);
  if (!say_) arm();
}

Status AttendedRun::fetched() {
  if (!has_ended_ || end_) return Error(Errc::malformed_order, "the run has not ended");
  end();
  return {};
}

void AttendedRun::cancel(const Error& why) {
  if (const auto run = run_.lock(); run && !has_ended_) run->cancel(why);
}

void AttendedRun::arm() {
  if (has_formed_ && !has_ended_) return;
  timer_.expires_after(has_ended_ ? patience_.end : patience_.forming);
  timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (error || !self || self->say_) return;
    if (self->has_ended_) return self->end();
    if (!self->has_formed_) self->cancel(Error(Errc::cancelled, "its operator did not come back"));
  });
}

void AttendedRun::end() {
  timer_.cancel();
  if (const auto over = std::exchange(over_, {})) over();
}

}  // namespace concordat::session::host

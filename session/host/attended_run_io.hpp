// A run and its operator, who may lose the channel and come back: what the run says is kept for the
// next one, and its end until the operator has it. One io_context, one thread.
//
//   attended    attach(): what was said so far is said again, and all that follows
//     | leave(): the channel was cut
//   alone       until it formed, for Patience::forming, and is called off then: nothing has moved;
//               formed it goes on to its end, for the run is counted and others wait for it;
//               ended it is kept for Patience::end
//   over        the operator has the end, or nobody came for it
#pragma once

#include <boost/asio/steady_timer.hpp>

#include "peer/reserved_memory_io.hpp"
#include "session/host/control.hpp"
#include "session/host/hosted_run_io.hpp"

namespace concordat::session::host {

// How what a run says to keep leaves the enclave, and comes back: sealed by its own custodian, each
// under a key of its own, named by the SHA-256 of the run's result, so that it can be ended alone.
struct Sealing {
  std::function<void(const base::Sha256Digest&, base::SecretBytes,
                     std::function<void(base::Result<base::Bytes>)>)>
      seal;
  std::function<void(base::Bytes, std::function<void(base::Result<base::SecretBytes>)>)> open;
};

struct Patience {
  std::chrono::milliseconds forming = std::chrono::minutes(1);
  std::chrono::milliseconds end = std::chrono::hours(1);
};

class AttendedRun : public std::enable_shared_from_this<AttendedRun> {
 public:
  using Say = std::function<void(const ControlReport&)>;

  // `sealing` outlives this. `operator_key`: whose run it is, who alone may come back to it. `over`
  // is called once, from the io_context or from fetched().
  AttendedRun(boost::asio::io_context& io, const Sealing& sealing,
              const policy::SignerKey& operator_key, Patience patience, std::function<void()> over);

  // Of the run that this one is about, but for Events::over.
  [[nodiscard]] HostedRun::Events events();
  void began(const std::shared_ptr<HostedRun>& run) { run_ = run; }

  // In place of an earlier one, which hears nothing more, and whose leaving means nothing.
  using Attendance = std::uint64_t;
  [[nodiscard]] Attendance attach(Say say);
  // The channel is cut; or ended in order, by which its operator calls the run off.
  void leave(Attendance attendance);
  void call_off(Attendance attendance);
  // What was given to be kept is stored by the operator. malformed_order: nothing was.
  [[nodiscard]] base::Status stored();
  // The operator has the end, all of it. malformed_order before it was said.
  [[nodiscard]] base::Status fetched();
  void cancel(const base::Error& why);

  [[nodiscard]] const policy::SignerKey& operator_key() const noexcept { return operator_key_; }
  [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }
  // There is a result, which nobody has.
  [[nodiscard]] bool has_result() const noexcept { return has_result_; }

 private:
  void keep(const Output& output, std::function<void(base::Status)> done);
  void on_sealed(const base::Result<base::Bytes>& sealed,
                 const std::function<void(base::Status)>& done);
  void on_ended(Ended ended);
  void say_end();
  void say(ControlReport report);
  void arm();
  void end();

  const Sealing& sealing_;
  policy::SignerKey operator_key_;
  Patience patience_;
  std::function<void()> over_;
  boost::asio::io_context& io_;
  boost::asio::steady_timer timer_;
  peer::ReservedMemoryPtr last_words_ = std::make_shared<peer::ReservedMemory>();
  std::weak_ptr<HostedRun> run_;
  Say say_;
  Attendance attendance_ = 0;  // the latest
  std::vector<ControlReport> said_;
  std::optional<Ended> end_;  // until it is said
  // Of what was given to be kept: told when the operator has it.
  std::function<void(base::Status)> kept_;
  bool has_formed_ = false, has_ended_ = false, has_result_ = false;
};

}  // namespace concordat::session::host

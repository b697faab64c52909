// One operator's channel to a party's enclave: an order comes in, a run is begun, and what came of
// it goes out (control.hpp). Whoever ends the channel in order calls the run off; one that is cut
// leaves it to the operator's next channel (attended_run_io.hpp).
#pragma once

#include <deque>

#include "peer/secure_stream_io.hpp"
#include "session/host/attended_run_io.hpp"

namespace concordat::session::host {

// Whether policy lists the key for kControlPurpose.
[[nodiscard]] bool may_control(const policy::Model& model, const policy::SignerKey& operator_key);
// ... by the name, too, that its owner was admitted by.
[[nodiscard]] bool may_control(const policy::Model& model, const policy::AdmittedOperator& who);

class RunBeginner {
 public:
  virtual ~RunBeginner() = default;
  // Errors of HostedRun::start; run_under_way, too_many_runs, result_waiting; operator_unknown
  // where the latest policy lets this operator order no runs, whatever it was admitted by.
  [[nodiscard]] virtual base::Result<std::shared_ptr<AttendedRun>> begin_run(
      Order order, const policy::AdmittedOperator& who) = 0;
  // That this operator ordered: unknown_session where there is none, or it is somebody else's;
  // operator_unknown as above.
  [[nodiscard]] virtual base::Result<std::shared_ptr<AttendedRun>> find_run(
      const DescriptorDigest& session, const policy::AdmittedOperator& who) = 0;
};

// References outlive the session.
struct ControlParts {
  boost::asio::io_context& io;
  RunBeginner& runs;
  const Sealing& sealing;
  base::Logger& log;
  std::string source;  // whom the parent says it is
};

class ControlSession : public std::enable_shared_from_this<ControlSession> {
 public:
  ControlSession(ControlParts parts, std::function<void()> over)
      : parts_(std::move(parts)), over_(std::move(over)) {}

  [[nodiscard]] bool is_admitted() const noexcept { return who_.has_value(); }
  // `party` admits operators for kControlPurpose alone.
  void start(peer::StreamSocket socket, peer::Party& party, peer::NsmWorker& nsm);
  // Ends it, unless the operator may still order runs.
  void policy_changed(const policy::Model& model);
  void end(const base::Error& why);

 private:
  void on_established(const policy::AdmittedOperator& who);
  void on_record(const base::SecretBytes& record);
  void on_ended(const base::Status& status);
  [[nodiscard]] base::Status take(ControlOrder order);
  [[nodiscard]] base::Status take(DescriptorPiece part);
  [[nodiscard]] base::Status take(OrderedRun part);
  [[nodiscard]] base::Status take(const InputPiece& part);
  [[nodiscard]] base::Status take(BeginRun);
  [[nodiscard]] base::Status take(KeptStored);
  [[nodiscard]] base::Status take(const ResumeRun& part);
  [[nodiscard]] base::Status take(EndFetched);
  [[nodiscard]] base::Status begin();
  void attend(std::shared_ptr<AttendedRun> run);
  void refuse(const base::Error& why);
  void say(const ControlReport& report);
  void flush();

  ControlParts parts_;
  std::function<void()> over_;
  std::shared_ptr<peer::SecureStream> stream_;
  const policy::PolicyInForce* policies_ = nullptr;  // of the party that was started with
  std::optional<policy::AdmittedOperator> who_;
  base::Bytes envelope_;
  std::optional<Order> order_;
  // Of an earlier run, sealed. Opened when the run begins and not before: an order that waits holds
  // no share past the end of the key that this is sealed with.
  base::Bytes brought_;
  base::Sha256 input_;
  bool has_input_ = false;
  std::shared_ptr<AttendedRun> run_;  // once it is begun, or found again
  AttendedRun::Attendance attendance_ = 0;
  bool begun_ = false;
  std::deque<base::Bytes> outgoing_;
  bool told_all_ = false;  // and nothing is awaited any more
};

}  // namespace concordat::session::host

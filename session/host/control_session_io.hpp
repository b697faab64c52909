// One operator's channel to a party's enclave: an order comes in, a run is begun, and what came of
// it goes out (control.hpp). A run goes on only as long as whoever ordered it is there.
#pragma once

#include <deque>

#include "peer/secure_stream_io.hpp"
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

class RunBeginner {
 public:
  virtual ~RunBeginner() = default;
  [[nodiscard]] virtual base::Result<std::shared_ptr<HostedRun>> begin_run(
      Order order, HostedRun::Events events) = 0;
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
  [[nodiscard]] base::Status begin();
  void on_run_ended(const Ended& ended);
  void keep(const Output& output, std::function<void(base::Status)> done);
  void tell_end(const Ended& ended);
  void refuse(const base::Error& why);
  void say(const ControlReport& report);
  template <class Piece>
  void say_in_pieces(base::BytesView bytes, Piece piece);
  void flush();

  ControlParts parts_;
  std::function<void()> over_;
  std::shared_ptr<peer::SecureStream> stream_;
  std::optional<policy::AdmittedOperator> who_;
  base::Bytes envelope_;
  std::optional<Order> order_;
  // Of an earlier run, sealed. Opened when the run begins and not before: an order that waits holds
  // no share past the end of the key that this is sealed with.
  base::Bytes brought_;
  base::Sha256 input_;
  bool has_input_ = false;
  std::weak_ptr<HostedRun> run_;
  bool begun_ = false;
  // Of what was handed over to be kept: told when the operator has it.
  std::function<void(base::Status)> kept_;
  std::deque<base::Bytes> outgoing_;
  bool told_all_ = false;
};

}  // namespace concordat::session::host

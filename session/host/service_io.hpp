// An enclave that takes part in sessions: its door, which tells operators from parties and parties'
// streams by their session; its operators' channels; and the runs that they ordered.
#pragma once

#include "session/door.hpp"
#include "session/host/control_session_io.hpp"
#include "session/host/hello_io.hpp"
#include "session/host/hosted_run_io.hpp"

namespace concordat::session::host {

// References outlive the service.
struct ServiceParts {
  boost::asio::io_context& io;
  peer::Party& party;
  peer::NsmWorker& nsm;
  base::Logger& log;
  peer::Endpoint relay;  // the way to other parties
  RunLedger& ledger;
  Sealing sealing;  // of what a run says to keep
  decltype(Environment::deviate) deviate{};
  Patience patience{};
};

class Service final : private RunBeginner {
 public:
  // Each party's own computation is on this thread: a few are enough.
  static constexpr std::size_t kMaxRuns = 4;
  static constexpr std::size_t kMaxOperators = 16;
  // Of runs that ended and whose operators did not fetch it; then the oldest goes.
  static constexpr std::size_t kMaxEnds = 16;
  // Whose source the parent has not said yet, which it says at once.
  static constexpr std::size_t kMaxUnread = 64;
  // Whose hello has not come yet; then it is a run that has a place for it.
  static constexpr std::size_t kMaxWaiting = 64;

  explicit Service(ServiceParts parts);
  ~Service() override;
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Streams that the parent brings, each behind its source preface.
  void serve(std::unique_ptr<peer::Listener> listener);
  void policy_changed();
  void policy_lapsed(const base::Error& why);
  void stop();

 private:
  void take_in(peer::StreamSocket socket);
  void begin_operator(peer::StreamSocket socket, const std::string& source);
  void begin_party(peer::StreamSocket socket, const std::string& source);
  void lead_in(peer::StreamSocket stream, base::Result<ReadHello> read, const std::string& source);
  [[nodiscard]] base::Result<std::shared_ptr<AttendedRun>> begin_run(
      Order order, const policy::AdmittedOperator& who) override;
  [[nodiscard]] base::Result<std::shared_ptr<AttendedRun>> find_run(
      const DescriptorDigest& session, const policy::AdmittedOperator& who) override;
  void forget(const DescriptorDigest& session, std::uint64_t number);
  void forget_an_end();
  void forget_operators_without(const policy::Model& model);
  [[nodiscard]] bool end_a_stranger();

  ServiceParts parts_;
  peer::Party control_party_;  // as the enclave's own, and admits operators for kControlPurpose
  ProcessMemory memory_;       // of the party's runs, one after the other
  Door door_{kMaxWaiting};
  Door::Ticket next_ticket_ = 1;
  std::map<Door::Ticket, std::function<void()>> waiting_;  // how to end what waits there
  std::shared_ptr<std::size_t> unread_ = std::make_shared<std::size_t>(0);
  std::unique_ptr<peer::Listener> listener_;
  std::map<DescriptorDigest, std::shared_ptr<HostedRun>> runs_;
  struct Attended {
    std::uint64_t number = 0;  // in the order of beginning
    std::shared_ptr<AttendedRun> run;
  };
  std::map<DescriptorDigest, Attended> attended_;  // also of runs that ended
  std::uint64_t begun_ = 0;
  std::map<std::uint64_t, std::shared_ptr<ControlSession>> operators_;
  std::uint64_t next_operator_ = 1;
  bool stopped_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::session::host

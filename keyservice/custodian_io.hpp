// The custodian at work: accepts relayed streams, admits workers, answers their requests. One
// io_context, one thread.
#pragma once

#include <map>
#include <memory>

#include "attest/base/log.hpp"
#include "keyservice/custodian_report.hpp"
#include "keyservice/key_server.hpp"
#include "peer/secure_stream_io.hpp"
#include "peer/token_bucket.hpp"

namespace concordat::keyservice {

struct CustodianCounts {
  std::uint64_t handshakes = 0;  // admitted
  std::uint64_t refused = 0;
  std::uint64_t served = 0;
  std::uint64_t denied = 0;
};

// What strangers, and admitted workers, can make a custodian hold or do. Programs take these as
// they are; tests shrink them.
struct CustodianLimits {
  std::size_t half_open = peer::kMaxHalfOpen;  // streams that nobody was admitted on
  std::size_t channels = 1024;                 // streams in all
  // A link keeps one channel and drains another; the rest is for agents that restart.
  std::size_t channels_of_one_enclave = 8;
  std::uint32_t admissions_per_second = peer::kAdmissionsPerSecond;
  std::uint32_t admission_burst = peer::kAdmissionBurst;
  std::chrono::milliseconds preface_timeout = std::chrono::seconds(5);
  std::chrono::milliseconds handshake_timeout = peer::kHandshakeTimeout;
  // Lines about refused streams: the console they go to may be slow.
  std::uint32_t refusal_lines_per_second = 1;
  std::uint32_t refusal_line_burst = 10;
};

class Custodian {
 public:
  // All references outlive the custodian.
  Custodian(peer::Party& party, peer::NsmWorker& nsm, const KeyServer& keys, base::Logger& log,
            const CustodianLimits& limits = {});
  ~Custodian();

  // Serves streams that `listener` accepts; each begins with a source preface.
  void serve(std::unique_ptr<peer::Listener> listener);
  // Ends channels of another policy than the one in force, half-open ones too: their peers dial
  // again and are judged anew. To be called when the policy changed.
  void policy_changed();
  // The policy is not usable any more: ends every channel with `why`. Handshakes under way are left
  // to their own judgement: one of them may bring a newer policy.
  void policy_lapsed(const base::Error& why);
  // Closes every channel and stops accepting.
  void stop();

  [[nodiscard]] const CustodianCounts& counts() const noexcept { return counts_; }
  // What operators may know; `handler` is told when there is more of it.
  [[nodiscard]] std::string report() const;
  void on_report(std::function<void()> handler) { report_changed_ = std::move(handler); }

 private:
  struct Session;
  using SessionPtr = std::shared_ptr<Session>;

  void accept(peer::StreamSocket socket);
  // Whether a stranger's stream may cost anything now.
  [[nodiscard]] bool may_begin(base::MonotonicMillis now);
  void refuse_stream(const base::Result<peer::Now>& now);
  void begin(peer::StreamSocket socket, std::string source);
  void on_established(const SessionPtr& session, const policy::AdmittedPeer& peer);
  void on_record(const SessionPtr& session, base::SecretBytes record);
  void on_ended(const SessionPtr& session, const base::Status& status);
  [[nodiscard]] std::size_t half_open() const;
  // By the trusted clock; 0 without time.
  [[nodiscard]] base::UnixMillis wall() const;
  void note_refusal(const std::string& source, const base::Error& why);
  // Whether the peer's role has room for one more enclave. One that has a channel already is not
  // counted twice: its next channel replaces that one.
  [[nodiscard]] base::Status check_room(const policy::AdmittedPeer& peer) const;
  // Ends the peer's oldest channel when it has as many as it may.
  void make_room_for(const policy::AdmittedPeer& peer);

  peer::Party& party_;
  peer::NsmWorker& nsm_;
  const KeyServer& keys_;
  base::Logger& log_;
  CustodianLimits limits_;
  std::unique_ptr<peer::Listener> listener_;
  peer::TokenBucket admissions_;
  peer::TokenBucket refusal_lines_;
  std::uint64_t refused_unsaid_ = 0;              // since the last line about it
  std::map<std::uint64_t, SessionPtr> sessions_;  // by number, oldest first
  std::uint64_t next_session_ = 1;
  std::size_t reading_preface_ = 0;
  bool stopped_ = false;
  CustodianCounts counts_;
  CustodianReport report_;
  std::function<void()> report_changed_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::keyservice

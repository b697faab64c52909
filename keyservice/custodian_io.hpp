// The custodian at work: accepts relayed streams, admits workers, answers their requests. One
// io_context, one thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>

#include "attest/base/log.hpp"
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

class Custodian {
 public:
  // All references outlive the custodian.
  Custodian(boost::asio::io_context& io, peer::Party& party, peer::NsmWorker& nsm,
            const KeyServer& keys, base::Logger& log);
  ~Custodian();

  // Serves streams that `listener` accepts; each begins with a source preface.
  void serve(std::unique_ptr<peer::Listener> listener);
  // Ends channels of another policy than the one in force, half-open ones too: their peers dial
  // again and are judged anew. To be called when the policy changed.
  void policy_changed();
  // Closes every channel and stops accepting.
  void stop();

  [[nodiscard]] const CustodianCounts& counts() const noexcept { return counts_; }

 private:
  struct Session;
  using SessionPtr = std::shared_ptr<Session>;

  void accept(peer::StreamSocket socket);
  void begin(peer::StreamSocket socket, std::string source);
  void on_established(const SessionPtr& session, const policy::AdmittedPeer& peer);
  void on_record(const SessionPtr& session, base::SecretBytes record);
  void on_ended(const SessionPtr& session, const base::Status& status);
  void tick();
  [[nodiscard]] std::size_t half_open() const;
  // Ends the peer's oldest channel when it has as many as it may.
  void make_room_for(const policy::AdmittedPeer& peer);

  boost::asio::io_context& io_;
  peer::Party& party_;
  peer::NsmWorker& nsm_;
  const KeyServer& keys_;
  base::Logger& log_;
  std::unique_ptr<peer::Listener> listener_;
  peer::TokenBucket admissions_;
  boost::asio::steady_timer ticker_;
  std::map<std::uint64_t, SessionPtr> sessions_;  // by number, oldest first
  std::uint64_t next_session_ = 1;
  std::size_t reading_preface_ = 0;
  bool stopped_ = false;
  CustodianCounts counts_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::keyservice

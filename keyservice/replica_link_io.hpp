// A custodian's way to another one: dials through the relay for purpose "replica", keeps the
// channel for as long as it lasts and makes it anew, asks for the root when it is told to, and has
// each side tell the other the journal's head. One io_context, one thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "attest/base/log.hpp"
#include "keyservice/backoff.hpp"
#include "keyservice/head_teller_io.hpp"
#include "keyservice/heartbeat.hpp"
#include "keyservice/replica_server.hpp"
#include "peer/secure_stream_io.hpp"

namespace concordat::keyservice {

class ReplicaLink {
 public:
  using OnRoot = std::function<void(base::Result<Root>)>;
  using OnHead = std::function<void(const VouchedHead& seen, const std::string& custodian)>;

  // References outlive the link. `name`: by which the relay knows the other custodian. `on_head` is
  // told what the other side saw of the store, whether there is a root to check it by or not.
  ReplicaLink(boost::asio::io_context& io, peer::Party& party, peer::NsmWorker& nsm,
              Custody& custody, base::Logger& log, peer::Endpoint relay, std::string name,
              OnHead on_head);
  ~ReplicaLink();
  ReplicaLink(const ReplicaLink&) = delete;
  ReplicaLink& operator=(const ReplicaLink&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  // There is a channel, or one is being made.
  [[nodiscard]] bool is_connected() const noexcept { return stream_ != nullptr; }
  // Dials now, and again whenever there is no channel; only under a policy that admits replicas.
  void start();
  void stop();
  // Asks for the root, once there is a channel; one at a time. `done` is called once: without a
  // channel by the next attempt, with what became of it.
  void ask(const RootRequest& request, OnRoot done);
  // Nobody waits for it any more: ends it with `why`.
  void give_up(const base::Error& why);
  // Tells the head where it is news, and makes the channel anew before its life ends.
  void tick();
  // Ends a channel of another policy than the one in force; the next is dialled at once.
  void policy_changed();
  void policy_lapsed(const base::Error& why);

 private:
  struct Asking {
    RootRequest request;
    OnRoot done;
    bool is_sent = false;
  };

  void dial();
  void dial_now();
  void dial_later();
  void on_dialled(base::Result<peer::StreamSocket> socket);
  void on_established(const policy::AdmittedPeer& peer);
  void on_record(const base::SecretBytes& record);
  void on_ended(const base::Status& status);
  // Whether the channel is still carried.
  [[nodiscard]] base::Status listen_for_life();
  void send_request();
  void answer(base::Result<Root> root);

  boost::asio::io_context& io_;
  peer::Party& party_;
  peer::NsmWorker& nsm_;
  Custody& custody_;
  base::Logger& log_;
  peer::Endpoint relay_;
  std::string name_;
  OnHead on_head_;
  boost::asio::steady_timer redial_;
  peer::ReservedMemoryPtr memory_ = std::make_shared<peer::ReservedMemory>();
  Backoff backoff_;
  std::shared_ptr<peer::SecureStream> stream_;
  std::optional<HeadTeller> teller_;  // while there is a channel
  std::optional<Asking> asking_;
  std::string trouble_;  // the code that was logged last
  SignsOfLife signs_;
  bool dialling_ = false;
  bool stopped_ = true;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::keyservice

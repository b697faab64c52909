// The other custodians that a custodian's parent names or finds announced: who is asked for the
// root before KMS is, and who is told the journal's head. The names are addresses and nothing else;
// policy and handshake decide who is there. One io_context, one thread.
#pragma once

#include "keyservice/replica_link_io.hpp"

namespace concordat::keyservice {

struct ReplicaOptions {
  peer::Endpoint relay;
  // Names by which the relay knows them; may be empty. They stay, whoever is announced besides.
  std::vector<std::string> custodians;
  std::chrono::milliseconds patience = kReplicaPatience;
  std::chrono::milliseconds tick = kReplicaTick;
};

class Replicas {
 public:
  // References outlive this. `on_head` as ReplicaLink's.
  Replicas(boost::asio::io_context& io, peer::Party& party, peer::NsmWorker& nsm, Custody& custody,
           base::Logger& log, ReplicaOptions options, ReplicaLink::OnHead on_head);
  ~Replicas() { *alive_ = false; }
  Replicas(const Replicas&) = delete;
  Replicas& operator=(const Replicas&) = delete;

  void start();
  void stop();
  // Custodians that are announced now, as CustodianLink::know.
  void know(const std::vector<std::string>& announced);
  // Told at each tick: for those whom others dialled.
  void on_tick(std::function<void()> handler) { ticked_ = std::move(handler); }
  // Asks one after the other for the root that is pinned so. `done` is called once, within the
  // patience of the options: with the root, or with why the last of them did not give it
  // (no_replica). One at a time; another one ends it.
  void fetch_root(const policy::RootGeneration& pinned, ReplicaLink::OnRoot done);
  // The custody took a root: from whomever.
  void root_ready();
  void policy_changed();
  void policy_lapsed(const base::Error& why);

 private:
  struct Fetch {
    RootRequest request;
    ReplicaLink::OnRoot done;
    std::size_t next = 0;
    base::Error why{Errc::no_replica, "the parent names none"};
  };

  void add(const std::string& custodian);
  void give_up(const std::string& custodian);
  void ask_next();
  void on_root(base::Result<Root> root);
  void finish(base::Result<Root> root);
  void wait_for_tick();
  // A step that lacks memory ends the fetch.
  template <class Step>
  void guarded(const Step& step);

  boost::asio::io_context& io_;
  peer::Party& party_;
  peer::NsmWorker& nsm_;
  Custody& custody_;
  base::Logger& log_;
  ReplicaOptions options_;
  ReplicaLink::OnHead on_head_;
  std::vector<std::unique_ptr<ReplicaLink>> links_;
  boost::asio::steady_timer patience_;
  boost::asio::steady_timer ticker_;
  peer::ReservedMemoryPtr patience_memory_ = std::make_shared<peer::ReservedMemory>();
  peer::ReservedMemoryPtr tick_memory_ = std::make_shared<peer::ReservedMemory>();
  std::function<void()> ticked_;
  std::optional<Fetch> fetch_;
  std::uint64_t last_request_ = 0;
  bool stopped_ = true;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::keyservice

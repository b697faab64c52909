// Keeps a custodian's audit log open for as long as it has a root: for each attempt a boot of its
// own, with an id, a key and an attestation document that nobody had before; after trouble again,
// with pauses. What the store did not take is offered again, so that service comes back by itself.
// Where a policy pins more than the realm's first root generation, the journal is read before: it
// says which log key the log was handed to, and is believed under the policy's current root only.
// One io_context, one thread.
#pragma once

#include <boost/asio/steady_timer.hpp>

#include "attest/base/log.hpp"
#include "keyservice/audit_trail.hpp"
#include "keyservice/backoff.hpp"
#include "keyservice/custody.hpp"
#include "peer/nsm_worker_io.hpp"
#include "peer/party.hpp"
#include "peer/reserved_memory_io.hpp"

namespace concordat::keyservice {

class AuditKeeper {
 public:
  // A store for one boot.
  using MakeStore = std::function<std::unique_ptr<audit::Store>()>;

  // Asks the store for the genesis document of a generation of the root; empty: there is none.
  using ReadGenesis =
      std::function<void(std::uint32_t generation, std::function<void(base::Bytes)> done)>;

  // References outlive the keeper. `custodian`: its name among those of the realm.
  AuditKeeper(boost::asio::io_context& io, peer::Party& party, peer::NsmWorker& nsm,
              Custody& custody, MakeStore make_store, std::string custodian, base::Logger& log);
  ~AuditKeeper() { *alive_ = false; }
  AuditKeeper(const AuditKeeper&) = delete;
  AuditKeeper& operator=(const AuditKeeper&) = delete;

  [[nodiscard]] AuditTrail& trail() noexcept { return trail_; }
  // Told each time when a boot has the log.
  void on_open(std::function<void()> handler) { opened_ = std::move(handler); }

  // Where a root that the log has heard nothing of was born; without it its entry says so alone.
  void read_genesis_with(ReadGenesis reader) { read_genesis_ = std::move(reader); }

  // The custody has a root, another one than at the last call.
  void start();
  // It has others than before: another boot has the log where the log's key is of another one, as
  // soon as what waits for its entry has it, or the store does not take it in time.
  void root_changed();
  // It has none any more: the log's key goes.
  void stop();
  // The same, for good.
  void end();
  // The policy in force is another one.
  void policy_changed();

 private:
  void open();
  // Whether what is known of the log beside its own files can be read, and is no older root's word
  // (Custody::is_under_current): where there was never another root generation, nothing is.
  [[nodiscard]] bool has_what_is_known() const;
  // What of the log may be of held generations other than the one whose key signs: earlier ones, or
  // a later one that a policy called current before it took over (AUDIT.md). key_replaced where it
  // was handed to one that took over since.
  [[nodiscard]] base::Status add_other_keys(AuditTrail::Boot& boot);
  void hand_over(HandOverLog log, audit::Store::Done done);
  void find_genesis(base::Bytes document, AuditTrail::Boot boot);
  [[nodiscard]] bool is_genesis_of_root(base::BytesView document) const;
  void begin(AuditTrail::Boot boot);
  void on_opened(const base::Status& opened);
  void look_after();
  void start_when_drained();
  void again(const base::Error& why);
  // Looks after the log then; wants no memory.
  void later(std::chrono::milliseconds pause) noexcept;
  // The timer runs all the time: setting it anew may want memory of the io_context, which there is
  // when it has just run out.
  void tick();
  template <class Step>
  void guarded(const Step& step) noexcept;

  peer::Party& party_;
  peer::NsmWorker& nsm_;
  Custody& custody_;
  MakeStore make_store_;
  std::string custodian_;
  base::Logger& log_;
  AuditTrail trail_;
  std::function<void()> opened_;
  ReadGenesis read_genesis_;
  boost::asio::steady_timer timer_;
  std::optional<std::chrono::steady_clock::time_point> due_;  // to look after the log
  // Then another boot has it, whatever waits.
  std::optional<std::chrono::steady_clock::time_point> next_boot_;
  peer::ReservedMemoryPtr memory_ = std::make_shared<peer::ReservedMemory>();
  Backoff backoff_;
  std::uint32_t generation_ = 0;  // of the root that the log key comes from; 0: none was started
  std::string trouble_;           // the code that was logged last
  std::uint64_t round_ = 0;       // of start and stop: what belongs to an earlier one ends
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::keyservice

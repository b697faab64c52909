// Keeps a custodian's keyring loaded for as long as it has a root: loads it, takes in what other
// custodians wrote, and rotates the keys whose interval policy says is over. One io_context, one
// thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "attest/base/log.hpp"
#include "keyservice/audit_trail.hpp"
#include "keyservice/backoff.hpp"
#include "keyservice/key_administration.hpp"
#include "peer/party.hpp"
#include "peer/reserved_memory_io.hpp"

namespace concordat::keyservice {

// Programs take these as they are; tests shrink them.
struct CustodyKeeperTimes {
  // After so long what another custodian did counts here, too.
  std::chrono::milliseconds refresh = std::chrono::seconds(2);
  // Intervals of rotation are days.
  std::chrono::milliseconds rotation = std::chrono::minutes(1);
};

class CustodyKeeper {
 public:
  // References outlive the keeper.
  CustodyKeeper(boost::asio::io_context& io, Custody& custody, peer::Party& party,
                base::Logger& log, CustodyKeeperTimes times = {});
  ~CustodyKeeper() { *alive_ = false; }
  CustodyKeeper(const CustodyKeeper&) = delete;
  CustodyKeeper& operator=(const CustodyKeeper&) = delete;

  // The custody has a root, an other one than at the last call.
  void start();
  void stop();
  // Rotates no key that `recorder`, which outlives this, could not tell of.
  void record_with(Recorder& recorder) { recorder_ = &recorder; }

 private:
  void load();
  void on_loaded(const base::Status& loaded);
  void load_after(std::chrono::milliseconds pause);
  void rotate_if_due();
  void on_rotated(const std::string& name, const base::Result<KeySummary>& rotated);

  Custody& custody_;
  KeyAdministration administration_;
  peer::Party& party_;
  base::Logger& log_;
  CustodyKeeperTimes times_;
  Recorder* recorder_ = nullptr;
  boost::asio::steady_timer timer_;
  peer::ReservedMemoryPtr memory_ = std::make_shared<peer::ReservedMemory>();
  Backoff backoff_;
  bool is_loaded_ = false;
  std::optional<base::MonotonicMillis> looked_for_rotations_;
  std::string trouble_;      // the code that was logged last
  std::uint64_t round_ = 0;  // of start: what belongs to an earlier one ends
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::keyservice

// Writes a state as it was at one position: its chunks, then the record that makes them a snapshot;
// then, and only when that is acknowledged, removes what it makes superfluous.
#pragma once

#include "keyservice/journal/chain.hpp"
#include "keyservice/journal/lifetime.hpp"

namespace concordat::keyservice::journal {

class SnapshotWriter {
 public:
  // Both outlive this.
  SnapshotWriter(Store& store, Chain& chain) : store_(store), chain_(chain) {}

  // The state of this very moment, after one entry at least; the chain may go on meanwhile. Nothing
  // is removed when anything fails: what was written of it is passed over and removed by the next
  // one.
  void write(Store::Done done);
  [[nodiscard]] bool is_busy() const noexcept { return writing_ != nullptr; }
  // Of the newest one that was acknowledged here.
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }

 private:
  struct Writing {
    Store::Done done;
    Head head;
    SnapshotId id;
    std::uint32_t generation = 0;
    std::vector<base::SecretBytes> pieces;
    base::SecretBytes manifest;
    std::uint32_t next = 0;
    std::vector<Superfluous> superfluous;
  };
  void next_chunk();
  void finish_snapshot();
  void remove_superfluous();
  void end(base::Status status);
  template <class Body>
  [[nodiscard]] auto then(Body body);

  Store& store_;
  Chain& chain_;
  std::unique_ptr<Writing> writing_;
  std::uint64_t position_ = 0;
  Lifetime lifetime_;
};

}  // namespace concordat::keyservice::journal

// Brings a chain to where the store is: from the newest snapshot, where that is further, and the
// entries behind it.
//
//   load    the snapshots' records -> the chunks of the newest -> entries, page by page
//   follow  entries, page by page; where others have removed what comes next -> as load. Who has
//           nothing yet loads
//
// A snapshot whose chunks vanish while they are read was replaced by a newer one, or the store lost
// them: snapshots are looked for again, and if none is newer it is a refusal by name.
//
// Entries from the first one on count only when all were read. Position 1 alone can be taken twice
// (by a writer that knows nothing, after others removed theirs): its entry is then followed by none
// or by another's, and a chain that was built on it halfway would go on where nobody looks.
#pragma once

#include "keyservice/journal/chain.hpp"
#include "keyservice/journal/lifetime.hpp"

namespace concordat::keyservice::journal {

class ChainReader {
 public:
  using Done = Store::Done;

  // Both outlive this. Not two operations at once.
  ChainReader(Store& store, Chain& chain) : store_(store), chain_(chain) {}

  void load(Done done);
  // What was verified before a refusal stays, but for entries from the first one on.
  void follow(Done done);
  // Where the newest snapshot that was read stands; 0: none was.
  [[nodiscard]] std::uint64_t snapshot_position() const noexcept { return snapshot_position_; }

 private:
  // One load or follow, until it is done.
  struct Reading {
    Done done;
    bool is_from_nothing = false;  // and no snapshot was found yet
    Record newest;                 // of the snapshots' records that were seen and may be read
    std::string behind;            // the last one that was seen
    std::size_t snapshots = 0;
    SnapshotName snapshot;  // that is read
    Head head;              // of it
    std::uint32_t generation = 0;
    Chain::Manifest manifest;
    std::uint32_t next_chunk = 0;
    std::string lacking;  // what the store did not have, for the refusal
  };
  using ReadingPtr = std::shared_ptr<Reading>;
  template <class Body>
  [[nodiscard]] auto then(const ReadingPtr& reading, Body body);
  [[nodiscard]] ReadingPtr begin(Done done) const;
  void end(const ReadingPtr& reading, base::Status status);

  void read_entries(const ReadingPtr& reading);
  void on_entries(const ReadingPtr& reading, base::Result<Records> page);
  void find_snapshot(const ReadingPtr& reading);
  void read_snapshots(const ReadingPtr& reading);
  void on_snapshots(const ReadingPtr& reading, base::Result<Records> page);
  void keep_newest(Reading& reading, Records& page) const;
  void on_newest(const ReadingPtr& reading);
  [[nodiscard]] base::Status take_snapshot(Reading& reading);
  void read_chunks(const ReadingPtr& reading);
  [[nodiscard]] Place next_chunk(const Reading& reading) const;
  [[nodiscard]] base::Status take_chunks(Reading& reading, const Records& page);
  void on_chunks(const ReadingPtr& reading, base::Result<Records> page);

  Store& store_;
  Chain& chain_;
  std::uint64_t snapshot_position_ = 0;
  Lifetime lifetime_;
};

}  // namespace concordat::keyservice::journal

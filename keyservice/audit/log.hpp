// The audit log as its custodian writes it: entries in, tiles and checkpoints into a store, word
// that an entry is durable out (AUDIT.md).
//
//   open     claim the log -> its checkpoint, signed by the log key -> its right edge, which must
//            lead to the checkpoint's root -> that it goes on from where it was handed over ->
//            it is handed to this log key, durably -> the boot's own entry, durable -> done
//   append   into the queue; while one batch is written the next one gathers
//   a batch  evidence, bundles and tiles -> the checkpoint, last. Acknowledged: its entries are
//            durable, and partial files of what is full now are removed. Otherwise the very
//            same bytes are offered again, before anything else
//   failed   a batch could not be put together, for want of memory or of a signature: nothing more
//            is written, and another boot goes on from the checkpoint that stands
//
// A batch that was cut short left tiles without a checkpoint: nobody was told that its entries are
// durable, the next boot goes on from the checkpoint that stands, and overwrites.
//
// No clock and no timer: an operation lasts as long as its calls of the store. One thread.
// Completions that are still to come are dropped when the log is destroyed.
#pragma once

#include <deque>
#include <memory>
#include <set>

#include "keyservice/audit/boot_statement.hpp"
#include "keyservice/audit/checkpoint.hpp"
#include "keyservice/audit/evidence.hpp"
#include "keyservice/audit/store.hpp"
#include "keyservice/audit/tile.hpp"
#include "keyservice/journal/lifetime.hpp"

namespace concordat::keyservice::audit {

// What is known, from elsewhere than the log's own files, of how it came from one log key to the
// next: whoever has the root of a key that was replaced can sign any checkpoint by it.
struct LogHandover {
  // With which it was handed to a newer key: nothing is gone on from that does not follow this one.
  std::optional<Checkpoint> at;
  // Keys that were replaced then: they count for that very checkpoint, from which nobody may have
  // gone on yet.
  std::vector<attest::SignerKey> replaced_keys;
  // Hands it to this boot's key, durably, with the checkpoint that it goes on from, before anything
  // is written under that key. Null: it has it already.
  std::function<void(const Checkpoint& from, Store::Done)> hand_over;
};

// What a boot brings. The keys outlive the log.
struct LogIdentity {
  std::string origin;  // realm and custodian, as a key's name: "lab.example/audit/custodian-1"
  BootId boot;
  const policy::Signer* boot_key = nullptr;
  const policy::Signer* log_key = nullptr;
  // Log keys of other root generations, newest first, by one of which the last checkpoint may be
  // signed.
  std::vector<attest::SignerKey> other_log_keys;
  LogHandover handover{};
};

// What shows that the boot's key is a custodian's: minted for its statement, under this policy and
// authority.
struct BootEvidence {
  base::Bytes document;
  base::Bytes policy;
  base::Bytes authority;
  std::string detail{};  // of the boot's entry
  // What the log says right behind it, and in the same batch, if no boot under this log key wrote
  // into it before.
  std::optional<Event> first{};
  std::vector<Evidence> first_evidence{};
};

class Log {
 public:
  using Done = Store::Done;
  // The entry's index in the log.
  using OnDurable = std::function<void(base::Result<std::uint64_t>)>;

  // Store and keys outlive this.
  Log(Store& store, LogIdentity identity);

  // Once, before anything else. After an error another boot id is needed, and so another log: what
  // was written may still come through. Refusals of what the store gives: file_missing,
  // file_damaged, malformed_note, malformed_checkpoint, other_origin, signature_invalid,
  // key_replaced, rolled_back, forked.
  void open(BootEvidence evidence, base::UnixMillis now, Done done);

  // `evidence`: content that the event is to refer to, besides what it refers to already.
  // Acknowledged: the entry is durable in its place. Any error but not_loaded and too_many_pending,
  // which write nothing: it may be in the log now or later. Throws for want of memory, and then
  // nothing is written and `done`, which must not throw, never runs.
  void append(Event event, std::vector<Evidence> evidence, base::UnixMillis now, OnDurable done);
  // Offers again what the store did not take. append does it, too.
  void flush() { write_next(); }

  [[nodiscard]] bool is_open() const noexcept { return is_open_; }
  [[nodiscard]] bool is_superseded() const noexcept { return is_superseded_; }
  [[nodiscard]] bool has_failed() const noexcept { return has_failed_; }
  // What is durable, as acknowledged last.
  [[nodiscard]] const Checkpoint& head() const noexcept { return head_; }
  // Of the last entry that is.
  [[nodiscard]] base::UnixMillis head_time() const noexcept { return head_time_; }
  [[nodiscard]] std::size_t pending() const noexcept { return queue_.size() + waiting_.size(); }
  [[nodiscard]] const std::string& origin() const noexcept { return identity_.origin; }

 private:
  struct Pending {
    Event event;
    base::UnixMillis now;
    OnDurable done;
  };
  struct Waiting {
    std::uint64_t index;
    OnDurable done;
  };
  struct Opening;
  using OpeningPtr = std::shared_ptr<Opening>;

  void end(const OpeningPtr& opening, base::Status status);
  template <class Body>
  [[nodiscard]] auto then(const OpeningPtr& opening, Body body);
  void read_checkpoint(const OpeningPtr& opening);
  void on_checkpoint(const OpeningPtr& opening, const std::optional<base::Bytes>& content);
  void read_edge(const OpeningPtr& opening);
  // Into the opening's files; `next` runs when it is there.
  void read_tile(const OpeningPtr& opening, const Tile& tile, std::function<void()> next);
  void check_edge(const OpeningPtr& opening);
  void check_handover(const OpeningPtr& opening);
  void hand_over(const OpeningPtr& opening);
  void begin_boot(const OpeningPtr& opening);
  // True: by this boot's own log key; false: by another root's.
  [[nodiscard]] base::Result<bool> check_signature(const SignedCheckpoint& head) const;
  [[nodiscard]] base::Result<bool> is_signed_by(const SignedCheckpoint& head,
                                                const attest::SignerKey& key) const;

  void enqueue(Event event, std::vector<Evidence> evidence, base::UnixMillis now, OnDurable done);
  void write_next();
  [[nodiscard]] base::Status make_batch();
  void take(Pending pending, std::vector<File>& files);
  void fail(const base::Error& error) noexcept;
  void offer() noexcept;
  void remove_partial(const std::vector<Tile>& filled) noexcept;
  void tell_all(const base::Error& error) noexcept;
  void on_written(const base::Status& written);

  Store& store_;
  LogIdentity identity_;
  bool is_open_ = false;
  bool is_superseded_ = false;
  bool has_failed_ = false;

  // The tree with everything that is durable or in the batch.
  TileTree tree_;
  base::Bytes bundle_;                     // of the last entries, as many as the partial tile has
  std::vector<std::uint64_t> tile_sizes_;  // by level: hashes that were in files when last written
  std::uint64_t sequence_ = 0;
  base::UnixMillis last_time_;
  Checkpoint head_;
  base::UnixMillis head_time_;

  std::deque<Pending> queue_;
  std::vector<File> evidence_;  // of the queue
  std::size_t evidence_bytes_ = 0;
  std::set<base::Sha256Digest> kept_;

  FilesPtr batch_;  // offered until the store takes it
  Checkpoint batch_head_;
  base::UnixMillis batch_time_;
  std::vector<Waiting> waiting_;  // for the batch
  std::vector<Tile> filled_;      // by the batch
  std::vector<OnDurable> told_;   // room for all that wait: telling them must not want memory
  unsigned writes_ = 0;
  bool is_writing_ = false;
  journal::Lifetime lifetime_;
};

}  // namespace concordat::keyservice::audit

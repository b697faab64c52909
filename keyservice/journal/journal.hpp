// A sealed, hash-chained log in an untrusted store, and the state that it makes: JOURNAL.md.
//
//   load      once, before anything else; again after a failure
//   append    decide on the state -> seal -> create at the next position
//               acknowledged         -> the state has it
//               position taken       -> fold the others' entries, decide again
//               anything else        -> look: ours is there, another's is, or neither:
//                                       offer the very same bytes again, then outcome_unknown
//
// Operations queue and run one after the other; a snapshot is written beside them. No clock and no
// timer: an operation lasts as long as its calls of the store. One thread. Completions that are
// still to come are dropped when the journal is destroyed.
#pragma once

#include <deque>
#include <functional>

#include "keyservice/journal/chain_reader.hpp"
#include "keyservice/journal/snapshot_writer.hpp"

namespace concordat::keyservice::journal {

class Journal {
 public:
  using Done = Store::Done;
  // The content of an entry, decided on the state as it is at the call, which must be content that
  // the state then takes; called again whenever others' entries came first. An error: nothing is
  // written, and append ends with it.
  using Decide = std::function<base::Result<base::SecretBytes>()>;
  // The head that the entry made; a later one may be the journal's already.
  using OnAppended = std::function<void(base::Result<Head>)>;

  // Store and fold outlive this.
  Journal(Store& store, Fold& fold, Sealer sealer);

  void load(Done done);
  // Folds what others wrote since.
  void refresh(Done done);
  // Acknowledged: the entry is durable in its place and folded. outcome_unknown: it may be there
  // now or appear later, and is folded then as anybody's. Any other error: it was not and will not
  // be written.
  void append(Decide decide, OnAppended done);
  // The same under `generation`, which takes over by it where another one sealed before. The
  // journal may be there already: that is for `decide` to see. unknown_generation,
  // generation_passed.
  void append_under(std::uint32_t generation, Decide decide, OnAppended done);
  // Of the state now; removes the entries that it replaces when it is acknowledged. Nothing to do
  // when no entry came since the last one.
  void write_snapshot(Done done);

  [[nodiscard]] bool is_loaded() const noexcept { return loaded_; }
  [[nodiscard]] const Head& head() const noexcept { return chain_.head(); }
  [[nodiscard]] std::uint32_t generation() const noexcept { return chain_.generation(); }
  // What an entry would be sealed under that is decided now.
  [[nodiscard]] SealedUnder next_sealed() const noexcept { return chain_.next_sealed(); }
  [[nodiscard]] std::uint64_t generation_since() const noexcept {
    return chain_.generation_since();
  }
  // Whether whoever reads it anew has to read what an older generation sealed.
  [[nodiscard]] bool needs_older_generation() const noexcept {
    return snapshot_position() < generation_since();
  }
  // Against a rolled back store stands only whoever saw a later head: Chain::check_seen.
  [[nodiscard]] base::Status check_seen(const Head& seen) const { return chain_.check_seen(seen); }
  [[nodiscard]] std::uint64_t entries_since_snapshot() const noexcept;
  [[nodiscard]] bool is_writing_snapshot() const noexcept { return snapshots_.is_busy(); }
  // Which can be read, and written under.
  void take(Keys keys) { chain_.take(std::move(keys)); }

 private:
  struct Appending {
    Decide decide;
    OnAppended done;
    std::uint32_t wanted_generation = 0;  // 0: the chain's
    std::uint32_t generation = 0;
    Place place;
    std::optional<Predecessor> after;
    base::SecretBytes content;
    base::Bytes sealed;
    base::Sha256Digest hash;
    unsigned attempts = 0;
    unsigned writes = 0;
    base::Error failure;  // of the last write
    bool may_be_written = false;
    bool could_be_written_before = false;  // the last write
  };
  using AppendingPtr = std::shared_ptr<Appending>;

  void enqueue(std::function<void()> task);
  void run_tasks();
  template <class Read>
  void enqueue_reading(Done done, Read read);
  template <class Completion>
  void end_task(const Completion& completion);
  void end(const AppendingPtr& appending, base::Result<Head> result);
  void fail(const AppendingPtr& appending, base::Error error);
  template <class Body>
  [[nodiscard]] auto then(const AppendingPtr& appending, Body body);

  [[nodiscard]] std::uint64_t snapshot_position() const noexcept {
    return std::max(reader_.snapshot_position(), snapshots_.position());
  }
  void attempt(const AppendingPtr& appending);
  [[nodiscard]] base::Status check_generation(std::uint32_t generation) const;
  void offer(const AppendingPtr& appending);
  void on_created(const AppendingPtr& appending, const base::Status& created);
  void look(const AppendingPtr& appending);
  void on_looked(const AppendingPtr& appending, const base::Status& followed);
  void on_nothing_there(const AppendingPtr& appending);

  Store& store_;
  Chain chain_;
  ChainReader reader_;
  SnapshotWriter snapshots_;
  bool loaded_ = false;
  std::deque<std::function<void()>> tasks_;
  bool is_busy_ = false;
  bool is_running_tasks_ = false;
  Lifetime lifetime_;
};

}  // namespace concordat::keyservice::journal

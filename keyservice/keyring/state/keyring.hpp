// The keyring as the custodian uses it: commands become entries of the journal and are done when
// these are acknowledged; keys and counters are read as they stand. No clock, no timer.
//
// What is read (`keys`) changes whenever a completion of the store runs: take what is needed of it
// at once. A command that ended with outcome_unknown may have been carried out; each can safely be
// repeated: creating again is told that the key exists, rotating again that the newest version is
// another one, and states and minimums are then what was asked for.
#pragma once

#include "keyservice/keyring/state/keyring_fold.hpp"
#include "keyservice/keyring/state/limits.hpp"
#include "keyservice/keyring/state/use_limits.hpp"

namespace concordat::keyservice {

class Keyring {
 public:
  using Done = journal::Journal::Done;
  // The key after the command.
  using OnKey = std::function<void(base::Result<KeySummary>)>;

  // `store` and the sealer's random source outlive this.
  Keyring(journal::Store& store, journal::Sealer sealer,
          std::uint64_t entries_per_snapshot = kEntriesPerSnapshot);

  // Once, before anything else; again after a failure. A refusal names the record.
  void load(Done done) { journal_.load(std::move(done)); }
  // Takes in what other custodians wrote.
  void refresh(Done done) { journal_.refresh(std::move(done)); }

  // As KeyTable's; not_loaded before the first load, when every name would pass for an implicit
  // key.
  [[nodiscard]] base::Result<UsableVersion> for_making(std::string_view name) const;
  [[nodiscard]] base::Result<UsableVersion> for_reading(std::string_view name,
                                                        std::uint32_t version) const;
  // To list and describe, and for due_rotations.
  [[nodiscard]] const KeyTable& keys() const noexcept { return fold_.table(); }
  [[nodiscard]] UseLimits& uses() noexcept { return uses_; }
  [[nodiscard]] const journal::Journal& journal() const noexcept { return journal_; }
  // Told after each change of a key by whomever, before the command that made it is done: what was
  // made of keys beside the table is to be forgotten. Must not call back.
  void on_change(std::function<void()> handler) { fold_.on_change(std::move(handler)); }
  // When the policy's root generations change.
  void take(journal::Keys keys) { journal_.take(std::move(keys)); }

  // What is derived comes from the generation that seals when the change is decided, for the last
  // time if others' changes came first; `root_generation` of a NewVersion is not looked at.

  // A new key; the material of `first` was checked by whoever made it.
  void create(CreateKey key, OnKey done);

  // The same where the name has no record yet; done where it has one, destroyed ones too. too_many
  // where `limit` keys whose names begin with `prefix` are there and not destroyed.
  struct Quota {
    std::string prefix;
    std::size_t limit = 0;
  };
  void create_once(CreateKey key, Quota quota, OnKey done);

  struct Rotation {
    std::string name;
    // Where it is another one, nothing is done (version_differs): who repeats this rotates once.
    std::uint32_t newest_version = 0;
    base::UnixMillis at;
    NewVersion made;
    bool implicit = false;  // a name without a record is meant, too: otherwise key_unknown
  };
  void rotate(Rotation rotation, OnKey done);

  // Version 0: the whole key. It is so already: done.
  void set_state(std::string name, std::uint32_t version, VersionState state, bool implicit,
                 OnKey done);
  void set_minimum(std::string name, std::uint32_t minimum, bool implicit, OnKey done);

  // One run of a session over a role's input; `counted`: how many of that input there are with it.
  // A run is counted once, however often it is asked. runs_used_up when `limit` others were counted
  // before; uses_not_recorded when the store failed, after which asking again is safe; too_many.
  using OnRun = std::function<void(base::Result<std::uint64_t> counted)>;
  void count_run(RunOfInput run, std::uint64_t limit, OnRun done);

  // `generation` seals from now on (generation_passed); names without a record go on to stand for
  // what they stood for. Then a snapshot, so that nothing older need be read again: its failure
  // undoes nothing and is told by last_snapshot. While another one is written it waits for that
  // one's end, and `done` does not wait. Done before: only the snapshot, if it is wanting, whose
  // failure is then `done`'s.
  void take_over(std::uint32_t generation, Done done);
  // Names without a record stand for `generation` from now on: others' bytes than before. It must
  // be the one that seals (generation_differs).
  void move_implicit(std::uint32_t generation, Done done);
  // An implicit key becomes a record with the bytes that it has now (generation_differs where
  // others moved it meanwhile); done where there is one already.
  void adopt(std::string name, OnKey done);

  // An audit log goes on under another log key, from that checkpoint on (log_handed_over); so it is
  // already: done.
  void hand_over(HandOverLog log, Done done);

  // By itself after so many entries; its failure leaves the journal longer and is told here.
  [[nodiscard]] const base::Status& last_snapshot() const noexcept { return last_snapshot_; }
  void write_snapshot(Done done);

 private:
  // What is to be changed, as the table stands; unchanged: nothing.
  using Decide = std::function<base::Result<base::SecretBytes>()>;
  void append(std::string name, Decide decide, OnKey done);
  void create_unless(CreateKey key, std::function<base::Status()> refused, OnKey done);
  void append_change(std::uint32_t generation, Decide decide, Done done);
  [[nodiscard]] std::uint32_t adopted(std::string_view name, bool implicit) const;
  void derive_from_sealing(NewVersion& made) const;
  // As content of an entry under the generation that seals, or of that one's first.
  [[nodiscard]] base::Result<base::SecretBytes> checked(const Change& change) const;
  [[nodiscard]] base::Result<base::SecretBytes> checked(const Change& change,
                                                        std::uint32_t generation) const;
  [[nodiscard]] base::Result<KeySummary> summary_of(const std::string& name) const;
  void snapshot_if_due();

  KeyringFold fold_;
  journal::Journal journal_;
  UseLimits uses_;
  std::uint64_t entries_per_snapshot_;
  base::Status last_snapshot_;
  journal::Lifetime lifetime_;
};

}  // namespace concordat::keyservice

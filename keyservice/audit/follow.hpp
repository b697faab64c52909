// A log that is still being written, as whoever watches it checks it: what was verified stays so,
// and only what came since is read. One file of the log at a time in memory, and the entries that
// came since the last look.
#pragma once

#include <memory>

#include "keyservice/audit/entry_check.hpp"
#include "keyservice/audit/tile.hpp"

namespace concordat::keyservice::audit {

class Follower {
 public:
  // Both outlive this.
  Follower(Source& source, const Expectations& expectations)
      : source_(source), expectations_(expectations) {}

  // Looks once. Every entry that the log grew by is told when it is known that the checkpoint
  // commits to it. False when the log is not what it was, or not good: findings() says why, and
  // there is nothing more to follow. Errors, after which one may look again: the source's, and
  // file_missing where the log moved on meanwhile.
  [[nodiscard]] base::Result<bool> look(
      const std::function<void(std::uint64_t index, const Entry& entry)>& on_entry);

  [[nodiscard]] const Findings& findings() const noexcept { return findings_.all(); }
  // What was verified; size 0 before there was anything.
  [[nodiscard]] const Checkpoint& head() const noexcept { return head_; }

 private:
  struct Growth {
    std::vector<base::Bytes> bundles;
    std::vector<base::BytesView> entries;
    std::vector<Hash> leaves;  // of the entries, when check_growth has looked at them
  };
  [[nodiscard]] base::Result<base::Bytes> read(const std::string& name, std::size_t max);
  [[nodiscard]] base::Result<Growth> read_growth(std::uint64_t size);
  [[nodiscard]] bool is_of_the_same_log(const Checkpoint& head);
  // That what was verified is how the log begins, or says that it is not.
  void check_growth(const Checkpoint& head, Growth& growth);
  void tell_fork(const Checkpoint& head);

  Source& source_;
  const Expectations& expectations_;
  FindingList findings_;
  std::unique_ptr<EntryCheck> entries_;  // from the first checkpoint on
  TileTree tree_;
  Checkpoint head_;
  base::Bytes note_;  // of head_
};

}  // namespace concordat::keyservice::audit

// Whether the store still holds what somebody alive saw of it. A journal alone cannot notice that
// it ends earlier than it did; a peer that was told a later head can, and says so, and so can a
// custodian that read the journal before its root went.
#pragma once

#include <map>

#include "keyservice/head_record.hpp"
#include "keyservice/journal/journal.hpp"

namespace concordat::keyservice {

class HeadWatch {
 public:
  // Heads that are waited for at a time. The lowest and the highest are always among them.
  static constexpr std::size_t kMaxMissing = 1024;

  // A head that a custodian of this realm vouched for, whoever brings it.
  void take_seen(const VouchedHead& seen);
  // One's own, of a journal that is about to be read anew. Needs no memory.
  void keep_own(const journal::Head& own) noexcept;
  // Whether the journal has every head that was brought. rolled_back: it ends before one; what the
  // store gives later may heal that. forked: another entry stands where one was, or it went on for
  // so long without one that this cannot be told any more; nothing heals that.
  [[nodiscard]] base::Status check(const journal::Journal& journal);
  // What is waited for: one's own, and of what others brought the lowest and the highest, as they
  // came. None once forked: which of two is true this one cannot say.
  [[nodiscard]] std::optional<journal::Head> missing_own() const {
    return forked_ ? std::nullopt : own_;
  }
  [[nodiscard]] std::vector<VouchedHead> missing_ends() const;

 private:
  struct Missing {
    VouchedHead seen;
    bool was_later = false;  // than the journal, when it was looked at
  };
  // Success, too, of one that was too old to be compared already when it came.
  [[nodiscard]] base::Status find(const journal::Journal& journal, const journal::Head& seen,
                                  bool was_later);

  std::map<std::uint64_t, Missing> missing_;  // not found in the journal yet, by position
  std::optional<journal::Head> own_;
  std::optional<base::Error> forked_;
};

}  // namespace concordat::keyservice

#include "keyservice/head_watch.hpp"

#include "keyservice/journal/errc.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Status;

void HeadWatch::take_seen(const VouchedHead& seen) {
  const std::uint64_t position = seen.head.position;
  if (forked_ || position == 0) return;
  const auto found = missing_.find(position);
  if (found != missing_.end()) {
    VouchedHead& known = found->second.seen;
    if (known.head != seen.head) {
      forked_ = Error(journal::Errc::forked,
                      "two peers saw different entries at position " + std::to_string(position));
    } else if (known.generation < seen.generation) {
      known = seen;  // which is believed for longer
    }
    return;
  }
  if (missing_.size() == kMaxMissing) {
    const bool is_outside =
        position < missing_.begin()->first || position > missing_.rbegin()->first;
    if (!is_outside) return;
    missing_.erase(std::next(missing_.begin()));
  }
  missing_.emplace(position, Missing{seen});
}

void HeadWatch::keep_own(const journal::Head& own) noexcept {
  // One that is waited for was not found: this journal's may be a fork's.
  if (own.position != 0 && !own_) own_ = own;
}

std::vector<VouchedHead> HeadWatch::missing_ends() const {
  std::vector<VouchedHead> out;
  if (forked_ || missing_.empty()) return out;
  out.push_back(missing_.begin()->second.seen);
  if (missing_.size() > 1) out.push_back(missing_.rbegin()->second.seen);
  return out;
}

Status HeadWatch::find(const journal::Journal& journal, const journal::Head& seen, bool was_later) {
  const Status found = journal.check_seen(seen);
  if (found || found.error().is(journal::Errc::rolled_back)) return found;
  if (found.error().is(journal::Errc::head_too_old) && !was_later) return {};
  forked_ = Error(journal::Errc::forked, found.error().detail());
  return *forked_;
}

Status HeadWatch::check(const journal::Journal& journal) {
  if (forked_) return *forked_;
  if (own_) {
    CONCORDAT_CHECK(find(journal, *own_, true));
    own_.reset();
  }
  while (!missing_.empty()) {
    const Missing& first = missing_.begin()->second;
    const Status found = find(journal, first.seen.head, first.was_later);
    if (!found) {
      for (auto& [later, each] : missing_)
        each.was_later = each.was_later || later > journal.head().position;
      return found;
    }
    missing_.erase(missing_.begin());
  }
  return {};
}

}  // namespace concordat::keyservice

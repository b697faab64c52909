#include "keyservice/head_watch.hpp"

#include "keyservice/journal/errc.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Status;

void HeadWatch::take_seen(const journal::Head& seen) {
  if (forked_ || seen.position == 0) return;
  const auto found = missing_.find(seen.position);
  if (found != missing_.end()) {
    if (found->second.hash == seen.hash) return;
    forked_ = Error(journal::Errc::forked,
                    "two peers saw different entries at position " + std::to_string(seen.position));
    return;
  }
  if (missing_.size() == kMaxMissing) {
    const bool is_outside =
        seen.position < missing_.begin()->first || seen.position > missing_.rbegin()->first;
    if (!is_outside) return;
    missing_.erase(std::next(missing_.begin()));
  }
  missing_.emplace(seen.position, Missing{seen.hash});
}

void HeadWatch::keep_own(const journal::Head& own) noexcept {
  if (own.position != 0 && (!own_ || own_->position <= own.position)) own_ = own;
}

std::vector<journal::Head> HeadWatch::missing_ends() const {
  std::vector<journal::Head> out;
  if (forked_) return out;
  if (own_) out.push_back(*own_);
  if (missing_.empty()) return out;
  const auto& [lowest, first] = *missing_.begin();
  const auto& [highest, last] = *missing_.rbegin();
  out.push_back({lowest, first.hash});
  if (highest != lowest) out.push_back({highest, last.hash});
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
    auto& [position, seen] = *missing_.begin();
    const Status found = find(journal, {position, seen.hash}, seen.was_later);
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

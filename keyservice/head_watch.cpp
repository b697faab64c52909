#include "keyservice/head_watch.hpp"

#include "keyservice/journal/errc.hpp"

namespace concordat::keyservice {

void HeadWatch::take_seen(const journal::Head& seen) {
  if (forked_) return;
  if (latest_ && latest_->position == seen.position && latest_->hash != seen.hash) {
    forked_ = base::Error(journal::Errc::forked, "two peers saw different entries at position " +
                                                     std::to_string(seen.position));
  } else if (!latest_ || latest_->position < seen.position) {
    latest_ = seen;
  }
}

base::Status HeadWatch::check(const journal::Journal& journal) {
  if (forked_) return *forked_;
  if (!latest_) return {};
  const base::Status found = journal.check_seen(*latest_);
  if (!found && found.error().is(journal::Errc::rolled_back)) return found;
  if (!found && found.error().is(journal::Errc::forked)) {
    forked_ = found.error();
    return found;
  }
  // There, or so long ago that this journal, which goes on behind it, cannot tell.
  latest_.reset();
  return {};
}

}  // namespace concordat::keyservice

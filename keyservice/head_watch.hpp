// Whether the store still holds what somebody alive saw of it. A journal alone cannot notice that
// it ends earlier than it did; a peer that was told a later head can, and says so.
#pragma once

#include "keyservice/journal/journal.hpp"

namespace concordat::keyservice {

class HeadWatch {
 public:
  // A head that a custodian of this realm vouched for, whoever brings it.
  void take_seen(const journal::Head& seen);
  // Whether the journal has every head that was brought. rolled_back: it ends before one; what the
  // store gives later may heal that. forked: another entry stands where one was, which nothing
  // heals.
  [[nodiscard]] base::Status check(const journal::Journal& journal);

 private:
  std::optional<journal::Head> latest_;  // that was not found in the journal yet
  std::optional<base::Error> forked_;
};

}  // namespace concordat::keyservice

// What an operator is answered, as records that are made one by one as its channel takes them.
#pragma once

#include <memory>

#include "keyservice/admin_messages.hpp"
#include "keyservice/custody.hpp"

namespace concordat::keyservice {

class AdminAnswer {
 public:
  virtual ~AdminAnswer() = default;
  // nullopt after the last one or the failure.
  [[nodiscard]] virtual std::optional<base::Bytes> next() = 0;
};

[[nodiscard]] std::unique_ptr<AdminAnswer> one_record(base::Bytes record);

// What listings are made from. `custody` outlives the answer; a root that goes, or that the policy
// no longer pins, ends it with a failure.
struct Listing {
  Custody& custody;
  policy::PolicyPtr policy;
  std::uint64_t id = 0;
};
// Keys with a record whose names the pattern matches, ascending. The table may change between two
// parts: each goes on behind the name that was shown last, so that no key is shown twice, and one
// that is there all the time is shown.
[[nodiscard]] base::Result<std::unique_ptr<AdminAnswer>> list_keys(Listing listing,
                                                                   std::string pattern);
// The versions of one key, and then the key itself.
[[nodiscard]] base::Result<std::unique_ptr<AdminAnswer>> describe_key(Listing listing,
                                                                      std::string name);

}  // namespace concordat::keyservice

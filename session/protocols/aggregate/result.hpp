// Totals of all parties, as text: the same bytes at each.
#pragma once

#include <vector>

#include "session/protocols/aggregate/parameters.hpp"
#include "session/protocols/aggregate/words.hpp"

namespace concordat::session::aggregate {

// `shown`: of each group of all breakdowns, one behind the other, whether it is; `totals`: the
// words of those that are. impossible_total where no tables within the bounds have them, which
// somebody's wrong shares lead to.
[[nodiscard]] base::Result<base::Bytes> format_result(const Parameters& parameters,
                                                      const std::vector<bool>& shown,
                                                      const std::vector<SignedWord>& totals);

}  // namespace concordat::session::aggregate

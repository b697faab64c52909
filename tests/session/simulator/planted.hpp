// Whether a planted bug is switched on (tests/session/plant_bugs.py).
#pragma once

#include <string_view>

namespace concordat::session::test {

inline std::string_view the_planted_bug;

[[nodiscard]] inline bool planted(std::string_view bug) {
  return bug == the_planted_bug;
}

}  // namespace concordat::session::test

namespace concordat::session::messaging {
using test::planted;
}

// Each planted bug must break a promise within the seeds of the simulator's own test.
#include <iostream>

#include "tests/session/simulator/planted.hpp"
#include "tests/session/simulator/simulate.hpp"

using namespace concordat::session::test;

namespace {

constexpr std::uint64_t kSeeds = 100;

bool is_caught(std::string_view bug) {
  the_planted_bug = bug;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Report report = simulate_test_protocol(seed);
    if (report.broken.empty()) continue;
    std::cout << bug << ": " << report.text() << "\n";
    return true;
  }
  std::cout << bug << ": not caught in " << kSeeds << " runs\n";
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  bool all = argc > 1;
  for (int i = 1; i < argc; ++i)
    all = is_caught(argv[i]) && all;
  return all ? 0 : 1;
}

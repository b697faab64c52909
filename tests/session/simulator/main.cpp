// Runs in virtual time, each by its seed. --seeds N runs as many (nightly: ten thousand), --first N
// begins with another one, --verbose says what happened in each.
#include <charconv>
#include <chrono>
#include <iostream>
#include <string_view>

#include "tests/session/simulator/simulate.hpp"

using namespace concordat::session::test;

namespace {

struct Options {
  std::uint64_t seeds = 100;
  std::uint64_t first = 1;
  bool verbose = false;
};

bool read_number(std::string_view text, std::uint64_t& out) {
  return std::from_chars(text.data(), text.data() + text.size(), out).ec == std::errc();
}

bool read_options(int argc, char** argv, Options& out) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--verbose") {
      out.verbose = true;
    } else if (i + 1 < argc && (option == "--seeds" || option == "--first")) {
      if (!read_number(argv[++i], option == "--seeds" ? out.seeds : out.first)) return false;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!read_options(argc, argv, options)) {
    std::cerr << "usage: " << argv[0] << " [--seeds N] [--first N] [--verbose]\n";
    return 1;
  }
  std::uint64_t broken = 0;
  std::uint64_t finished = 0;
  std::uint64_t convicting = 0;
  for (std::uint64_t seed = options.first; seed < options.first + options.seeds; ++seed) {
    const Report report = simulate_test_protocol(seed);
    finished += report.finished > 0;
    convicting += report.convicting > 0;
    if (options.verbose || !report.broken.empty()) std::cout << report.text() << std::endl;
    broken += !report.broken.empty();
  }
  std::cout << options.seeds << " runs: " << finished << " with an output, " << convicting
            << " with a conviction, " << broken << " that broke a promise\n";
  return broken == 0 && finished > 0 && convicting > 0 ? 0 : 1;
}

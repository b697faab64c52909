// How much a session of ten parties costs to form, beyond the handshakes of which it consists.
#include <stdexcept>

#include "bench/handshake.hpp"
#include "bench/timing.hpp"
#include "tests/session_forming/session_world.hpp"

namespace concordat::bench {
namespace {

constexpr std::size_t kFormingParties = 10;
constexpr double kHandshakes = kFormingParties * (kFormingParties - 1) / 2.0;

class Formation {
 public:
  Formation() : world_(kFormingParties), descriptor_(world_.descriptor()) {
    for (session::PartyIndex index = 1; index <= kFormingParties; ++index)
      enclaves_.push_back(world_.enclave(index));
    (void)run();  // leaf certificates are made, and known to each other
  }

  // CPU of all ten, from the first dial to the last signature. Policies are read before.
  double run() {
    session::RelayNet net(world_, ++seed_);
    for (session::PartyIndex index = 1; index <= kFormingParties; ++index)
      net.start(index, descriptor_, enclaves_[index - 1]);
    const double start = thread_seconds();
    net.run(std::chrono::seconds(20));
    const double total = thread_seconds() - start;
    for (const session::Instance& instance : net.instances()) {
      if (!instance.formed) throw std::runtime_error("a session did not form");
    }
    return total;
  }

 private:
  session::SessionWorld world_;
  session::DescriptorPtr descriptor_;
  std::vector<std::shared_ptr<lab::SoftwareNsm>> enclaves_;
  std::uint64_t seed_ = 0;
};

double forming_ratio(int rounds, double slice) {
  static Formation formation;
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    double total = 0;
    int done = 0;
    for (; total < slice; ++done)
      total += formation.run();
    ratios.push_back(total / done / (kHandshakes * handshake_seconds(slice)));
  }
  return median(std::move(ratios));
}

}  // namespace

std::vector<Ratio> session_forming_ratios() {
  return {{"session_form_10", "CPU of forming a session of ten parties, over 45 full handshakes",
           false, 1.3, forming_ratio}};
}

}  // namespace concordat::bench

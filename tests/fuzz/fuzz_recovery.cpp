// What restoring reads of what anybody may have carried: packages, sets, contributions, orders.
// What is taken is written again to the same bytes.
#include <cstdlib>

#include "keyservice/recovery/status.hpp"

using namespace concordat;
using namespace concordat::keyservice;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

template <class Order>
void read_order(base::BytesView bytes) {
  if (const auto order = policy::parse_order<Order>(base::as_text(bytes))) {
    const std::string written = policy::encode(*order);
    const auto again = policy::parse_order<Order>(written);
    require(again && policy::encode(*again) == written);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView bytes(data, size);
  if (const auto package = recovery::parse_package(bytes)) {
    require(base::equal(recovery::encode(*package), bytes));
    (void)recovery::RecoverySet::parse(package->set);
  }
  if (const auto set = recovery::RecoverySet::parse(bytes)) {
    require(set->threshold() >= 1 && set->threshold() <= set->holders().size());
    require(set->index_of(set->holders().back().name) == set->holders().size());
  }
  if (const auto contribution = recovery::parse_contribution(bytes)) {
    require(base::equal(recovery::encode(*contribution), bytes));
  }
  if (const auto status = recovery::decode_status(bytes)) {
    require(base::equal(recovery::encode(*status), bytes));
  }
  read_order<policy::MakeOrder>(bytes);
  read_order<policy::RestoreOrder>(bytes);
  return 0;
}

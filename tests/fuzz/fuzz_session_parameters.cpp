// A descriptor's parameters: what is taken is within its limits, and a party with such parameters
// can be made. The first byte is the number of parties.
#include <cstdlib>

#include "session/protocols/aggregate/kind.hpp"
#include "session/protocols/aggregate/limits.hpp"
#include "session/protocols/aggregate/parameters.hpp"
#include "session/protocols/psi_size/kind.hpp"

namespace {

using namespace concordat;
using namespace session;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const base::BytesView text(data + 1, size - 1);
  const std::size_t parties = data[0];
  if (const auto taken = psi_size::kind().take(text, parties, 0)) require(parties == 2);
  const auto parsed = aggregate::parse_parameters(text, parties);
  require(parsed.has_value() == aggregate::kind().take(text, parties, 0).has_value());
  if (!parsed) return 0;
  require(parsed->words() >= 1 && parsed->words() <= aggregate::kMostWords);
  require(parsed->tested_groups() * parsed->min_group_size <= aggregate::kMostCiphertexts);
  for (const auto& breakdown : parsed->breakdowns) {
    require(breakdown.groups() >= 1 && (!breakdown.by || *breakdown.by < parsed->columns.size()));
    for (const auto& measure : breakdown.measures)
      require(parsed->columns.at(measure.column).is_number);
  }
  return 0;
}

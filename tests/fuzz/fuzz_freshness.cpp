// Freshness statements as they come from a parent: bare payloads and envelopes. What parses must
// survive being written and read again.
#include <cstdlib>

#include "policy/freshness.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace concordat;
  const base::BytesView bytes(data, size);
  if (const auto fields = policy::parse_freshness(base::as_text(bytes))) {
    const auto again = policy::parse_freshness(policy::encode_freshness(*fields));
    if (!again || again->digest != fields->digest || again->time != fields->time) std::abort();
  }
  (void)policy::peek_freshness(bytes);
  return 0;
}

// Orders of operators to a party's enclave, and its reports: either nothing is read, or it is
// written again as it was.
#include <algorithm>
#include <cstdlib>

#include "attest/base/secret_access.hpp"
#include "session/host/control.hpp"

using namespace concordat;
using namespace concordat::session::host;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  base::Bytes bytes(data, data + size);
  base::Bytes copy = bytes;
  const auto record = base::SecretBytes::take(copy);
  if (const auto order = decode_order(record)) {
    if (!(encode(*order) == record)) std::abort();
  }
  if (const auto report = decode_report(record)) {
    const base::Bytes again = encode(*report);
    const bool is_cut = std::holds_alternative<RunEnded>(*report);  // of each party less is said
    if (!is_cut && again != bytes) std::abort();
  }
  return 0;
}

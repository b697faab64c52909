// What the protocols of frost/ read: descriptors' parameters (the first two bytes are the numbers
// of parties and the threshold), groups, shares, commitments. What is taken is written again to the
// same bytes.
#include <cstdlib>

#include "attest/base/secret_access.hpp"
#include "session/protocols/frost/kinds.hpp"
#include "session/protocols/frost/nonces.hpp"

namespace {

using namespace concordat;
using namespace concordat::session;

void require(bool holds) {
  if (!holds) std::abort();
}

void read_parameters(base::BytesView text, std::size_t parties, std::size_t threshold) {
  for (const ProtocolKind& kind : frost::kinds())
    require(!kind.take(text, parties, threshold) || threshold >= frost::kMinThreshold);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView bytes(data, size);
  if (size >= 2) read_parameters(bytes.subspan(2), data[0], data[1]);
  if (const auto group = frost::GroupInfo::decode(bytes)) {
    require(base::equal(group->encoded(), bytes));
    require(group->threshold() <= group->holders() && group->holders() <= frost::kMaxHolders);
  }
  base::Bytes copy = base::to_bytes(bytes);
  if (const auto share = frost::KeyShare::decode(base::SecretBytes::take(copy))) {
    require(base::equal(share->encoded().expose(base::SecretAccess{}), bytes));
  }
  if (const auto commitment = frost::NonceCommitment::decode(bytes)) {
    require(base::equal(commitment->encoded(), bytes));
  }
  return 0;
}

// What custodians say to one another, and to workers unasked: either nothing is read, or it is
// written again as it was.
#include <cstdlib>

#include "attest/base/secret_access.hpp"
#include "keyservice/heartbeat.hpp"
#include "keyservice/replica_messages.hpp"

using namespace concordat;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView record(data, size);
  const auto request = keyservice::decode_root_request(record);
  if (request && !base::equal(keyservice::encode(*request), record)) std::abort();
  const auto sign = keyservice::decode_sign_of_life(record);
  if (sign && *sign && !base::equal(keyservice::encode(**sign), record)) std::abort();
  if (size == 0) return 0;
  base::Bytes copy = base::to_bytes(record);
  const auto answer = keyservice::decode_root_answer(base::SecretBytes::take(copy));
  if (!answer) return 0;
  const auto again = keyservice::encode(*answer);
  if (!base::equal(again.expose(base::SecretAccess{}), record)) std::abort();
  return 0;
}

// Requests of operators, whose bytes come from whoever holds an operator's key: what is taken is
// written again to the same request, and its id is known even of what is refused.
#include <cstdlib>

#include "attest/base/secret_access.hpp"
#include "keyservice/admin_messages.hpp"

using namespace concordat;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView record(data, size);
  const std::uint64_t id = keyservice::request_id_of(record);
  const auto request = keyservice::decode_admin_request(record);
  if (!request) return 0;
  require(request->id == id);
  const base::SecretBytes written = keyservice::encode(*request);
  const auto again = keyservice::decode_admin_request(written.expose(base::SecretAccess{}));
  require(again.has_value());
  require(again->operation() == request->operation());
  require(again->key_name() == request->key_name());
  require(keyservice::encode(*again) == written);
  return 0;
}

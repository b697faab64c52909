// Requests to the worker agent: a first byte that chooses the method, a target up to the first line
// feed, and a body. What is taken keeps its bounds and can be sent on.
#include <cstdlib>

#include "keyservice/agent/call.hpp"
#include "keyservice/keyring/operation_limits.hpp"
#include "policy/key_pattern.hpp"

using namespace concordat;
namespace agent = concordat::keyservice::agent;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t line = std::min(rest.find('\n'), rest.size());
  const auto target = agent::parse_target(data[0] % 2 == 0 ? "GET" : "POST", rest.substr(0, line));
  if (!target) return 0;
  require(target->name.empty() || policy::check_key_name(target->name).has_value());
  require(target->associated.size() <= keyservice::kMaxAssociatedData);
  require(target->timeout_seconds <= agent::kMaxReadyWaitSeconds);
  if (target->nonce) require(target->nonce->size() <= agent::kMaxApplicationData);
  const std::string_view body = line == rest.size() ? "" : rest.substr(line + 1);
  const auto request = agent::parse_body(*target, base::as_bytes(body));
  if (!request) return 0;
  require(keyservice::key_name(*request) == target->name);
  const auto record = keyservice::encode(1, *request);
  require(record.size() <= std::size_t{64} * 1024);  // a record of the channel
  return 0;
}

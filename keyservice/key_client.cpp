#include "keyservice/key_client.hpp"

#include "keyservice/error.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;
using base::Status;

Result<std::uint64_t> PendingRequests::add(policy::Operation operation,
                                           base::MonotonicMillis deadline, Done done) {
  if (waiting_.size() >= kMaxPending) return Error(Errc::overloaded, "requests in flight");
  const std::uint64_t id = next_id_++;
  waiting_.emplace(id, Waiting{operation, deadline, std::move(done)});
  return id;
}

Status PendingRequests::on_response(const base::SecretBytes& record) {
  CONCORDAT_TRY(const std::uint64_t id, response_id(record));
  if (forgotten_.erase(id) != 0) return {};
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) {
    return Error(Errc::malformed_response, "to request " + std::to_string(id));
  }
  Waiting waiting = std::move(found->second);
  waiting_.erase(found);
  auto response = decode_response(record, waiting.operation);
  if (!response) {
    waiting.done(response.error());
    return response.error();
  }
  waiting.done(std::move(response->body));
  return {};
}

void PendingRequests::expire(base::MonotonicMillis now) {
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (at->second.deadline > now) {
      ++at;
      continue;
    }
    const Waiting late = std::move(at->second);
    if (forgotten_.size() == kMaxForgotten) forgotten_.erase(forgotten_.begin());
    forgotten_.insert(at->first);
    at = waiting_.erase(at);
    late.done(Error(Errc::timed_out));
  }
}

void PendingRequests::fail_all(const Error& why) {
  const auto all = std::exchange(waiting_, {});
  forgotten_.clear();
  for (const auto& [id, waiting] : all)
    waiting.done(why);
}

void PendingRequests::fail(std::uint64_t id, const Error& why) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return;
  const Waiting waiting = std::move(found->second);
  waiting_.erase(found);
  waiting.done(why);
}

}  // namespace concordat::keyservice

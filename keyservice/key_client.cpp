#include "keyservice/key_client.hpp"

#include "keyservice/error.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;
using base::Status;

Result<std::uint64_t> PendingRequests::add(std::optional<policy::Operation> operation,
                                           base::MonotonicMillis deadline, Done done,
                                           bool may_move) {
  if (waiting_.size() >= kMaxPending) return Error(Errc::overloaded, "requests in flight");
  const std::uint64_t id = next_id_++;
  waiting_.emplace(id, Waiting{operation, deadline, std::move(done), may_move});
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

template <class IsOver>
void PendingRequests::give_up(const IsOver& is_over, const Error& why) {
  // Callers may ask again from within: for all that is over first.
  std::vector<Done> over;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (!is_over(at->second)) {
      ++at;
      continue;
    }
    over.push_back(std::move(at->second.done));
    if (forgotten_.size() == kMaxForgotten) forgotten_.erase(forgotten_.begin());
    forgotten_.insert(at->first);
    at = waiting_.erase(at);
  }
  for (const Done& done : over)
    done(why);
}

void PendingRequests::expire(base::MonotonicMillis now) {
  give_up([now](const Waiting& waiting) { return waiting.deadline <= now; },
          Error(Errc::timed_out));
}

void PendingRequests::take_back(const Error& why) {
  give_up([](const Waiting& waiting) { return waiting.may_move; }, why);
}

void PendingRequests::fail_all(const Error& why) {
  const auto all = std::exchange(waiting_, {});
  forgotten_.clear();
  for (const auto& [id, waiting] : all)
    waiting.done(why);
}

}  // namespace concordat::keyservice

// The worker's side of requests over one channel: ids, waiting callers, deadlines. No I/O, no
// clock. One thread.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "attest/base/clock.hpp"
#include "keyservice/messages.hpp"

namespace concordat::keyservice {

class PendingRequests {
 public:
  using Done = std::function<void(base::Result<ResponseBody>)>;
  static constexpr std::size_t kMaxPending = 1024;
  // Of those that ended, with an answer that may still come: it is dropped, not taken for a
  // stranger's.
  static constexpr std::size_t kMaxForgotten = 4096;

  // Takes the caller in under a new id, or fails with overloaded. `may_move`: see take_back.
  [[nodiscard]] base::Result<std::uint64_t> add(std::optional<policy::Operation> operation,
                                                base::MonotonicMillis deadline, Done done,
                                                bool may_move = true);
  // Gives a response to its caller. A response to an id that nobody waits for, or of another shape
  // than its request asks for, is an error of the channel.
  [[nodiscard]] base::Status on_response(const base::SecretBytes& record);
  // Ends those whose deadline has passed with timed_out.
  void expire(base::MonotonicMillis now);
  // Ends all, as when the channel ends.
  void fail_all(const base::Error& why);
  // Ends those that may be sent elsewhere; answers to them that still come are dropped.
  void take_back(const base::Error& why);
  // One that could not be sent: its caller is not told.
  void forget(std::uint64_t id) { waiting_.erase(id); }

  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }

 private:
  struct Waiting {
    std::optional<policy::Operation> operation;
    base::MonotonicMillis deadline;
    Done done;
    bool may_move;
  };
  // Ends each of which `is_over` says so, as one whose answer may still come.
  template <class IsOver>
  void give_up(const IsOver& is_over, const base::Error& why);

  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, Waiting> waiting_;
  std::set<std::uint64_t> forgotten_;
};

}  // namespace concordat::keyservice

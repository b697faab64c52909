// The parent's store in memory, for tests: several custodians see one, each through a MemoryStore
// of its own. Completions wait until `run`; failures are chosen by the number of the call.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include "keyservice/journal/store.hpp"

namespace concordat::test {

class MemoryStore final : public keyservice::journal::Store {
 public:
  using Records = keyservice::journal::Records;

  // What is stored and what is still to be answered, for all who share it.
  struct Shared {
    std::map<std::string, base::Bytes> records;
    std::multimap<std::string, base::Bytes> ever;  // with those that were removed since
    std::deque<std::function<void()>> waiting;
    std::size_t read_bytes = SIZE_MAX;  // lower: answers come in more pages

    // Until nobody waits. `pick(n)` chooses which of n goes next; none: in order.
    void run(const std::function<std::size_t(std::size_t)>& pick = {});
  };

  enum class Failure {
    refused,      // does nothing: unreachable
    lost_answer,  // does it, and says unreachable
    late,         // says unreachable, and does it before the second call from now
    full,         // for writes: does nothing, says store_full
  };

  explicit MemoryStore(Shared& shared) : shared_(shared) {}

  void create(const std::string& name, const std::optional<keyservice::journal::Predecessor>& after,
              base::Bytes value, Done done) override;
  void read(const std::string& prefix, const std::string& after, std::size_t max_bytes,
            OnRecords done) override;
  void remove(const std::string& prefix, const std::string& before, Done done) override;

  // The call of this number, counted from 1, fails so.
  void fail_call(std::size_t number, Failure failure) { failing_[number] = failure; }
  void fail_all(std::optional<Failure> failure) { fails_always_ = failure; }
  void fail_no_more() {
    failing_.clear();
    fails_always_.reset();
  }
  // Seen before each create: another writer comes first, or a test counts.
  std::function<void(const std::string& name)> before_create;
  [[nodiscard]] std::size_t calls() const noexcept { return calls_; }
  [[nodiscard]] std::size_t creates() const noexcept { return creates_; }
  // In the answers' order, as the call is made: false answers inside the call.
  bool answers_later = true;

 private:
  template <class Answer, class Completion>
  void answer(bool is_write, const std::function<Answer()>& perform, Completion done);

  Shared& shared_;
  std::map<std::size_t, Failure> failing_;
  std::optional<Failure> fails_always_;
  std::size_t calls_ = 0;
  std::size_t creates_ = 0;
  std::vector<std::pair<std::size_t, std::function<void()>>> late_;
};

}  // namespace concordat::test

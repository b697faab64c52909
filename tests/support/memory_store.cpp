#include "tests/support/memory_store.hpp"

#include "keyservice/journal/errc.hpp"
#include "keyservice/journal/record.hpp"

namespace concordat::test {

using base::Result;
using base::Status;
using keyservice::journal::Errc;
using keyservice::journal::Record;

void MemoryStore::Shared::run(const std::function<std::size_t(std::size_t)>& pick) {
  while (!waiting.empty()) {
    const auto next =
        waiting.begin() + static_cast<std::ptrdiff_t>(pick ? pick(waiting.size()) : 0);
    const auto task = std::move(*next);
    waiting.erase(next);
    task();
  }
}

template <class Answer, class Completion>
void MemoryStore::answer(bool is_write, const std::function<Answer()>& perform, Completion done) {
  ++calls_;
  std::erase_if(late_, [this](const auto& late) {
    if (late.first > calls_) return false;
    late.second();
    return true;
  });
  const auto failing = failing_.find(calls_);
  std::optional<Failure> failure = fails_always_;
  if (failing != failing_.end()) failure = failing->second;
  const auto reply = [&]() -> Answer {
    const base::Error no_answer(Errc::unreachable, "the connection broke");
    if (!failure) return perform();
    if (*failure == Failure::full && is_write) return base::Error(Errc::store_full);
    if (*failure == Failure::lost_answer) (void)perform();
    if (*failure == Failure::late) late_.emplace_back(calls_ + 2, [perform] { (void)perform(); });
    return no_answer;
  };
  Answer result = reply();
  if (!answers_later) return done(std::move(result));
  shared_.waiting.emplace_back(
      [done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
}

void MemoryStore::create(const std::string& name,
                         const std::optional<keyservice::journal::Predecessor>& after,
                         base::Bytes value, Done done) {
  ++creates_;
  if (before_create) before_create(name);
  answer<Status>(
      true,
      [&shared = shared_, name, after, value = std::move(value)]() -> Status {
        auto& records = shared.records;
        if (records.contains(name)) return base::Error(Errc::position_taken, name);
        const auto before = after ? records.find(after->name) : records.end();
        if (after && (before == records.end() ||
                      keyservice::journal::hash_of(before->second) != after->hash)) {
          return base::Error(Errc::predecessor_missing, after->name);
        }
        records[name] = value;
        shared.ever.emplace(name, value);
        return {};
      },
      std::move(done));
}

void MemoryStore::read(const std::string& prefix, const std::string& after, std::size_t max_bytes,
                       OnRecords done) {
  answer<Result<Records>>(
      false,
      [this, prefix, after, max_bytes]() -> Result<Records> {
        Records page;
        std::size_t room = std::min(max_bytes, shared_.read_bytes);
        auto at = std::max(prefix, after) == after ? shared_.records.upper_bound(after)
                                                   : shared_.records.lower_bound(prefix);
        for (; at != shared_.records.end() && at->first.starts_with(prefix); ++at) {
          page.more = at->second.size() > room && !page.records.empty();
          if (page.more) break;
          room -= std::min(room, at->second.size());
          page.records.push_back({at->first, at->second});
        }
        return page;
      },
      std::move(done));
}

void MemoryStore::remove(const std::string& prefix, const std::string& before, Done done) {
  answer<Status>(
      true,
      [&records = shared_.records, prefix, before]() -> Status {
        records.erase(records.lower_bound(prefix), records.lower_bound(before));
        return {};
      },
      std::move(done));
}

}  // namespace concordat::test

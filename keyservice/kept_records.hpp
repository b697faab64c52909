// What a custodian did while its audit log took no entry, and may do then: before there is a root,
// from which the log's key comes, it answers about restoring that very root; and it admits those
// whose uses need no entry. The records are kept here, each until it is durable. They are in memory
// only: of a custodian that ends before they are in no log.
#pragma once

#include <deque>
#include <memory>

#include "keyservice/audit_trail.hpp"

namespace concordat::keyservice {

// Three of five holders, each in many attempts; what operators cannot be made to fill memory with.
inline constexpr std::size_t kMaxKeptRecords = 256;

class KeptRecords {
 public:
  // False where there are too many; `always`: never so. `at` goes into the entry's detail: its own
  // time is when the log takes it.
  [[nodiscard]] bool keep(AuditRecord record, base::UnixMillis at, bool always = false);
  // Gives `recorder` what is kept and is not under way to it, in order. What does not become
  // durable stays for the next time.
  void record(Recorder& recorder, base::UnixMillis now);
  [[nodiscard]] std::size_t size() const noexcept { return kept_->size(); }

 private:
  struct Kept {
    AuditRecord record;
    std::weak_ptr<const void> offer;  // lives as long as its end is still to come
  };
  // Shared with completions that may outlive this.
  std::shared_ptr<std::deque<std::shared_ptr<Kept>>> kept_ =
      std::make_shared<std::deque<std::shared_ptr<Kept>>>();
};

}  // namespace concordat::keyservice

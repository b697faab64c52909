// What a custodian answered while it could have no audit log, whose key comes from the root:
// requests about restoring that very root. Their records are kept here and go into the log that the
// root opens, each until it is durable. They are in memory only: of a custodian that ends without a
// root there is no log at all.
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
  // Gives `recorder` what is kept, in order. What does not become durable stays for the next time.
  void record(Recorder& recorder, base::UnixMillis now);
  [[nodiscard]] std::size_t size() const noexcept { return kept_->size(); }

 private:
  // Shared with completions that may outlive this.
  std::shared_ptr<std::deque<std::shared_ptr<AuditRecord>>> kept_ =
      std::make_shared<std::deque<std::shared_ptr<AuditRecord>>>();
};

}  // namespace concordat::keyservice

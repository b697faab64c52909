#include "keyservice/kept_records.hpp"

#include <algorithm>

namespace concordat::keyservice {

bool KeptRecords::keep(AuditRecord record, base::UnixMillis at, bool always) {
  if (kept_->size() >= kMaxKeptRecords && !always) return false;
  std::string& detail = record.event.detail;
  const std::string when =
      "before the log was open, at " + std::to_string(at.value) + (detail.empty() ? "" : ": ");
  detail.insert(0, when);
  kept_->push_back(std::make_shared<AuditRecord>(std::move(record)));
  return true;
}

void KeptRecords::record(Recorder& recorder, base::UnixMillis now) {
  const auto all = *kept_;  // completions that run at once take theirs out
  for (const auto& one : all) {
    recorder.record(*one, now, [kept = kept_, one](const base::Status& recorded) {
      if (recorded) std::erase(*kept, one);
    });
  }
}

}  // namespace concordat::keyservice

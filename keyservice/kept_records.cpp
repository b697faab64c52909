#include "keyservice/kept_records.hpp"

#include <algorithm>

namespace concordat::keyservice {

bool KeptRecords::keep(AuditRecord record, base::UnixMillis at, bool always) {
  if (kept_->size() >= kMaxKeptRecords && !always) return false;
  std::string& detail = record.event.detail;
  const std::string when =
      "when the log took no entry, at " + std::to_string(at.value) + (detail.empty() ? "" : ": ");
  detail.insert(0, when);
  kept_->push_back(std::make_shared<Kept>(Kept{std::move(record), {}}));
  return true;
}

void KeptRecords::record(Recorder& recorder, base::UnixMillis now) {
  const auto all = *kept_;  // completions that run at once take theirs out
  for (const auto& one : all) {
    if (!one->offer.expired()) continue;
    const auto offer = std::make_shared<const bool>(true);
    one->offer = offer;
    recorder.record(one->record, now, [kept = kept_, one, offer](const base::Status& recorded) {
      if (recorded) std::erase(*kept, one);
    });
  }
}

}  // namespace concordat::keyservice

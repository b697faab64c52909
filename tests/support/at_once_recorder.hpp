// An audit log that takes everything at once, for tests of what is beside it.
#pragma once

#include <vector>

#include "keyservice/audit_trail.hpp"

namespace concordat::test {

class AtOnceRecorder final : public keyservice::Recorder {
 public:
  [[nodiscard]] base::Status ready() const override {
    return instead != nullptr ? instead->ready() : base::Status();
  }
  void record(keyservice::AuditRecord record, base::UnixMillis now, Done done) override {
    if (instead != nullptr) return instead->record(std::move(record), now, std::move(done));
    if (keeps) events.push_back(std::move(record.event));
    done({});
  }
  [[nodiscard]] keyservice::AuditLogState state() const override {
    return instead != nullptr ? instead->state() : keyservice::AuditLogState{true};
  }

  keyservice::Recorder* instead = nullptr;
  bool keeps = false;
  std::vector<keyservice::audit::Event> events;
};

}  // namespace concordat::test

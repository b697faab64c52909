// Findings as they are made, up to a bound.
#pragma once

#include "keyservice/audit/finding.hpp"
#include "keyservice/audit/limits.hpp"

namespace concordat::keyservice::audit {

class FindingList {
 public:
  void add(Fault fault, std::string where, std::string detail = {}) {
    if (findings_.size() < kMaxFindings) {
      findings_.push_back({fault, std::move(where), std::move(detail)});
    } else if (findings_.back().fault != Fault::too_many) {
      findings_.push_back({Fault::too_many, "log", std::to_string(kMaxFindings)});
    }
  }
  // Nothing more is told: who would go on for long need not.
  [[nodiscard]] bool is_full() const noexcept { return findings_.size() > kMaxFindings; }
  [[nodiscard]] const Findings& all() const noexcept { return findings_; }

 private:
  Findings findings_;
};

[[nodiscard]] inline std::string entry_place(std::uint64_t index) {
  return "entry " + std::to_string(index);
}

}  // namespace concordat::keyservice::audit

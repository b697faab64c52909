#include "session/run_ledger.hpp"

namespace concordat::session {

base::Status MemoryRunLedger::count(const InputDigest& input, const RunId& run,
                                    std::optional<std::uint64_t> limit) {
  auto& counted = runs_[input];
  if (counted.contains(run)) return {};
  if (limit && counted.size() >= *limit) {
    return base::Error(FormingErrc::runs_used_up,
                       std::to_string(counted.size()) + " of " + std::to_string(*limit) + " runs");
  }
  counted.insert(run);
  return {};
}

}  // namespace concordat::session

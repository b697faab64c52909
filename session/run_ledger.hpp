// How often an input was taken into a run: policy limits it (SessionRule::runs_per_input), because
// results of several runs over one input, or over nearly one, may tell what no single one does.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "session/roster.hpp"

namespace concordat::session {

// SHA-256 over the input, or a commitment to it; the ledger never sees the input.
using InputDigest = base::FixedBytes<struct InputDigestTag, 32>;

// One party's. A run is counted before any of its input moves, durably where the party is to be
// restarted: its custodian keeps the ledger sealed and witnessed with everything else.
class RunLedger {
 public:
  virtual ~RunLedger() = default;

  // Counts this run of the input, once however often it is asked. runs_used_up, and nothing is
  // counted, when `limit` others were counted before.
  [[nodiscard]] virtual base::Status count(const InputDigest& input, const RunId& run,
                                           std::optional<std::uint64_t> limit) = 0;
};

// As long as the process lives.
class MemoryRunLedger final : public RunLedger {
 public:
  [[nodiscard]] base::Status count(const InputDigest& input, const RunId& run,
                                   std::optional<std::uint64_t> limit) override;

 private:
  std::map<InputDigest, std::set<RunId>> runs_;
};

}  // namespace concordat::session

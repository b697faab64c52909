#include "keyservice/keyring/state/run_counts.hpp"

#include <algorithm>

#include "keyservice/keyring/state/errc.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Status;

const std::set<CountedRun>* RunCounts::find(std::string_view role,
                                            const CountedInput& input) const {
  const auto found = roles_.find(role);
  if (found == roles_.end()) return nullptr;
  const auto runs = found->second.inputs.find(input);
  return runs == found->second.inputs.end() ? nullptr : &runs->second;
}

bool RunCounts::has(const RunOfInput& run) const {
  const auto* const runs = find(run.role, run.input);
  return runs != nullptr && runs->contains(run.run);
}

std::uint64_t RunCounts::runs_of(std::string_view role, const CountedInput& input) const {
  const auto* const runs = find(role, input);
  return runs == nullptr ? 0 : runs->size();
}

Status RunCounts::judge(const RunOfInput& run, std::uint64_t limit) const {
  if (has(run)) return Error(KeyStateErrc::unchanged);
  if (runs_of(run.role, run.input) < limit) return {};
  return Error(KeyStateErrc::runs_used_up, "all " + std::to_string(limit) + " of them");
}

bool RunCounts::empty() const noexcept {
  return std::ranges::all_of(roles_, [](const auto& role) { return role.second.runs == 0; });
}

Status RunCounts::check(const RunOfInput& run, std::uint64_t number) const {
  const std::uint64_t counted = runs_of(run.role, run.input);
  if (run.role.empty() || number != counted + 1 || has(run)) {
    return Error(KeyStateErrc::uses_differ, std::to_string(counted) + " runs of the input");
  }
  const auto role = roles_.find(run.role);
  const std::size_t of_role = role == roles_.end() ? 0 : role->second.runs;
  if (of_role >= most_of_role_) return Error(KeyStateErrc::too_many, "counted runs of the role");
  return {};
}

// An entry without runs, left by a shortage, says nothing.
void RunCounts::add(const RunOfInput& run) {
  RoleRuns& role = roles_[run.role];
  role.inputs[run.input].insert(run.run);
  ++role.runs;
}

}  // namespace concordat::keyservice

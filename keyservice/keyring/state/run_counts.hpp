// How often each input of a role was taken into a run of a session: what a policy's
// `runs_per_input` is judged by. A run is told by its roster's hash, so that one which is counted
// again, because an answer was lost, or by the second seat of one realm, is the same run.
//
// Inputs are SHA-256 digests, which lie in sealed records and this enclave's memory alone.
#pragma once

#include <map>
#include <set>
#include <string>

#include "attest/base/bytes.hpp"
#include "attest/base/result.hpp"

namespace concordat::keyservice {

using CountedInput = base::FixedBytes<struct CountedInputTag, 32>;
using CountedRun = base::FixedBytes<struct CountedRunTag, 32>;

// The role is part of whose input it is: no other role learns of it, or uses up its runs.
struct RunOfInput {
  std::string role;
  CountedInput input;
  CountedRun run;
};

class RunCounts {
 public:
  struct RoleRuns {
    std::map<CountedInput, std::set<CountedRun>> inputs;
    std::size_t runs = 0;
  };
  using Roles = std::map<std::string, RoleRuns, std::less<>>;

  explicit RunCounts(std::size_t most_of_role) : most_of_role_(most_of_role) {}

  // Success where policy's `limit` leaves room for one more: unchanged where the run was counted
  // before, whatever the limit; runs_used_up.
  [[nodiscard]] base::Status judge(const RunOfInput& run, std::uint64_t limit) const;
  [[nodiscard]] std::uint64_t runs_of(std::string_view role, const CountedInput& input) const;

  // Whether add() would take it as the input's `number`th: uses_differ, too_many.
  [[nodiscard]] base::Status check(const RunOfInput& run, std::uint64_t number) const;
  // What check() let pass. Unchanged by std::bad_alloc.
  void add(const RunOfInput& run);

  [[nodiscard]] const Roles& roles() const noexcept { return roles_; }
  [[nodiscard]] bool empty() const noexcept;

 private:
  [[nodiscard]] bool has(const RunOfInput& run) const;
  [[nodiscard]] const std::set<CountedRun>* find(std::string_view role,
                                                 const CountedInput& input) const;

  std::size_t most_of_role_;
  Roles roles_;
};

}  // namespace concordat::keyservice

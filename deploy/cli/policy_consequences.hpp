// What `revoke` and `ungrant` say about what they took: the changes, what is to be rotated, and
// when nobody can obey the older policy any more.
#pragma once

#include "deploy/cli/policy_edit.hpp"
#include "policy/impact.hpp"

namespace concordat::cli {

struct ConsequenceOptions {
  std::vector<std::string> in_force;  // files of older policies that enclaves may have
  std::vector<std::string> released;  // files
};
// --in-force and --released.
void add_consequence_options(Command command, ConsequenceOptions& options);
// --released.
void add_released(Command command, std::vector<std::string>& paths);
// Of all of them.
[[nodiscard]] base::Result<policy::ReleasedKeys> read_released(
    const std::vector<std::string>& paths);

// What the options name, read before anything is written.
struct ConsequenceFiles {
  std::vector<policy::Model> in_force;
  policy::ReleasedKeys released;
};
[[nodiscard]] base::Result<ConsequenceFiles> read_files(const ConsequenceOptions& options);

struct Consequences {
  std::vector<policy::Change> changes;
  policy::Impact impact;
  std::vector<policy::Finality> finality;  // of the file as it was, then of those in force
};
[[nodiscard]] Consequences consequences_of(const Edited& edited, const ConsequenceFiles& files);
[[nodiscard]] nlohmann::ordered_json to_json(const Consequences& consequences);
[[nodiscard]] std::string to_text(const Consequences& consequences);

}  // namespace concordat::cli

// What the editing commands share: nothing is written that `check` would refuse, and what it newly
// warns of is said.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "deploy/cli/policy_files.hpp"

namespace concordat::cli {

struct Edited {
  OpenPolicy before;
  OpenPolicy after;  // as it was written
};
// Opens the policy, has it edited (text to text), checks what came of it and writes that.
using Edit = std::function<base::Result<std::string>(const OpenPolicy&)>;
[[nodiscard]] base::Result<Edited> edit_policy(const PolicyFiles& files, const Edit& edit);

// `text`, then the file's name with its new serial and the warnings that are new; the same as JSON.
ExitStatus answer_edit(const Invocation& invocation, bool json, const PolicyFiles& files,
                       const Edited& edited, nlohmann::ordered_json fields,
                       const std::string& text);

// "get,sign" -> get, sign.
[[nodiscard]] std::vector<std::string> split_at_commas(const std::string& text);

// The system's time in whole seconds: people read and review it.
[[nodiscard]] base::UnixMillis now_in_seconds() noexcept;
// An option that takes an RFC 3339 time.
void add_time(Command command, const char* name, std::optional<base::UnixMillis>& time,
              const char* help);

}  // namespace concordat::cli

// What the commands answer: text for people or, with --json, one JSON object; and which failure is
// a refusal (the content was judged) and which a matter of input and output.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "deploy/cli/commands.hpp"

namespace concordat::cli {

// {"ok":true,...fields} or `text`.
ExitStatus answer(const Invocation& invocation, bool json, const nlohmann::ordered_json& fields,
                  const std::string& text);

// One line of JSON, whatever bytes its strings hold.
void print_json(const Invocation& invocation, const nlohmann::ordered_json& object);

// Usage or I/O for errors of reading, writing and of the way, refused for every other.
[[nodiscard]] ExitStatus status_of_failure(const base::Error& error);
// "concordat: WHAT: error" on standard error and, with --json, {"ok":false,"code":..,"error":..} on
// standard output. status_of_failure.
ExitStatus answer_failure(const Invocation& invocation, bool json, std::string_view what,
                          const base::Error& error);

}  // namespace concordat::cli

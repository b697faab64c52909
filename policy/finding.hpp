// What is wrong or doubtful in a file, and where: the unit of `concordat policy check`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/errc.hpp"

namespace concordat::policy {

enum class Severity { error, warning };

struct Finding {
  Severity severity = Severity::error;
  PolicyErrc code{};
  std::string pointer;     // JSON Pointer (RFC 6901); empty: the file as a whole
  std::size_t line = 0;    // from 1; 0: unknown
  std::size_t column = 0;  // from 1, in characters
  std::string message;     // what is wrong and what to do

  // "12:8 /roles/custodian/images/0: message"
  [[nodiscard]] std::string to_string() const;
  // The pointer for people's eyes (it holds the file's own keys), as `quote` shows text.
  [[nodiscard]] std::string shown_pointer() const;
  // The code with that text as its detail.
  [[nodiscard]] base::Error to_error() const;
};

using Findings = std::vector<Finding>;

[[nodiscard]] bool has_error(const Findings& findings) noexcept;

// Text from a file or a peer for a message: in double quotes, shortened, and whatever is not
// printable ASCII as \xNN, so that it can do nothing to a terminal or a log line.
[[nodiscard]] std::string quote(std::string_view text);

// One reference token of a JSON Pointer ("~" and "/" escaped), with its leading slash.
[[nodiscard]] std::string pointer_token(std::string_view key);

}  // namespace concordat::policy

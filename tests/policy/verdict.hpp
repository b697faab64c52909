// What the parser says of a policy file, in one line.
#pragma once

#include <gtest/gtest.h>

#include "policy/parse.hpp"

namespace concordat::test {

// "accepted", or the first finding: its code and its JSON Pointer.
inline std::string verdict(std::string_view text) {
  const policy::ParsedPolicy parsed = policy::parse_policy(text);
  EXPECT_EQ(parsed.model.has_value(), parsed.findings.empty());
  if (parsed.model) return "accepted";
  const policy::Finding& first = parsed.findings[0];
  return std::string(describe(first.code).name) + " " + first.pointer;
}

// "accepted", or the first finding: its code, line and column.
inline std::string placed_verdict(std::string_view text) {
  const policy::ParsedPolicy parsed = policy::parse_policy(text);
  if (parsed.model) return "accepted";
  const policy::Finding& first = parsed.findings[0];
  return std::string(describe(first.code).name) + " " + std::to_string(first.line) + ":" +
         std::to_string(first.column);
}

}  // namespace concordat::test

// The sample policies of one authority, and what they say when read.
#pragma once

#include <gtest/gtest.h>

#include "policy/parse.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::policy {

inline constexpr const char* kInstance = "i-0123456789abcdef0";

inline const test::TestAuthority& authority() {
  static const test::TestAuthority kAuthority;
  return kAuthority;
}

inline std::string sample() {
  return test::sample_policy(authority().descriptor());
}

inline std::string full() {
  return test::full_policy(authority().descriptor());
}

inline Model load(const base::Result<std::string>& text) {
  EXPECT_TRUE(text) << text.error().to_string();
  auto model = load_policy(text.value());
  EXPECT_TRUE(model) << model.error().to_string();
  return std::move(model).value();
}

}  // namespace concordat::policy

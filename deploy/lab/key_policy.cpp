#include "deploy/lab/key_policy.hpp"

#include <algorithm>
#include <optional>

namespace concordat::lab {
namespace {

using base::Error;
using base::Status;
using Condition = KeyPolicy::Condition;
using Operator = KeyPolicy::Operator;
using Quantifier = KeyPolicy::Quantifier;
using Statement = KeyPolicy::Statement;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

bool value_matches(Operator op, const std::string& wanted, const std::string& found) {
  switch (op) {
    case Operator::string_equals:
      return wanted == found;
    case Operator::string_equals_ignore_case:
      return lower(wanted) == lower(found);
    case Operator::string_like:
      return matches_pattern(wanted, found);
    case Operator::null:
      break;  // asks for presence, not for a value
  }
  return false;
}

// One value of the request against the list of the policy: any of them, or for a negated operator
// none of them.
bool one_value_holds(const Condition& condition, const std::string& found) {
  const bool any = std::ranges::any_of(condition.values, [&](const std::string& wanted) {
    return value_matches(condition.op, wanted, found);
  });
  return any != condition.negated;
}

bool absent_key_holds(const Condition& condition) {
  if (condition.quantifier == Quantifier::for_all_values) return true;
  if (condition.quantifier == Quantifier::for_any_value) return false;
  // IAM: a negated operator holds for a key that is not there.
  return condition.if_exists || condition.negated;
}

bool holds(const Condition& condition, const ConditionKeys& keys) {
  const auto found = keys.find(condition.key);
  const bool absent = found == keys.end() || found->second.empty();
  if (condition.op == Operator::null) {
    return std::ranges::any_of(condition.values, [&](const std::string& wanted) {
      return (lower(wanted) == "true") == absent;
    });
  }
  if (absent) return absent_key_holds(condition);
  const auto one = [&](const std::string& value) { return one_value_holds(condition, value); };
  return condition.quantifier == Quantifier::for_any_value
             ? std::ranges::any_of(found->second, one)
             : std::ranges::all_of(found->second, one);
}

std::string joined(const std::vector<std::string>& values) {
  std::string out;
  for (const std::string& value : values)
    out += (out.empty() ? "" : ", ") + value;
  return out;
}

std::string describe_unmet(const Statement& statement, const Condition& condition,
                           const ConditionKeys& keys) {
  const auto found = keys.find(condition.key);
  return "statement " + statement.name + ": " + condition.text + " wants " +
         joined(condition.values) + ", found " +
         (found == keys.end() ? "nothing" : joined(found->second));
}

// "*", the caller's account in either of its forms, or the caller's own ARN.
bool principal_matches(const std::string& principal, const PolicyQuestion& question) {
  return principal == "*" || principal == question.account || principal == question.principal ||
         principal == "arn:aws:iam::" + question.account + ":root" ||
         principal == "arn:aws-us-gov:iam::" + question.account + ":root";
}

bool is_about(const Statement& statement, const PolicyQuestion& question) {
  const auto action = lower(question.action);  // IAM: actions are compared without regard to case
  return std::ranges::any_of(statement.principals,
                             [&](const auto& p) { return principal_matches(p, question); }) &&
         std::ranges::any_of(
             statement.actions,
             [&](const auto& pattern) { return matches_pattern(lower(pattern), action); }) &&
         std::ranges::any_of(statement.resources, [&](const auto& pattern) {
           return matches_pattern(pattern, question.resource);
         });
}

const Condition* first_unmet(const Statement& statement, const ConditionKeys& keys) {
  const auto unmet = std::ranges::find_if(
      statement.conditions, [&](const Condition& condition) { return !holds(condition, keys); });
  return unmet == statement.conditions.end() ? nullptr : &*unmet;
}

}  // namespace

base::CodeInfo describe(KeyPolicyErrc code) noexcept {
  switch (code) {
    case KeyPolicyErrc::malformed:
      return {"malformed", "the key policy is malformed"};
    case KeyPolicyErrc::unsupported:
      return {"unsupported", "the key policy uses what the local KMS does not evaluate"};
    case KeyPolicyErrc::not_allowed:
      return {"not_allowed", "no statement of the key policy allows it"};
    case KeyPolicyErrc::explicitly_denied:
      return {"explicitly_denied", "a statement of the key policy denies it"};
  }
  return {"unknown", "unknown key policy error"};
}

std::string condition_key_name(std::string_view name) {
  return lower(name);
}

std::string KeyPolicy::default_text(std::string_view account) {
  return R"({"Version":"2012-10-17","Id":"key-default-1","Statement":[{"Sid":"Enable IAM User )"
         R"(Permissions","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::)" +
         std::string(account) + R"(:root"},"Action":"kms:*","Resource":"*"}]})";
}

Status KeyPolicy::authorize(const PolicyQuestion& question) const {
  bool allowed = false;
  std::optional<std::string> nearest;  // the first statement that only a condition kept from it
  for (const Statement& statement : statements_) {
    if (!is_about(statement, question)) continue;
    const Condition* unmet = first_unmet(statement, question.keys);
    if (unmet == nullptr && !statement.allow) {
      return Error(KeyPolicyErrc::explicitly_denied, "statement " + statement.name);
    }
    if (unmet == nullptr) allowed = true;
    if (unmet != nullptr && statement.allow && !nearest) {
      nearest = describe_unmet(statement, *unmet, question.keys);
    }
  }
  if (allowed) return {};
  return Error(
      KeyPolicyErrc::not_allowed,
      nearest.value_or("no statement is about " + question.action + " by " + question.principal));
}

bool matches_pattern(std::string_view pattern, std::string_view text) noexcept {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // the last `*` seen, and what it may still swallow
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace concordat::lab

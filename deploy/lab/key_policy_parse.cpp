#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "attest/base/json.hpp"
#include "deploy/lab/key_policy.hpp"

namespace concordat::lab {
namespace {

using base::Error;
using base::JsonObject;
using base::Result;
using base::Status;
using nlohmann::json;
using Condition = KeyPolicy::Condition;
using Operator = KeyPolicy::Operator;
using Quantifier = KeyPolicy::Quantifier;
using Statement = KeyPolicy::Statement;

constexpr std::size_t kMaxPolicy = 32 * 1024;

Error unsupported(std::string detail) {
  return Error(KeyPolicyErrc::unsupported, std::move(detail));
}
Error malformed(std::string detail) {
  return Error(KeyPolicyErrc::malformed, std::move(detail));
}

// IAM lets one string stand for a list of one. Booleans are written bare or quoted.
Result<std::vector<std::string>> one_or_more(const json& value, const std::string& place) {
  std::vector<std::string> out;
  for (const json& item : value.is_array() ? value : json::array({value})) {
    if (!item.is_string() && !item.is_boolean()) return malformed(place + ": want strings");
    out.push_back(item.is_string() ? item.get<std::string>() : item.dump());
    // A policy variable that is compared as plain text would mean something else than in AWS.
    if (out.back().find("${") != std::string::npos) return unsupported(place + ": " + out.back());
  }
  if (out.empty()) return malformed(place + ": the list is empty");
  return out;
}

Result<std::vector<std::string>> list(JsonObject& object, std::string_view key) {
  CONCORDAT_TRY(const json* value, object.get(key));
  return one_or_more(*value, object.place_of(key));
}

struct OperatorRow {
  std::string_view name;
  Operator op;
  bool negated;
};
constexpr std::array kOperators{
    OperatorRow{"StringEquals", Operator::string_equals, false},
    OperatorRow{"StringNotEquals", Operator::string_equals, true},
    OperatorRow{"StringEqualsIgnoreCase", Operator::string_equals_ignore_case, false},
    OperatorRow{"StringNotEqualsIgnoreCase", Operator::string_equals_ignore_case, true},
    OperatorRow{"StringLike", Operator::string_like, false},
    OperatorRow{"StringNotLike", Operator::string_like, true},
    OperatorRow{"ArnEquals", Operator::string_like, false},
    OperatorRow{"ArnNotEquals", Operator::string_like, true},
    OperatorRow{"ArnLike", Operator::string_like, false},
    OperatorRow{"ArnNotLike", Operator::string_like, true},
    OperatorRow{"Bool", Operator::string_equals_ignore_case, false},
    OperatorRow{"Null", Operator::null, false},
};

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}
bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

// "ForAllValues:StringEqualsIfExists" and the like.
Result<Condition> parse_operator(std::string_view text, const std::string& place) {
  Condition out;
  std::string_view name = text;
  if (take_prefix(name, "ForAllValues:")) out.quantifier = Quantifier::for_all_values;
  if (take_prefix(name, "ForAnyValue:")) out.quantifier = Quantifier::for_any_value;
  out.if_exists = take_suffix(name, "IfExists");
  const auto row = std::ranges::find(kOperators, name, &OperatorRow::name);
  if (row == kOperators.end()) return unsupported(place + ": operator " + std::string(text));
  out.op = row->op;
  out.negated = row->negated;
  if (out.op == Operator::null && (out.if_exists || out.quantifier != Quantifier::none)) {
    return unsupported(place + ": operator " + std::string(text));
  }
  return out;
}

Status check_boolean_values(const Condition& condition, const std::string& place) {
  if (condition.op != Operator::null) return {};
  for (const std::string& value : condition.values) {
    const std::string text = condition_key_name(value);  // in lower case
    if (text != "true" && text != "false") return malformed(place + ": want true or false");
  }
  return {};
}

Result<std::vector<Condition>> parse_conditions(JsonObject& statement) {
  std::vector<Condition> out;
  if (statement.find("Condition") == nullptr) return out;
  CONCORDAT_TRY(JsonObject operators, statement.get_object("Condition"));
  for (const std::string& op : operators.keys()) {
    CONCORDAT_TRY(const Condition kind, parse_operator(op, operators.place_of(op)));
    CONCORDAT_TRY(JsonObject keys, operators.get_object(op));
    for (const std::string& key : keys.keys()) {
      Condition condition = kind;
      condition.text = op + " " + key;
      condition.key = condition_key_name(key);
      CONCORDAT_TRY(condition.values, list(keys, key));
      CONCORDAT_CHECK(check_boolean_values(condition, keys.place_of(key)));
      out.push_back(std::move(condition));
    }
  }
  return out;
}

// "*" or an object; principals that are services or federated identities never call the lab.
Result<std::vector<std::string>> parse_principals(JsonObject& statement) {
  CONCORDAT_TRY(const json* value, statement.get("Principal"));
  if (value->is_string()) {
    if (*value == "*") return std::vector<std::string>{"*"};
    return malformed(statement.place_of("Principal") + ": want \"*\" or an object");
  }
  CONCORDAT_TRY(JsonObject kinds, statement.get_object("Principal"));
  std::vector<std::string> out;
  if (kinds.find("AWS") != nullptr) {
    CONCORDAT_TRY(out, list(kinds, "AWS"));
  }
  for (const char* other : {"Service", "Federated", "CanonicalUser"})
    static_cast<void>(kinds.find(other));
  CONCORDAT_CHECK(kinds.finish());
  return out;
}

Result<Statement> parse_statement(const json& value, std::size_t number) {
  const std::string place = "Statement[" + std::to_string(number) + "]";
  CONCORDAT_TRY(JsonObject object, JsonObject::from(value, place));
  for (const char* key : {"NotPrincipal", "NotAction", "NotResource"}) {
    if (object.find(key) != nullptr) return unsupported(object.place_of(key));
  }
  Statement out;
  CONCORDAT_TRY(const auto name, object.find_text("Sid"));
  out.name = name.value_or(std::to_string(number));
  CONCORDAT_TRY(const std::string effect, object.get_text("Effect"));
  if (effect != "Allow" && effect != "Deny") {
    return malformed(object.place_of("Effect") + ": want Allow or Deny");
  }
  out.allow = effect == "Allow";
  CONCORDAT_TRY(out.principals, parse_principals(object));
  CONCORDAT_TRY(out.actions, list(object, "Action"));
  CONCORDAT_TRY(out.resources, list(object, "Resource"));
  CONCORDAT_TRY(out.conditions, parse_conditions(object));
  CONCORDAT_CHECK(object.finish());
  return out;
}

Result<std::vector<Statement>> parse_document(const json& value) {
  CONCORDAT_TRY(JsonObject object, JsonObject::from(value, ""));
  CONCORDAT_TRY(const auto version, object.find_text("Version"));
  if (version && *version != "2012-10-17" && *version != "2008-10-17") {
    return malformed("Version: want 2012-10-17");
  }
  static_cast<void>(object.find("Id"));
  CONCORDAT_TRY(const json* statements, object.get("Statement"));
  CONCORDAT_CHECK(object.finish());
  std::vector<Statement> out;
  for (const json& item : statements->is_array() ? *statements : json::array({*statements})) {
    CONCORDAT_TRY(Statement statement, parse_statement(item, out.size()));
    out.push_back(std::move(statement));
  }
  if (out.empty()) return malformed("Statement: the list is empty");
  return out;
}

}  // namespace

Result<KeyPolicy> KeyPolicy::parse(std::string_view text) {
  if (text.empty() || text.size() > kMaxPolicy) return malformed("want 1 to 32768 characters");
  CONCORDAT_TRY(const json value, base::parse_strict_json(text));
  auto statements = parse_document(value);
  if (statements) return KeyPolicy(std::move(*statements));
  if (statements.error().is(KeyPolicyErrc::unsupported)) return statements.error();
  return malformed(statements.error().to_string());
}

}  // namespace concordat::lab

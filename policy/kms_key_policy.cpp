#include "policy/kms_key_policy.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "policy/finding.hpp"
#include "policy/limits.hpp"
#include "policy/names.hpp"
#include "policy/root_context.hpp"

namespace concordat::policy {
namespace {

using base::Error;
using base::Result;
using base::Status;
using Json = nlohmann::ordered_json;
using Values = std::vector<std::string>;
using Registers = std::map<unsigned, Values>;  // accepted values by register

constexpr const char* kPrincipalArn = "aws:PrincipalArn";
constexpr const char* kKeyOrigin = "kms:KeyOrigin";

// What administration needs, and nothing that uses the key. Whoever may put key policies can give
// themselves the rest, where CloudTrail shows it.
constexpr std::array kAdministration{
    "kms:CancelKeyDeletion", "kms:CreateAlias",
    "kms:DeleteAlias",       "kms:DescribeKey",
    "kms:DisableKey",        "kms:DisableKeyRotation",
    "kms:EnableKey",         "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",      "kms:GetKeyRotationStatus",
    "kms:ListGrants",        "kms:ListKeyPolicies",
    "kms:ListKeyRotations",  "kms:ListResourceTags",
    "kms:PutKeyPolicy",      "kms:RevokeGrant",
    "kms:RotateKeyOnDemand", "kms:ScheduleKeyDeletion",
    "kms:TagResource",       "kms:UntagResource",
    "kms:UpdateAlias",       "kms:UpdateKeyDescription",
};

// What a custodian calls.
constexpr std::array kCustody{"kms:Decrypt", "kms:GenerateDataKey"};

// What nobody needs and somebody could use. CreateGrant permits beside the key policy; ReEncrypt
// moves the sealed root under a key of the caller's, whose policy asks for nothing; Encrypt and the
// data keys without plaintext make blobs that pass for a root; a replica of the key has a key
// policy of its own; imported material is known to whoever imported it. The others are all else
// that an operation could take from a key.
constexpr std::array kOtherOperations{
    "kms:CreateGrant",
    "kms:DeriveSharedSecret",
    "kms:Encrypt",
    "kms:GenerateDataKeyPair*",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:GenerateMac",
    "kms:GetParametersForImport",
    "kms:ImportKeyMaterial",
    "kms:ReEncrypt*",
    "kms:ReplicateKey",
    "kms:Sign",
    "kms:UpdatePrimaryRegion",
};

// PCR0, 1, 2 and 16 alone are so many bytes of a statement: more statements never fit.
constexpr std::size_t kMostStatements = limits::kKmsKeyPolicyBytes / (4 * 2 * PcrValue::kSize);

// One image in one custodian role.
struct Custodian {
  std::string name;
  Values callers;
  Registers registers;
};

std::string register_key(unsigned index) {
  return "kms:RecipientAttestation:PCR" + std::to_string(index);
}

std::string context_key(std::string_view name) {
  return "kms:EncryptionContext:" + std::string(name);
}

void add_once(Values& values, const std::string& value) {
  if (std::ranges::find(values, value) == values.end()) values.push_back(value);
}

// IAM reads one string as a list of one.
Json one_or_list(const Values& values) {
  return values.size() == 1 ? Json(values.front()) : Json(values);
}

Values hex_of(const std::vector<Pin>& pins) {
  Values out;
  for (const Pin& pin : pins)
    add_once(out, pin.value.hex());
  return out;
}

Registers registers_of(const Model& model, const Role& role, const Image& image) {
  Registers out{{0, {image.pcr0.hex()}}, {1, {image.pcr1.hex()}}, {2, {image.pcr2.hex()}}};
  if (role.accounts) out[3] = hex_of(*role.accounts);
  if (role.instances) out[4] = hex_of(*role.instances);
  if (image.pcr8) out[8] = {image.pcr8->hex()};
  out[attest::kAuthorityPcr] = {attest::authority_pcr16(model.authority).hex()};
  return out;
}

bool can_be_held(const Role& role) {
  return !role.images.empty() && (!role.accounts || !role.accounts->empty()) &&
         (!role.instances || !role.instances->empty());
}

Status check_principals(const Values& arns, bool accounts_too, const char* option) {
  for (const std::string& arn : arns) {
    if (is_role_arn(arn) || is_user_arn(arn) || (accounts_too && is_account_arn(arn))) continue;
    return Error(KmsKeyPolicyErrc::bad_principal,
                 std::string(option) + " " + quote(arn) +
                     ": want arn:PARTITION:iam::ACCOUNT:role/NAME or :user/NAME" +
                     (accounts_too ? " or :root" : "") +
                     "; of an assumed role, the ARN of the role itself");
  }
  return {};
}

class Writer {
 public:
  Writer(const Model& model, const KmsPrincipals& principals)
      : model_(model), principals_(principals) {}

  Result<KmsKeyPolicy> write() && {
    if (!model_.kms_key_arn) return Error(KmsKeyPolicyErrc::no_key);
    if (principals_.administrators.empty()) return Error(KmsKeyPolicyErrc::no_administrator);
    CONCORDAT_CHECK(check_principals(principals_.administrators, true, "--administrator"));
    CONCORDAT_CHECK(check_principals(principals_.callers, false, "--principal"));
    CONCORDAT_CHECK(collect_custodians());
    CONCORDAT_CHECK(check_administrators());
    warn();
    out_.text = document().dump(2) + "\n";
    if (out_.text.size() > limits::kKmsKeyPolicyBytes) return too_large();
    return std::move(out_);
  }

 private:
  Status collect_custodians() {
    const Purpose* const keys = model_.purpose(kKeysPurpose);
    bool callers_used = false;
    for (const std::string& name : keys == nullptr ? Values() : keys->responder) {
      const Role* const role = model_.role(name);
      if (role == nullptr || !can_be_held(*role)) {
        out_.warnings.push_back("custodian role " + quote(name) +
                                " can be held by nobody; it has no statement");
        continue;
      }
      CONCORDAT_TRY(const Values callers, callers_of(name, *role, callers_used));
      for (const std::uint32_t index : role->images) {
        if (custodians_.size() == kMostStatements) return too_large();
        const Image& image = model_.images[index];
        custodians_.push_back({"Image " + image.name + " in role " + name, callers,
                               registers_of(model_, *role, image)});
      }
    }
    if (custodians_.empty()) return Error(KmsKeyPolicyErrc::no_custodian);
    if (!principals_.callers.empty() && !callers_used) {
      return Error(KmsKeyPolicyErrc::caller_unused);
    }
    return {};
  }

  // The role ARNs that the role's accounts are pinned by, and what was given for the others.
  Result<Values> callers_of(const std::string& name, const Role& role, bool& given_used) const {
    Values out;
    bool all_named = role.accounts.has_value();
    for (const Pin& pin : role.accounts.value_or(std::vector<Pin>())) {
      if (is_role_arn(pin.text)) {
        add_once(out, pin.text);
      } else {
        all_named = false;
      }
    }
    if (all_named) return out;
    if (principals_.callers.empty()) {
      return Error(KmsKeyPolicyErrc::caller_unknown, "role " + quote(name));
    }
    given_used = true;
    for (const std::string& caller : principals_.callers)
      add_once(out, caller);
    return out;
  }

  [[nodiscard]] Values all_callers() const {
    Values out;
    for (const Custodian& custodian : custodians_) {
      for (const std::string& caller : custodian.callers)
        add_once(out, caller);
    }
    return out;
  }

  // The parent's credentials must not be able to change what binds the parent.
  [[nodiscard]] Status check_administrators() const {
    const Values callers = all_callers();
    for (const std::string& administrator : principals_.administrators) {
      if (std::ranges::find(callers, administrator) == callers.end()) continue;
      return Error(KmsKeyPolicyErrc::administrator_is_custodian, administrator);
    }
    return {};
  }

  void warn() {
    const std::string_view owner = account_of_arn(*model_.kms_key_arn);
    for (const std::string& administrator : principals_.administrators) {
      if (!is_account_arn(administrator)) continue;
      out_.warnings.push_back(administrator + ": whoever IAM of that account allows " +
                              "kms:PutKeyPolicy can change this policy and reach the root; name " +
                              "roles or users instead");
    }
    for (const std::string& caller : all_callers()) {
      if (account_of_arn(caller) == owner) continue;
      out_.warnings.push_back(caller + " is of another account than the key: IAM there must " +
                              "allow it kms:Decrypt and kms:GenerateDataKey on " +
                              *model_.kms_key_arn + " too");
    }
    if (model_.kms_key_arn->find(":key/mrk-") != std::string::npos) {
      out_.warnings.push_back(*model_.kms_key_arn + " is a multi-Region key: each replica has a " +
                              "key policy of its own and opens what the others sealed; set this " +
                              "one on all of them, or take a key of one Region");
    }
  }

  [[nodiscard]] Values generations() const {
    Values out;
    for (const RootGeneration& root : model_.root_generations)
      out.push_back(std::to_string(root.generation));
    // So that a custodian can make it.
    out.push_back(std::to_string(model_.next_root_generation()));
    return out;
  }

  [[nodiscard]] Json document() const {
    Json statements = Json::array();
    statements.push_back(statement("Administration", "Allow",
                                   {{"AWS", one_or_list(principals_.administrators)}},
                                   kAdministration));
    for (const Custodian& custodian : custodians_)
      statements.push_back(allow(custodian));
    add_denials(statements);
    return {{"Version", "2012-10-17"},
            {"Id", "concordat-" + model_.realm},
            {"Statement", std::move(statements)}};
  }

  static Json statement(const std::string& name, const char* effect, Json principal, Json actions) {
    return {{"Sid", name},
            {"Effect", effect},
            {"Principal", std::move(principal)},
            {"Action", std::move(actions)},
            {"Resource", "*"}};
  }

  [[nodiscard]] Json allow(const Custodian& custodian) const {
    Json registers = Json::object();
    for (const auto& [index, values] : custodian.registers)
      registers[register_key(index)] = one_or_list(values);
    const Json context = {{context_key(kRealmContextKey), model_.realm},
                          {context_key(kGenerationContextKey), one_or_list(generations())}};
    const Json context_keys = {
        {"kms:EncryptionContextKeys", {kRealmContextKey, kGenerationContextKey}}};
    Json out =
        statement(custodian.name, "Allow", {{"AWS", one_or_list(custodian.callers)}}, kCustody);
    out["Condition"] = {{"StringEqualsIgnoreCase", std::move(registers)},
                        {"StringEquals", context},
                        {"ForAllValues:StringEquals", context_keys}};
    return out;
  }

  static Json deny(const std::string& name, Json actions) {
    return statement("Deny" + name, "Deny", "*", std::move(actions));
  }

  // A negated operator holds for a key that is not in the request: absence denies.
  static Json deny_custody_unless(const std::string& name, const char* negated_operator,
                                  const std::string& key, const Values& values) {
    Json out = deny(name, kCustody);
    out["Condition"] = {{negated_operator, {{key, one_or_list(values)}}}};
    return out;
  }

  void add_denials(Json& statements) const {
    statements.push_back(deny("OtherOperations", kOtherOperations));
    Json unattested = deny("Unattested", kCustody);
    unattested["Condition"] = {{"Null", {{register_key(0), "true"}}}};
    statements.push_back(std::move(unattested));
    for (const auto& [index, values] : pinned_by_all()) {
      statements.push_back(deny_custody_unless("OtherPCR" + std::to_string(index),
                                               "StringNotEqualsIgnoreCase", register_key(index),
                                               values));
    }
    statements.push_back(
        deny_custody_unless("OtherCallers", "ArnNotEquals", kPrincipalArn, all_callers()));
    statements.push_back(deny_custody_unless("OtherRealms", "StringNotEquals",
                                             context_key(kRealmContextKey), {model_.realm}));
    statements.push_back(deny_custody_unless("OtherRootGenerations", "StringNotEquals",
                                             context_key(kGenerationContextKey), generations()));
    statements.push_back(
        deny_custody_unless("ForeignKeyMaterial", "StringNotEquals", kKeyOrigin, {"AWS_KMS"}));
  }

  // The registers that every custodian pins, and every value that one of them may have.
  [[nodiscard]] Registers pinned_by_all() const {
    Registers out = custodians_.front().registers;
    for (const Custodian& custodian : custodians_) {
      std::erase_if(out,
                    [&](const auto& entry) { return !custodian.registers.contains(entry.first); });
      for (auto& [index, values] : out) {
        for (const std::string& value : custodian.registers.at(index))
          add_once(values, value);
      }
    }
    return out;
  }

  [[nodiscard]] Error too_large() const {
    return Error(KmsKeyPolicyErrc::too_large,
                 "KMS takes " + std::to_string(limits::kKmsKeyPolicyBytes) +
                     " bytes, too few for " + std::to_string(custodians_.size()) +
                     " custodian images and their pins" +
                     ": take old images, accounts or instances out of the policy");
  }

  const Model& model_;
  const KmsPrincipals& principals_;
  std::vector<Custodian> custodians_;
  KmsKeyPolicy out_;
};

}  // namespace

base::CodeInfo describe(KmsKeyPolicyErrc code) noexcept {
  switch (code) {
    case KmsKeyPolicyErrc::no_key:
      return {"no_kms_key", "the policy names no KMS key"};
    case KmsKeyPolicyErrc::no_custodian:
      return {"no_custodian", "no image can hold a custodian role (one that answers \"keys\")"};
    case KmsKeyPolicyErrc::no_administrator:
      return {"no_administrator", "without an administrator nobody could change the key policy"};
    case KmsKeyPolicyErrc::bad_principal:
      return {"bad_principal", "not the ARN of an IAM principal"};
    case KmsKeyPolicyErrc::administrator_is_custodian:
      return {"administrator_is_custodian",
              "an administrator of the key must not be whom custodians call KMS as: the parent "
              "holds those credentials"};
    case KmsKeyPolicyErrc::caller_unknown:
      return {"caller_unknown",
              "a custodian role does not name all its accounts by role ARN; say with --principal "
              "whose credentials its custodians use"};
    case KmsKeyPolicyErrc::caller_unused:
      return {"caller_unused",
              "--principal is not needed: every custodian role names its accounts by role ARN"};
    case KmsKeyPolicyErrc::too_large:
      return {"key_policy_too_large", "the key policy is larger than KMS takes"};
  }
  return {"unknown", "unknown KMS key policy error"};
}

Result<KmsKeyPolicy> kms_key_policy(const Model& model, const KmsPrincipals& principals) {
  return Writer(model, principals).write();
}

}  // namespace concordat::policy

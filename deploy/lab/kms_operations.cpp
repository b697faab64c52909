// Dispatch, authorization, and the operations that manage keys.
#include <algorithm>
#include <array>

#include "deploy/lab/kms_call.hpp"

namespace concordat::lab {
namespace {

using base::Error;
using base::JsonObject;
using base::Result;
using base::Status;

Error validation(const Error& cause) {
  return Error(ServiceErrc::validation, cause.to_string());
}

}  // namespace

struct KmsCall::Operation {
  std::string_view name;
  Reply (KmsCall::*run)(JsonObject&);
};

const KmsCall::Operation* KmsCall::find_operation(std::string_view name) {
  static constexpr std::array kOperations{
      Operation{"CreateKey", &KmsCall::create_key},
      Operation{"DescribeKey", &KmsCall::describe_key},
      Operation{"ListKeys", &KmsCall::list_keys},
      Operation{"GetKeyPolicy", &KmsCall::get_key_policy},
      Operation{"PutKeyPolicy", &KmsCall::put_key_policy},
      Operation{"CreateGrant", &KmsCall::create_grant},
      Operation{"Encrypt", &KmsCall::encrypt},
      Operation{"Decrypt", &KmsCall::decrypt},
      Operation{"ReEncrypt", &KmsCall::re_encrypt},
      Operation{"GenerateDataKey", &KmsCall::generate_data_key},
      Operation{"GenerateDataKeyWithoutPlaintext", &KmsCall::generate_data_key_without_plaintext},
      Operation{"GenerateRandom", &KmsCall::generate_random},
  };
  const auto row = std::ranges::find(kOperations, name, &Operation::name);
  return row == kOperations.end() ? nullptr : row;
}

KmsCall::Reply KmsCall::run(std::string_view operation, const Json& body) {
  const Operation* row = find_operation(operation);
  if (row == nullptr) return Error(ServiceErrc::unknown_operation, std::string(operation));
  CONCORDAT_TRY(JsonObject object, JsonObject::from(body, ""));
  auto reply = (this->*row->run)(object);
  // A member of the wrong type or missing, and base64 that is none.
  const auto& category = reply ? boost::system::system_category() : reply.error().code().category();
  if (category == base::enum_category<base::JsonErrc>() ||
      category == base::enum_category<base::EncodingErrc>()) {
    return validation(reply.error());
  }
  return reply;
}

std::string KmsCall::arn_of(const LabKey& key) const {
  return "arn:aws:kms:" + settings_.region + ":" + settings_.account + ":key/" + key.id;
}

Result<const LabKey*> KmsCall::find_key(const std::string& id_or_arn) {
  std::string_view id = id_or_arn;
  const std::string prefix = "arn:aws:kms:" + settings_.region + ":" + settings_.account + ":key/";
  if (id.starts_with(prefix)) id.remove_prefix(prefix.size());
  const LabKey* key = keys_.find(id);
  if (key == nullptr) return Error(ServiceErrc::not_found, "Key '" + id_or_arn + "'");
  key_arn_ = arn_of(*key);
  return key;
}

Result<const LabKey*> KmsCall::named_key(JsonObject& body) {
  CONCORDAT_TRY(const std::string id, body.get_text("KeyId"));
  return find_key(id);
}

// Every key of the lab is symmetric, of one Region, and its material made here (see metadata).
ConditionKeys KmsCall::about_the_call() const {
  return {{"kms:calleraccount", {settings_.account}},
          {"kms:keyorigin", {"AWS_KMS"}},
          {"kms:keyspec", {"SYMMETRIC_DEFAULT"}},
          {"kms:keyusage", {"ENCRYPT_DECRYPT"}},
          {"kms:multiregion", {"false"}},
          {"aws:principalaccount", {settings_.account}},
          {"aws:principalarn", {principal_.arn}}};
}

Status KmsCall::authorize(const LabKey& key, std::string_view action, ConditionKeys keys) const {
  keys.merge(about_the_call());
  const auto allowed =
      key.policy.authorize({principal_.arn, settings_.account, "kms:" + std::string(action),
                            arn_of(key), std::move(keys)});
  if (allowed) return {};
  // KMS: a grant permits what no policy does, and nothing that a policy denies.
  if (allowed.error().is(KeyPolicyErrc::not_allowed) && key.grants_to(principal_.arn, action)) {
    return {};
  }
  // AWS tells the caller less; the lab is there to be understood.
  return Error(ServiceErrc::access_denied,
               "User: " + principal_.arn +
                   " is not authorized to perform: kms:" + std::string(action) +
                   " on resource: " + arn_of(key) + " (" + allowed.error().to_string() + ")");
}

Result<KeyPolicy> KmsCall::checked_policy(JsonObject& body, const std::string& text) const {
  auto policy = KeyPolicy::parse(text);
  if (!policy) return Error(ServiceErrc::malformed_policy, policy.error().to_string());
  bool bypass = false;
  if (body.find("BypassPolicyLockoutSafetyCheck") != nullptr) {
    CONCORDAT_TRY(bypass, body.get_bool("BypassPolicyLockoutSafetyCheck"));
  }
  // As KMS: nobody sets a policy that would keep them from setting the next one by mistake.
  const bool keeps_access = bypass || policy
                                          ->authorize({principal_.arn, settings_.account,
                                                       "kms:PutKeyPolicy", "*", about_the_call()})
                                          .has_value();
  if (!keeps_access) {
    return Error(ServiceErrc::malformed_policy,
                 "The new key policy will not allow you to update the key policy in the future.");
  }
  return policy;
}

KmsCall::Json KmsCall::metadata(const LabKey& key) const {
  return {{"AWSAccountId", settings_.account},
          {"KeyId", key.id},
          {"Arn", arn_of(key)},
          {"CreationDate", static_cast<double>(key.created.value) / 1000},
          {"Enabled", true},
          {"Description", key.description},
          {"KeyUsage", "ENCRYPT_DECRYPT"},
          {"KeyState", "Enabled"},
          {"Origin", "AWS_KMS"},
          {"KeyManager", "CUSTOMER"},
          {"CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"},
          {"KeySpec", "SYMMETRIC_DEFAULT"},
          {"EncryptionAlgorithms", {"SYMMETRIC_DEFAULT"}},
          {"MultiRegion", false}};
}

KmsCall::Reply KmsCall::create_key(JsonObject& body) {
  CONCORDAT_TRY(const auto spec, body.find_text("KeySpec"));
  CONCORDAT_TRY(const auto usage, body.find_text("KeyUsage"));
  if (spec.value_or("SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT" ||
      usage.value_or("ENCRYPT_DECRYPT") != "ENCRYPT_DECRYPT") {
    return Error(ServiceErrc::validation, "the local KMS has symmetric encryption keys only");
  }
  CONCORDAT_TRY(const auto description, body.find_text("Description"));
  CONCORDAT_TRY(const auto given, body.find_text("Policy"));
  const std::string text = given.value_or(KeyPolicy::default_text(settings_.account));
  CONCORDAT_TRY(KeyPolicy policy, checked_policy(body, text));
  CONCORDAT_TRY(const LabKey* key,
                keys_.create(description.value_or(""), text, std::move(policy), now_));
  key_arn_ = arn_of(*key);
  return Json{{"KeyMetadata", metadata(*key)}};
}

KmsCall::Reply KmsCall::describe_key(JsonObject& body) {
  CONCORDAT_TRY(const LabKey* key, named_key(body));
  CONCORDAT_CHECK(authorize(*key, "DescribeKey"));
  return Json{{"KeyMetadata", metadata(*key)}};
}

KmsCall::Reply KmsCall::list_keys(JsonObject&) {
  Json keys = Json::array();
  for (const LabKey* key : keys_.all())
    keys.push_back({{"KeyId", key->id}, {"KeyArn", arn_of(*key)}});
  return Json{{"Keys", std::move(keys)}, {"Truncated", false}};
}

KmsCall::Reply KmsCall::get_key_policy(JsonObject& body) {
  CONCORDAT_TRY(const LabKey* key, named_key(body));
  CONCORDAT_CHECK(authorize(*key, "GetKeyPolicy"));
  return Json{{"Policy", key->policy_text}, {"PolicyName", "default"}};
}

KmsCall::Reply KmsCall::put_key_policy(JsonObject& body) {
  CONCORDAT_TRY(const LabKey* key, named_key(body));
  CONCORDAT_CHECK(authorize(*key, "PutKeyPolicy"));
  CONCORDAT_TRY(const std::string text, body.get_text("Policy"));
  CONCORDAT_TRY(KeyPolicy policy, checked_policy(body, text));
  CONCORDAT_CHECK(keys_.set_policy(key->id, text, std::move(policy)));
  return Json::object();
}

// Without constraints, names and retiring principals.
KmsCall::Reply KmsCall::create_grant(JsonObject& body) {
  CONCORDAT_TRY(const LabKey* key, named_key(body));
  LabGrant grant;
  CONCORDAT_TRY(grant.grantee, body.get_text("GranteePrincipal"));
  CONCORDAT_TRY(grant.operations, body.get_texts("Operations"));
  if (body.find("Constraints") != nullptr) {
    return Error(ServiceErrc::validation, "Constraints: the local KMS evaluates none");
  }
  CONCORDAT_CHECK(authorize(
      *key, "CreateGrant",
      {{"kms:granteeprincipal", {grant.grantee}}, {"kms:grantoperations", grant.operations}}));
  CONCORDAT_TRY(const std::string id, keys_.add_grant(key->id, std::move(grant)));
  return Json{{"GrantId", id}, {"GrantToken", id}};
}

}  // namespace concordat::lab

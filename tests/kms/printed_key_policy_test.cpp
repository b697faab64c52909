// What `concordat policy kms-key-policy` prints, set on a key of the local KMS as it is: the
// custodian is served, and whoever differs from it in one thing is not; whatever else permits it.
#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <set>

#include "attest/authority.hpp"
#include "attest/base/file.hpp"
#include "attest/verify.hpp"
#include "keyservice/cms.hpp"
#include "policy/signer_key.hpp"
#include "tests/cli/run_cli.hpp"
#include "tests/kms/lab_kms_fixture.hpp"

namespace concordat::lab {
namespace {

using attest::AuthorityDescriptor;
using base::Bytes;
using base::SecretBytes;
using keyservice::decrypt_request;
using keyservice::EncryptionContext;
using keyservice::generate_data_key_request;
using keyservice::KmsKeyArn;
using keyservice::RecipientKey;
using keyservice::sign_kms_request;
using nlohmann::json;
using test::pcr;
using testing::HasSubstr;

constexpr const char* kRealm = "lab.example";
constexpr const char* kInstanceId = "i-0123456789abcdef0";
constexpr const char* kDecrypt = "Decrypt";
constexpr const char* kGenerate = "GenerateDataKey";

// A call of the custodian's, to be spoilt.
struct Attempt {
  EnclaveIdentity enclave;
  const AuthorityDescriptor* authority = nullptr;
  EncryptionContext context;
  std::string access_key = "ASIAINSTANCE";
  std::string token = "token";
  bool attested = true;
};

// A call that differs from the custodian's in one thing alone.
struct Difference {
  const char* name;
  const char* condition;  // of the Allow statement; nullptr: its Principal
  const char* denial;     // Sid of the statement that denies it; nullptr: none does
  std::function<void(Attempt&)> spoil;
};

class PrintedKeyPolicy : public test::LabKms {
 protected:
  PrintedKeyPolicy() {
    // As AWS's: the signature of a debug document is good, what it says is for the policy to judge.
    verify_recipient_ = [anchors = attest::trust_anchors_from_root(pki_->root_der()).value()](
                            base::BytesView bytes,
                            base::UnixMillis now) -> base::Result<RecipientClaims> {
      const auto document = attest::UnverifiedDocument::parse(bytes).value();
      const auto claims =
          attest::verify_archived(document, anchors, now, attest::DebugDocuments::allow).value();
      return RecipientClaims{claims.module_id(), claims.public_key().value(), claims.pcrs()};
    };
    restart(Fault::none);
    authority_.emplace(make_policy("policy", 1));
    other_authority_.emplace(make_policy("other", 2));
    enroll("custodian-1", 0xa0, "custodian", {"--account", kInstance, "--instance", kInstanceId});
    set_policy(print());
  }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }

  static test::Ran cli(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "policy");
    return test::run_cli(arguments);
  }

  AuthorityDescriptor make_policy(const std::string& name, unsigned epoch) {
    Bytes seed(32, 7);
    const auto signer = policy::SigningKey::from_seed(SecretBytes::take(seed)).value();
    write("signer.pub", policy::encode_public_key(signer.public_key()));
    const auto made =
        cli({"init", "--policy", path(name + ".json"), "--authority", path(name + ".cbor"),
             "--realm", kRealm, "--signer", path("signer.pub"), "--threshold", "1", "--epoch",
             std::to_string(epoch), "--kms-key", key_.text()});
    EXPECT_EQ(made.status, 0) << made.err;
    return AuthorityDescriptor::parse(base::read_file(path(name + ".cbor"), 4096).value()).value();
  }
  void write(const std::string& name, const std::string& content) {
    ASSERT_TRUE(base::write_file(path(name), base::as_bytes(content)));
  }

  // The image whose registers are `first`, `first` + 1, + 2 and + 8, forty-eight times each.
  void enroll(const std::string& name, std::uint8_t first, const std::string& role,
              const std::vector<std::string>& more) {
    json measured;
    for (const unsigned index : {0, 1, 2, 8}) {
      measured["PCR" + std::to_string(index)] = pcr(static_cast<std::uint8_t>(first + index)).hex();
    }
    write("measured.json", json{{"Measurements", measured}}.dump());
    std::vector<std::string> arguments{"enroll",         name,
                                       "--policy",       path("policy.json"),
                                       "--authority",    path("policy.cbor"),
                                       "--measurements", path("measured.json"),
                                       "--role",         role,
                                       "--responds",     "keys"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto enrolled = cli(arguments);
    ASSERT_EQ(enrolled.status, 0) << enrolled.err;
  }

  std::string print(const std::string& administrator = kAdmin) {
    const auto printed = cli({"kms-key-policy", "--policy", path("policy.json"), "--authority",
                              path("policy.cbor"), "--administrator", administrator});
    EXPECT_EQ(printed.status, 0) << printed.err;
    EXPECT_EQ(printed.err, "");
    return printed.out;
  }

  void set_policy(const std::string& text) {
    ASSERT_EQ(admin("PutKeyPolicy", {{"KeyId", key_.text()}, {"Policy", text}}), json::object());
  }

  EnclaveIdentity image(std::uint8_t first) {
    EnclaveIdentity out;
    out.instance_id = kInstanceId;
    out.role_arn = kInstance;
    out.pcr0 = pcr(first);
    out.pcr1 = pcr(static_cast<std::uint8_t>(first + 1));
    out.pcr2 = pcr(static_cast<std::uint8_t>(first + 2));
    out.pcr8 = pcr(static_cast<std::uint8_t>(first + 8));
    return out;
  }
  Attempt custodian(std::uint8_t first = 0xa0) {
    return {.enclave = image(first),
            .authority = &*authority_,
            .context = keyservice::root_encryption_context(kRealm, 1)};
  }

  Bytes document_of(const Attempt& attempt) {
    SoftwareNsm nsm(*pki_, attempt.enclave, [this] { return now_; });
    if (attempt.authority != nullptr) {
      EXPECT_TRUE(attest::bind_authority(nsm, *attempt.authority));
    }
    return document(nsm, recipient_);
  }

  // The production client's request, less the document where the attempt brings none.
  json call(const std::string& operation, const Attempt& attempt) {
    const Bytes evidence = document_of(attempt);
    auto request = operation == kGenerate
                       ? generate_data_key_request(key_, attempt.context, evidence).value()
                       : decrypt_request(key_, attempt.context, evidence, root_).value();
    if (!attempt.attested) {
      json body = json::parse(request.body);
      body.erase("Recipient");
      request.body = body.dump();
    }
    sign_kms_request(request, key_, credentials(attempt.access_key, attempt.token), now_);
    return json::parse(core_->handle(request, now_).body);
  }
  json attempt(const std::string& operation, const Difference& difference) {
    Attempt spoilt = custodian();
    difference.spoil(spoilt);
    return call(operation, spoilt);
  }
  static bool is_served(const json& reply) { return reply.contains("KeyId"); }
  [[nodiscard]] std::string reason() const { return log_lines_.back().value("detail", ""); }

  // The root's blob, made by the custodian under the policy in force.
  void make_root() {
    const json made = call(kGenerate, custodian());
    ASSERT_TRUE(is_served(made)) << made;
    root_ = base::from_base64(made["CiphertextBlob"].get<std::string>()).value();
  }

  std::vector<Difference> differences() {
    const auto context = [](const char* name, const char* value) {
      return [=](Attempt& a) { a.context[name] = value; };
    };
    return {
        {"no document", nullptr, "DenyUnattested", [](Attempt& a) { a.attested = false; }},
        {"PCR0", "kms:RecipientAttestation:PCR0", "DenyOtherPCR0",
         [](Attempt& a) { a.enclave.pcr0 = pcr(1); }},
        {"PCR1", "kms:RecipientAttestation:PCR1", "DenyOtherPCR1",
         [](Attempt& a) { a.enclave.pcr1 = pcr(1); }},
        {"PCR2", "kms:RecipientAttestation:PCR2", "DenyOtherPCR2",
         [](Attempt& a) { a.enclave.pcr2 = pcr(1); }},
        {"PCR3", "kms:RecipientAttestation:PCR3", "DenyOtherPCR3",
         [](Attempt& a) { a.enclave.role_arn = "arn:aws:iam::999922223333:role/lab-instance"; }},
        {"PCR4", "kms:RecipientAttestation:PCR4", "DenyOtherPCR4",
         [](Attempt& a) { a.enclave.instance_id = "i-0123456789abcdef1"; }},
        {"PCR8", "kms:RecipientAttestation:PCR8", "DenyOtherPCR8",
         [](Attempt& a) { a.enclave.pcr8 = pcr(1); }},
        {"unsigned image", "kms:RecipientAttestation:PCR8", "DenyOtherPCR8",
         [](Attempt& a) { a.enclave.pcr8 = attest::PcrValue(); }},
        {"PCR16 of another authority", "kms:RecipientAttestation:PCR16", "DenyOtherPCR16",
         [this](Attempt& a) { a.authority = &*other_authority_; }},
        {"PCR16 not bound", "kms:RecipientAttestation:PCR16", "DenyOtherPCR16",
         [](Attempt& a) { a.authority = nullptr; }},
        {"debug mode", nullptr, "DenyOtherPCR0", [](Attempt& a) { a.enclave.debug = true; }},
        {"another realm", "kms:EncryptionContext:concordat:realm", "DenyOtherRealms",
         context("concordat:realm", "other.example")},
        {"no realm", "kms:EncryptionContext:concordat:realm", "DenyOtherRealms",
         [](Attempt& a) { a.context.erase("concordat:realm"); }},
        {"another generation", "kms:EncryptionContext:concordat:root-generation",
         "DenyOtherRootGenerations", context("concordat:root-generation", "2")},
        {"no generation", "kms:EncryptionContext:concordat:root-generation",
         "DenyOtherRootGenerations",
         [](Attempt& a) { a.context.erase("concordat:root-generation"); }},
        {"one pair more", "kms:EncryptionContextKeys", nullptr, context("more", "x")},
        {"another caller", nullptr, "DenyOtherCallers",
         [](Attempt& a) {
           a.access_key = "AKIASTRANGER";
           a.token.clear();
         }},
    };
  }

  // What an administrator might add in haste, or IAM give: everything to everyone of the account.
  static json broad_allow() {
    return {{"Sid", "Everything"},
            {"Effect", "Allow"},
            {"Principal", {{"AWS", "arn:aws:iam::111122223333:root"}}},
            {"Action", "kms:*"},
            {"Resource", "*"}};
  }
  static std::string policy_of(json statements) {
    return json{{"Version", "2012-10-17"}, {"Statement", std::move(statements)}}.dump();
  }
  static json statements_of(const std::string& text, const char* effect) {
    const json policy = json::parse(text);
    json out = json::array();
    for (const json& statement : policy.at("Statement")) {
      if (statement.at("Effect") == effect) out.push_back(statement);
    }
    return out;
  }
  static std::string with_broad_allow(const std::string& text) {
    json policy = json::parse(text);
    policy["Statement"].push_back(broad_allow());
    return policy.dump();
  }

  // One for all tests: making it is what takes time.
  static inline const RecipientKey recipient_ = RecipientKey::generate().value();
  KmsKeyArn key_ = create_key(KeyPolicy::default_text(kAccount));
  std::optional<AuthorityDescriptor> authority_;
  std::optional<AuthorityDescriptor> other_authority_;
  Bytes root_;
};

TEST_F(PrintedKeyPolicy, TheCustodianMakesAndUnsealsItsRoot) {
  const json made = call(kGenerate, custodian());
  ASSERT_TRUE(is_served(made)) << made;
  root_ = base::from_base64(made["CiphertextBlob"].get<std::string>()).value();
  const json unsealed = call(kDecrypt, custodian());
  ASSERT_TRUE(is_served(unsealed)) << unsealed;
  const auto open = [&](const json& reply) {
    return open_ciphertext_for_recipient(
               base::from_base64(reply["CiphertextForRecipient"].get<std::string>()).value(),
               recipient_)
        .value();
  };
  EXPECT_TRUE(open(made) == open(unsealed));
  EXPECT_FALSE(made.contains("Plaintext"));
  EXPECT_FALSE(unsealed.contains("Plaintext"));
}

TEST_F(PrintedKeyPolicy, WhoeverDiffersInOneThingIsDenied) {
  make_root();
  for (const Difference& difference : differences()) {
    for (const char* operation : {kDecrypt, kGenerate}) {
      EXPECT_EQ(attempt(operation, difference)["__type"], "AccessDeniedException")
          << difference.name << ", " << operation;
    }
  }
}

// Each case above is about its own condition and no other: without that one it is allowed.
TEST_F(PrintedKeyPolicy, EveryConditionOfTheAllowanceMatters) {
  make_root();
  const std::string text = print();
  const json allowed = statements_of(text, "Allow");
  std::set<std::string> covered;
  for (const Difference& difference : differences()) {
    if (difference.condition == nullptr) continue;
    covered.insert(difference.condition);
    json statements = allowed;
    for (auto& [name, keys] : statements.at(1).at("Condition").items())
      keys.erase(difference.condition);
    set_policy(policy_of(statements));
    EXPECT_TRUE(is_served(attempt(kGenerate, difference))) << difference.name << ": " << reason();
    set_policy(policy_of(allowed));
    EXPECT_FALSE(is_served(attempt(kGenerate, difference))) << difference.name;
    EXPECT_THAT(reason(), HasSubstr(difference.condition)) << difference.name;
  }
  std::set<std::string> conditions;
  for (const auto& [name, keys] : allowed.at(1).at("Condition").items()) {
    for (const auto& [key, values] : keys.items())
      conditions.insert(key);
  }
  EXPECT_EQ(covered, conditions);
}

TEST_F(PrintedKeyPolicy, TheDenialsWinOverWhateverElseAllows) {
  make_root();
  set_policy(with_broad_allow(print()));
  for (const Difference& difference : differences()) {
    if (difference.denial == nullptr) continue;
    for (const char* operation : {kDecrypt, kGenerate}) {
      EXPECT_EQ(attempt(operation, difference)["__type"], "AccessDeniedException")
          << difference.name << ", " << operation;
      EXPECT_THAT(reason(), HasSubstr("denies it: statement Deny")) << difference.name;
    }
  }
  EXPECT_TRUE(is_served(call(kDecrypt, custodian()))) << reason();
}

// One denial alone against an allowance of everything: it is what stands in the way.
TEST_F(PrintedKeyPolicy, EveryDenialMatters) {
  make_root();
  const json denials = statements_of(print(), "Deny");
  std::set<std::string> covered{"DenyOtherOperations", "DenyForeignKeyMaterial"};  // tests below
  for (const Difference& difference : differences()) {
    if (difference.denial == nullptr) continue;
    covered.insert(difference.denial);
    const auto denial = std::ranges::find_if(
        denials, [&](const json& statement) { return statement.at("Sid") == difference.denial; });
    ASSERT_NE(denial, denials.end()) << difference.denial;
    set_policy(policy_of(json::array({broad_allow(), *denial})));
    for (const char* operation : {kDecrypt, kGenerate}) {
      EXPECT_FALSE(is_served(attempt(operation, difference))) << difference.name;
      EXPECT_THAT(reason(), HasSubstr(std::string("statement ") + difference.denial));
      EXPECT_TRUE(is_served(call(operation, custodian()))) << difference.denial << reason();
    }
    set_policy(policy_of(broad_allow()));
    EXPECT_TRUE(is_served(attempt(kGenerate, difference))) << difference.name << reason();
  }
  std::set<std::string> names;
  for (const json& statement : denials)
    names.insert(statement.at("Sid"));
  EXPECT_EQ(covered, names);
}

// The sealed root moved under a key whose policy asks for nothing, and read there.
TEST_F(PrintedKeyPolicy, ReEncryptionMovesTheRootNowhere) {
  make_root();
  const KmsKeyArn theirs = create_key(KeyPolicy::default_text(kAccount));
  const json move = {{"CiphertextBlob", base::to_base64(root_)},
                     {"SourceEncryptionContext", keyservice::root_encryption_context(kRealm, 1)},
                     {"DestinationKeyId", theirs.text()}};
  set_policy(policy_of(broad_allow()));
  const json moved = stranger("ReEncrypt", move);
  ASSERT_TRUE(is_served(moved)) << moved;
  EXPECT_TRUE(
      stranger("Decrypt", {{"CiphertextBlob", moved["CiphertextBlob"]}}).contains("Plaintext"));

  set_policy(with_broad_allow(print()));
  EXPECT_EQ(stranger("ReEncrypt", move)["__type"], "AccessDeniedException");
  EXPECT_THAT(reason(), HasSubstr("kms:ReEncryptFrom"));
  // Nor does a blob of theirs become one of this key.
  const json known = stranger("Encrypt", {{"KeyId", theirs.text()}, {"Plaintext", "AA=="}});
  EXPECT_EQ(stranger("ReEncrypt", {{"CiphertextBlob", known["CiphertextBlob"]},
                                   {"DestinationKeyId", key_.text()}})["__type"],
            "AccessDeniedException");
  EXPECT_THAT(reason(), HasSubstr("kms:ReEncryptTo"));
}

TEST_F(PrintedKeyPolicy, NobodyMakesBlobsThatPassForARoot) {
  const json context = keyservice::root_encryption_context(kRealm, 1);
  const json known = {
      {"KeyId", key_.text()}, {"Plaintext", "AA=="}, {"EncryptionContext", context}};
  const json unknown = {
      {"KeyId", key_.text()}, {"KeySpec", "AES_256"}, {"EncryptionContext", context}};
  set_policy(policy_of(broad_allow()));
  EXPECT_TRUE(is_served(admin("Encrypt", known)));
  EXPECT_TRUE(is_served(admin("GenerateDataKeyWithoutPlaintext", unknown)));
  set_policy(with_broad_allow(print()));
  EXPECT_EQ(admin("Encrypt", known)["__type"], "AccessDeniedException");
  EXPECT_EQ(admin("GenerateDataKeyWithoutPlaintext", unknown)["__type"], "AccessDeniedException");
  EXPECT_EQ(instance("Encrypt", known)["__type"], "AccessDeniedException");
}

TEST_F(PrintedKeyPolicy, GrantsAreNotMadeAndEarlierOnesOpenNothing) {
  const json grant = {{"KeyId", key_.text()},
                      {"GranteePrincipal", kStranger},
                      {"Operations", {kDecrypt, kGenerate}}};
  make_root();
  Attempt theirs = custodian();
  theirs.access_key = "AKIASTRANGER";
  theirs.token.clear();
  theirs.enclave.pcr0 = pcr(1);
  Attempt bare = theirs;
  bare.attested = false;

  set_policy(policy_of(broad_allow()));
  EXPECT_TRUE(admin("CreateGrant", grant).contains("GrantId"));
  set_policy(policy_of(statements_of(print(), "Allow")));
  restart(Fault::none);  // the grant persists
  EXPECT_TRUE(is_served(call(kDecrypt, theirs))) << "a grant permits beside the key policy";
  EXPECT_TRUE(is_served(call(kDecrypt, bare)));

  set_policy(print());
  EXPECT_FALSE(is_served(call(kDecrypt, theirs)));
  EXPECT_FALSE(is_served(call(kDecrypt, bare)));
  EXPECT_FALSE(is_served(call(kGenerate, bare)));
  set_policy(with_broad_allow(print()));
  EXPECT_EQ(admin("CreateGrant", grant)["__type"], "AccessDeniedException");
  EXPECT_THAT(reason(), HasSubstr("denies it: statement DenyOtherOperations"));
}

// The evaluator alone: the local KMS has not all of these operations.
TEST_F(PrintedKeyPolicy, NoOtherUseOfTheKeyIsPermitted) {
  const KeyPolicy denied = KeyPolicy::parse(with_broad_allow(print())).value();
  const KeyPolicy open = KeyPolicy::parse(policy_of(broad_allow())).value();
  for (const char* action :
       {"kms:CreateGrant", "kms:DeriveSharedSecret", "kms:Encrypt", "kms:GenerateDataKeyPair",
        "kms:GenerateDataKeyPairWithoutPlaintext", "kms:GenerateDataKeyWithoutPlaintext",
        "kms:GenerateMac", "kms:GetParametersForImport", "kms:ImportKeyMaterial",
        "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:ReplicateKey", "kms:Sign",
        "kms:UpdatePrimaryRegion"}) {
    for (const char* caller : {kAdmin, kInstance, kStranger}) {
      const PolicyQuestion question{caller, kAccount, action, key_.text(), {}};
      EXPECT_TRUE(open.authorize(question)) << action;
      EXPECT_TRUE(denied.authorize(question).error().is(KeyPolicyErrc::explicitly_denied))
          << action;
    }
  }
}

TEST_F(PrintedKeyPolicy, KeyMaterialThatSomebodyBroughtSealsNothing) {
  json foreign;
  for (const json& statement : statements_of(print(), "Deny")) {
    if (statement.at("Sid") == "DenyForeignKeyMaterial") foreign = statement;
  }
  const KeyPolicy policy =
      KeyPolicy::parse(policy_of(json::array({broad_allow(), foreign}))).value();
  const auto judged = [&](const char* action, const ConditionKeys& keys) {
    return policy.authorize({kInstance, kAccount, action, key_.text(), keys}).has_value();
  };
  for (const char* action : {"kms:Decrypt", "kms:GenerateDataKey"}) {
    EXPECT_TRUE(judged(action, {{"kms:keyorigin", {"AWS_KMS"}}}));
    for (const char* origin : {"EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"})
      EXPECT_FALSE(judged(action, {{"kms:keyorigin", {origin}}})) << origin;
    EXPECT_FALSE(judged(action, {}));
  }
}

TEST_F(PrintedKeyPolicy, AdministratorsAdministerAndDoNotRead) {
  make_root();
  set_policy(print());
  EXPECT_EQ(admin("GetKeyPolicy", {{"KeyId", key_.text()}})["Policy"], print());
  EXPECT_TRUE(admin("DescribeKey", {{"KeyId", key_.text()}}).contains("KeyMetadata"));
  EXPECT_EQ(admin(kDecrypt, {{"CiphertextBlob", base::to_base64(root_)},
                             {"EncryptionContext",
                              keyservice::root_encryption_context(kRealm, 1)}})["__type"],
            "AccessDeniedException");
  for (const char* operation : {"PutKeyPolicy", "GetKeyPolicy", "DescribeKey"}) {
    const json body = {{"KeyId", key_.text()}, {"Policy", print()}};
    EXPECT_EQ(instance(operation, body)["__type"], "AccessDeniedException") << operation;
    EXPECT_EQ(stranger(operation, body)["__type"], "AccessDeniedException") << operation;
  }
  // KMS keeps people from locking themselves out.
  EXPECT_EQ(admin("PutKeyPolicy",
                  {{"KeyId", key_.text()},
                   {"Policy", print("arn:aws:iam::111122223333:role/other-admin")}})["__type"],
            "MalformedPolicyDocumentException");
}

// Two images in two roles, each with its own account: four allowances would be twice too many.
TEST_F(PrintedKeyPolicy, RegistersOfTwoCustodiansDoNotMix) {
  constexpr const char* kOtherAccount = "arn:aws:iam::111122223333:role/stranger";
  enroll("custodian-2", 0xb0, "reserve", {"--account", kOtherAccount, "--instance", kInstanceId});
  set_policy(print());
  make_root();
  Attempt second = custodian(0xb0);
  second.enclave.role_arn = kOtherAccount;
  second.access_key = "AKIASTRANGER";
  second.token.clear();
  EXPECT_TRUE(is_served(call(kDecrypt, second))) << reason();

  Attempt mixed = custodian();
  mixed.enclave.pcr8 = second.enclave.pcr8;
  EXPECT_FALSE(is_served(call(kDecrypt, mixed)));
  mixed = custodian();
  mixed.enclave.role_arn = kOtherAccount;
  EXPECT_FALSE(is_served(call(kDecrypt, mixed)));
  mixed = second;
  mixed.enclave.pcr2 = custodian().enclave.pcr2;
  EXPECT_FALSE(is_served(call(kDecrypt, mixed)));
}

}  // namespace
}  // namespace concordat::lab

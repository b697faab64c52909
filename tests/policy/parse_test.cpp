// The policy format: every field required, nothing else taken, every mistake found and located.
#include "policy/parse.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/policy/samples.hpp"
#include "tests/policy/verdict.hpp"

namespace concordat::policy {
namespace {

using test::image_pcr;
using test::kAccount;
using test::replaced;
using test::verdict;
using Json = nlohmann::ordered_json;

std::string with(std::string_view from, std::string_view to) {
  return verdict(replaced(sample(), from, to));
}

TEST(ParsePolicy, ReadsTheSample) {
  const Model model = load_policy(sample()).value();
  EXPECT_EQ(model.realm, test::kRealm);
  EXPECT_EQ(model.serial, 1u);
  EXPECT_EQ(base::format_rfc3339(model.valid_from), "2026-01-01T00:00:00Z");
  EXPECT_EQ(base::format_rfc3339(model.valid_until), "2026-01-31T00:00:00Z");
  EXPECT_EQ(model.authority, test::TestAuthority().descriptor().digest());
  EXPECT_EQ(model.kms_key_arn, test::kKmsKey);
  EXPECT_EQ(model.current_root(), nullptr);
  ASSERT_EQ(model.images.size(), 3u);
  EXPECT_EQ(model.image("payments-1")->pcr2, image_pcr("payments-1", 2));
  EXPECT_FALSE(model.image("payments-1")->pcr8.has_value());
  const Role& custodian = *model.role("custodian");
  EXPECT_EQ(custodian.images, std::vector<std::uint32_t>{0});
  EXPECT_EQ(custodian.accounts->at(0).text, kAccount);
  EXPECT_FALSE(custodian.instances.has_value());
  EXPECT_EQ(model.purpose("keys")->responder, std::vector<std::string>{"custodian"});
  ASSERT_EQ(model.grants.size(), 2u);
  EXPECT_EQ(model.grants[0].operations, (std::vector<Operation>{Operation::get, Operation::sign}));
  EXPECT_FALSE(model.grants[0].use_limit.has_value());
  EXPECT_FALSE(model.grants[0].expires.has_value());
  EXPECT_FALSE(custodian.maximum_live.has_value());
  EXPECT_FALSE(model.freshness.has_value());
  EXPECT_TRUE(model.rotation.empty());
  EXPECT_TRUE(model.operators.empty());
  EXPECT_FALSE(model.recovery.has_value());
}

TEST(ParsePolicy, ReadsEverythingThatAPolicyMaySay) {
  const Model model = load_policy(full()).value();
  EXPECT_EQ(model.freshness->key, test::freshness_key().public_key());
  EXPECT_EQ(model.freshness->max_age_seconds, 600u);
  ASSERT_EQ(model.root_generations.size(), 2u);
  EXPECT_EQ(model.current_root()->generation, 2u);
  EXPECT_EQ(model.image("custodian-1")->pcr8, image_pcr("custodian-1", 8));
  EXPECT_EQ(model.role("custodian")->instances->at(0).text, "i-0123456789abcdef0");
  EXPECT_EQ(model.role("custodian")->maximum_live, 2u);
  EXPECT_EQ(model.grants[0].use_limit, 1000u);
  EXPECT_EQ(base::format_rfc3339(*model.grants[0].expires), "2026-01-20T00:00:00Z");
  ASSERT_EQ(model.rotation.size(), 1u);
  EXPECT_EQ(model.rotation.at("payments/*").every_seconds, 7776000u);
  const Operator& dana = model.operators.at("dana");
  EXPECT_EQ(dana.key, test::operator_key().public_key());
  EXPECT_EQ(dana.purposes, std::vector<std::string>{"operate/keys"});
  EXPECT_EQ(model.recovery->threshold, 1u);
  ASSERT_EQ(model.recovery->holders.size(), 2u);
  EXPECT_EQ(model.recovery->holders.at("frank").hex(), std::string(64, '4'));
}

TEST(ParsePolicy, KnowsEveryOperationByItsName) {
  const Model model = load_policy(replaced(sample(), "\"get\",\n        \"sign\"",
                                           R"("get", "sign", "verify", "encrypt", "decrypt", "wrap",
                                           "unwrap", "mac", "derive", "random", "public")"))
                          .value();
  ASSERT_EQ(model.grants[0].operations.size(), kOperations);
  for (std::size_t i = 0; i < kOperations; ++i)
    EXPECT_EQ(model.grants[0].operations[i], static_cast<Operation>(i + 1));
}

TEST(ParsePolicy, RefusesInTheFullFormTable) {
  const auto verdict_of = [](std::string_view from, std::string_view to) {
    return verdict(replaced(full(), from, to));
  };
  const std::string freshness = test::freshness_key().public_key().hex();
  const std::string dana = test::operator_key().public_key().hex();
  const std::string not_a_point = std::string(64, '2');
  const std::string neutral_point = "01" + std::string(62, '0');
  // X25519 does not look at the highest bit and reduces modulo 2^255 - 19: erin's key, and 9,
  // again.
  const std::string erin_again = std::string(62, '3') + "b3";
  const std::string nine_plus_prime = "f6" + std::string(60, 'f') + "7f";
  const std::string low_order = std::string(64, '0');
  const struct {
    std::string from;
    std::string to;
    const char* verdict;
  } cases[] = {
      {"\"max_age_seconds\": 600", "\"max_age_seconds\": 604800", "accepted"},
      {"\"max_age_seconds\": 600", "\"max_age_seconds\": 604801",
       "bad_value /freshness/max_age_seconds"},
      {freshness, freshness.substr(1), "bad_value /freshness/key"},
      {freshness, not_a_point, "bad_value /freshness/key"},
      {dana, not_a_point, "bad_value /operators/dana/key"},
      {dana, neutral_point, "bad_value /operators/dana/key"},
      {"\"maximum_live\": 2", "\"maximum_live\": 0", "bad_value /roles/custodian/maximum_live"},
      {"\"maximum_live\": 2", "\"maximum_live\": \"none\"",
       "wrong_type /roles/custodian/maximum_live"},
      {"\"use_limit\": 1000", "\"use_limit\": 0", "bad_value /grants/0/use_limit"},
      {"2026-01-20T00:00:00Z", "soon", "bad_value /grants/0/expires"},
      {"[\"operate/keys\"]", "[\"operate\"]", "dangling_name /operators/dana/purposes/0"},
      {dana, freshness, "key_reused /operators/dana/key"},
      {std::string(64, '4'), std::string(64, '3'), "key_reused /recovery/holders/frank/key"},
      {std::string(64, '4'), dana, "key_reused /recovery/holders/frank/key"},
      {std::string(64, '4'), erin_again, "bad_value /recovery/holders/frank/key"},
      {std::string(64, '4'), nine_plus_prime, "bad_value /recovery/holders/frank/key"},
      {std::string(64, '4'), low_order, "bad_value /recovery/holders/frank/key"},
      // The prime less one.
      {std::string(64, '4'), "ec" + std::string(60, 'f') + "7f",
       "bad_value /recovery/holders/frank/key"},
      {std::string(64, '4'), "eb" + std::string(60, 'f') + "7f", "accepted"},
      {"\"threshold\": 1", "\"threshold\": 2", "accepted"},
      {"\"threshold\": 1", "\"threshold\": 3", "bad_value /recovery/threshold"},
      {"\"threshold\": 1", "\"threshold\": 0", "bad_value /recovery/threshold"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(verdict_of(c.from, c.to), c.verdict) << c.from << " -> " << c.to;
}

// SHA-384(48 zero bytes || text), computed with Python's hashlib.
TEST(ParsePolicy, HashesAccountsAndInstancesAsNitroDoes) {
  EXPECT_EQ(pcr_of_text("i-0123456789abcdef0").hex(),
            "d6432900ac1c343cb40286898792c55e962aef0cc35c4910c0c286145b51af19e782cb21cc31a042671d7d"
            "fbd398251c");
  const auto model = load_policy(replaced(sample(), "\"instances\": \"any\"",
                                          "\"instances\": [\"i-0123456789abcdef0\", \"" +
                                              std::string(96, 'A') + "\"]"))
                         .value();
  const auto& pins = *model.role("custodian")->instances;
  EXPECT_EQ(pins[0].value, pcr_of_text("i-0123456789abcdef0"));
  EXPECT_EQ(pins[1].value.hex(), std::string(96, 'a'));
}

TEST(ParsePolicy, RefusesTable) {
  const std::string pcr0 = image_pcr("custodian-1", 0).hex();
  const struct {
    const char* from;
    std::string to;
    const char* verdict;
  } cases[] = {
      {"concordat/policy/1", "concordat/policy/2", "bad_value /format"},
      {test::kRealm, "Lab.example", "bad_value /realm"},
      {test::kRealm, "-lab", "bad_value /realm"},
      {test::kRealm, "lab/example", "bad_value /realm"},
      {"\"serial\": 1", "\"serial\": 0", "bad_value /serial"},
      {"\"serial\": 1", "\"serial\": -1", "wrong_type /serial"},
      {"\"serial\": 1", "\"audited_uses\": \"all\", \"serial\": 1", "accepted"},
      {"\"serial\": 1", "\"audited_uses\": \"secret\", \"serial\": 1", "accepted"},
      {"\"serial\": 1", "\"audited_uses\": \"none\", \"serial\": 1", "bad_value /audited_uses"},
      {"\"serial\": 1", "\"audited_uses\": \"\", \"serial\": 1", "bad_value /audited_uses"},
      {"\"serial\": 1", "\"audited_uses\": true, \"serial\": 1", "wrong_type /audited_uses"},
      {"\"serial\": 1", "\"serial\": 1.0", "wrong_type /serial"},
      {"\"serial\": 1", "\"serial\": \"1\"", "wrong_type /serial"},
      {"\"serial\": 1", "\"serial\": 9007199254740991", "accepted"},
      {"\"serial\": 1", "\"serial\": 9007199254740992", "bad_value /serial"},
      {"2026-01-01T00:00:00Z", "2026-01-01", "bad_value /validity/not_before"},
      {"2026-01-31T00:00:00Z", "2026-01-01T00:00:00Z", "bad_validity /validity/not_after"},
      {"2026-01-31T00:00:00Z", "2026-04-01T00:00:00Z", "accepted"},
      {"2026-01-31T00:00:00Z", "2026-04-01T00:00:01Z", "bad_validity /validity/not_after"},
      {"\"document_max_age_seconds\": 300", "\"document_max_age_seconds\": 0",
       "bad_value /document_max_age_seconds"},
      {"\"document_max_age_seconds\": 300", "\"document_max_age_seconds\": 3601",
       "bad_value /document_max_age_seconds"},
      {"\"seconds\": 3600", "\"seconds\": 86401", "bad_value /channel_life/seconds"},
      {"\"bytes\": 1073741824", "\"bytes\": 68719476737", "bad_value /channel_life/bytes"},
      {"\"records\": 1048576", "\"records\": 16777217", "bad_value /channel_life/records"},
      {"\"minimum_protocol_version\": 1", "\"minimum_protocol_version\": 65536",
       "bad_value /minimum_protocol_version"},
      {":key/1234", ":alias/1234", "bad_value /root/kms_key_arn"},
      // What no custodian could dial.
      {"arn:aws:kms:us-east-1", "arn:aws-cn:kms:cn-north-1", "bad_value /root/kms_key_arn"},
      {"arn:aws:kms:us-east-1", "arn:aws:kms:anywhere", "bad_value /root/kms_key_arn"},
      {":key/1234abcd", ":key/abcd", "bad_value /root/kms_key_arn"},
      {test::kKmsKey, "none", "bad_roots /root/kms_key_arn"},
      {"\"generations\": []", "\"generations\": [{}]", "missing_key /root/generations/0"},
      {"\"custodian-1\": {", "\"-bad\": {", "bad_value /images/-bad"},
      {pcr0.c_str(), std::string(96, '0'), "weak_pin /images/custodian-1/PCR0"},
      {pcr0.c_str(), std::string(95, '1'), "bad_value /images/custodian-1/PCR0"},
      {pcr0.c_str(), std::string(96, 'g'), "bad_value /images/custodian-1/PCR0"},
      {"\"PCR8\": \"any\"", "\"PCR8\": \"" + std::string(96, '0') + "\"",
       "weak_pin /images/custodian-1/PCR8"},
      {"\"PCR8\": \"any\"", "\"PCR8\": \"some\"", "bad_value /images/custodian-1/PCR8"},
      {"\"PCR8\": \"any\"", "\"PCR8\": \"any\", \"PCR4\": \"any\"",
       "unknown_key /images/custodian-1/PCR4"},
      {"\"custodian-1\": {",
       "\"signed\": {\"PCR8\": \"" + std::string(96, '1') + "\"}, \"custodian-1\": {",
       "weak_pin /images/signed"},
      {"\"images\": [\n        \"custodian-1\"", "\"images\": [\n        \"custodian-2\"",
       "dangling_name /roles/custodian/images/0"},
      {kAccount, "arn:aws:iam::111122223333:user/x", "bad_value /roles/custodian/accounts/0"},
      {kAccount, std::string(96, '0'), "bad_value /roles/custodian/accounts/0"},
      {"\"instances\": \"any\"", "\"instances\": \"i-0123456789abcdef0\"",
       "bad_value /roles/custodian/instances"},
      {"\"responder\": [\n        \"custodian\"", "\"responder\": [\n        \"nobody\"",
       "dangling_name /purposes/keys/responder/0"},
      {"\"payments\",\n        \"reports\"", "\"payments\",\n        \"payments\"",
       "bad_value /purposes/keys/initiator/1"},
      {"\"keys\": {", "\"Keys\": {", "bad_value /purposes/Keys"},
      {"\"keys\": \"payments/*\"", "\"keys\": \"payments*\"", "bad_value /grants/0/keys"},
      {"\"role\": \"payments\"", "\"role\": \"nobody\"", "dangling_name /grants/0/role"},
      {"\"get\",\n        \"sign\"", "\"get\",\n        \"steal\"",
       "bad_value /grants/0/operations/1"},
      {"\"get\",\n        \"sign\"", "\"get\",\n        \"get\"",
       "bad_value /grants/0/operations/1"},
      {"\"images\": [\n        \"payments-1\"\n      ]", "\"images\": []", "accepted"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(with(c.from, c.to), c.verdict) << c.from << " -> " << c.to;
}

// What an operator sends to a custodian reaches no other enclave, whatever the policy's author
// meant.
TEST(ParsePolicy, AdministrationIsBetweenOperatorsAndCustodians) {
  const std::string sample =
      test::with_operator(::concordat::policy::sample(), "dana", test::operator_key().public_key());
  EXPECT_EQ(verdict(sample), "accepted");
  const std::string admin = "\"admin\": {\"initiator\": [], \"responder\": [\"custodian\"]}";
  EXPECT_EQ(verdict(replaced(sample, admin,
                             "\"admin\": {\"initiator\": [], \"responder\": [\"custodian\", "
                             "\"payments\"]}")),
            "purpose_misused /purposes/admin/responder");
  EXPECT_EQ(verdict(replaced(sample, admin,
                             "\"admin\": {\"initiator\": [\"payments\"], \"responder\": "
                             "[\"custodian\"]}")),
            "purpose_misused /purposes/admin/initiator");
  EXPECT_EQ(verdict(replaced(sample, "\"keys\": {", "\"locks\": {")),
            "purpose_misused /purposes/admin/responder");
}

// Whoever asks for the root gets all that there is.
TEST(ParsePolicy, ReplicationIsAmongCustodians) {
  const auto with_replica = [](const std::string& initiator, const std::string& responder) {
    return replaced(sample(), "\"keys\": {\n",
                    "\"replica\": {\"initiator\": [\"" + initiator + "\"], \"responder\": [\"" +
                        responder + "\"]},\n    \"keys\": {\n");
  };
  EXPECT_EQ(verdict(with_replica("custodian", "custodian")), "accepted");
  EXPECT_EQ(verdict(with_replica("payments", "custodian")),
            "purpose_misused /purposes/replica/initiator");
  EXPECT_EQ(verdict(with_replica("custodian", "payments")),
            "purpose_misused /purposes/replica/responder");
}

TEST(ParsePolicy, ACustodianMustBePinned) {
  const std::string pinned = std::string("[\n        \"") + kAccount + "\"\n      ]";
  const std::string unpinned = replaced(sample(), pinned, "\"any\"");
  EXPECT_EQ(verdict(unpinned), "custodian_unpinned /roles/custodian");
  EXPECT_EQ(verdict(replaced(unpinned, "\"instances\": \"any\"",
                             "\"instances\": [\"i-0123456789abcdef0\"]")),
            "accepted");
}

TEST(ParsePolicy, RotationIsByKeyPattern) {
  const auto rotated = [](const std::string& keys) {
    return with("\"rotation\": {}", "\"rotation\": {\"" + keys + "\": {\"every_seconds\": 86400}}");
  };
  for (const char* const keys : {"*", "payments/*", "payments/card"})
    EXPECT_EQ(rotated(keys), "accepted") << keys;
  EXPECT_EQ(rotated("payments/"), "bad_value /rotation/payments~1");
  EXPECT_EQ(rotated("*/card"), "bad_value /rotation/*~1card");
  EXPECT_EQ(rotated(".."), "bad_value /rotation/..");
}

TEST(ParsePolicy, RootGenerations) {
  const auto root = [](int generation, const char* state, std::size_t digits = 96) {
    return "{\"generation\": " + std::to_string(generation) + ", \"state\": \"" + state +
           "\", \"commitment\": \"" + std::string(digits, 'c') + "\"}";
  };
  const auto with_roots = [](const std::string& roots) {
    return with("\"generations\": []", "\"generations\": [" + roots + "]");
  };
  EXPECT_EQ(with_roots(root(1, "read_only") + "," + root(2, "current")), "accepted");
  EXPECT_EQ(with_roots(root(1, "current", 64)), "accepted");
  EXPECT_EQ(with_roots(root(1, "current", 62)), "bad_value /root/generations/0/commitment");
  EXPECT_EQ(with_roots(root(1, "current", 98)), "bad_value /root/generations/0/commitment");
  EXPECT_EQ(with_roots(root(1, "retired")), "bad_value /root/generations/0/state");
  EXPECT_EQ(with_roots(root(0, "current")), "bad_value /root/generations/0/generation");
  EXPECT_EQ(with_roots(root(1, "read_only")), "bad_roots /root/generations");
  EXPECT_EQ(with_roots(root(1, "current") + "," + root(2, "current")),
            "bad_roots /root/generations");
  EXPECT_EQ(with_roots(root(2, "current") + "," + root(1, "read_only")),
            "bad_roots /root/generations");
  EXPECT_EQ(with_roots(root(1, "current") + "," + root(1, "read_only")),
            "bad_roots /root/generations");
}

// Every object of the file: without each key, with each value null, empty or of another type, with
// a key twice, with a sibling that the format does not know. Every item of a list the same.
class Mutations {
 public:
  static void run(const Json& file) {
    Mutations self(file);
    self.visit(file, Pointer());
    EXPECT_GT(self.count_, 1000u);
  }

 private:
  using Pointer = Json::json_pointer;

  explicit Mutations(const Json& file) : file_(file) {}

  // Names of images, roles and the like are the author's own.
  static bool is_dictionary(const Pointer& at) {
    const std::string pointer = at.to_string();
    return pointer == "/images" || pointer == "/roles" || pointer == "/purposes" ||
           pointer == "/rotation" || pointer == "/operators" || pointer == "/recovery/holders" ||
           pointer == "/sessions" || pointer == "/sessions/sums/realms" ||
           pointer == "/sessions/sums/realms/bank-b.example/roles";
  }
  // Whether the format allows `other` there, whatever else it may then contradict.
  static bool may_stand(const Pointer& at, const Json& value, const Json& other) {
    const std::string& key = at.back();
    if (other.is_number_unsigned()) {
      return value.is_number() || key == "maximum_live" || key == "use_limit" ||
             key == "runs_per_input";
    }
    if (other == Json::array()) return value.is_array() || key == "accounts" || key == "instances";
    return other == Json::object() && is_dictionary(at);
  }
  void visit(const Json& value, const Pointer& at) {
    if (value.is_object()) {
      for (const auto& [key, child] : value.items()) {
        // The one key that may be left out: there are none then.
        const bool is_optional = at.empty() && key == "sessions";
        if (!is_dictionary(at) && !is_optional) remove(at, key);
        repeat(at, key);
        replace(child, at / key);
        visit(child, at / key);
      }
      Json file = file_;
      file[at]["unknown_sibling"] = 1;
      refuse(file, is_dictionary(at) ? "" : "unknown_key");
    } else if (value.is_array()) {
      for (std::size_t i = 0; i < value.size(); ++i) {
        replace(value[i], at / i);
        visit(value[i], at / i);
      }
      Json file = file_;
      file[at].push_back(nullptr);
      refuse(file, "");
      if (value.empty() || at.to_string() == "/grants") return;
      file = file_;
      file[at].push_back(Json(value.front()));
      refuse(file, "");
    }
  }
  void remove(const Pointer& at, const std::string& key) {
    Json file = file_;
    file[at].erase(key);
    refuse(file, "missing_key");
  }
  void replace(const Json& value, const Pointer& at) {
    const Json others[] = {nullptr,
                           true,
                           -1,
                           1.5,
                           "",
                           Json::array({1}),
                           Json::object({{"x", 1}}),
                           7u,
                           "seven!",
                           Json::array(),
                           Json::object()};
    for (const Json& other : others) {
      if (may_stand(at, value, other)) continue;
      Json file = file_;
      file[at] = other;
      refuse(file, "");
    }
  }
  // The key twice in its object, each time with the very same value.
  void repeat(const Pointer& at, const std::string& key) {
    constexpr const char* kOther = "the same key again";
    Json file = file_;
    file[at][kOther] = file[at][key];
    refuse_text(replaced(file.dump(2), Json(kOther).dump(), Json(key).dump()), "duplicate_key");
  }
  void refuse(const Json& file, const std::string& code) { refuse_text(file.dump(2), code); }
  void refuse_text(const std::string& text, const std::string& code) {
    ++count_;
    const ParsedPolicy parsed = parse_policy(text);
    ASSERT_FALSE(parsed.model.has_value()) << text;
    ASSERT_FALSE(parsed.findings.empty());
    for (const Finding& finding : parsed.findings)
      EXPECT_GT(finding.line, 0u) << finding.message;
    EXPECT_TRUE(code.empty() || std::ranges::any_of(parsed.findings,
                                                    [&](const Finding& finding) {
                                                      return describe(finding.code).name == code;
                                                    }))
        << code << "\n"
        << text;
  }

  const Json& file_;
  std::size_t count_ = 0;
};

TEST(ParsePolicy, EveryStructuralMutationIsRefused) {
  Mutations::run(Json::parse(full()));
  Mutations::run(Json::parse(sample()));
}

TEST(ParsePolicy, FindsEveryMistakeWithItsPlace) {
  std::string text = replaced(sample(), "\"serial\": 1", "\"serial\": 0");
  const ParsedPolicy parsed =
      parse_policy(replaced(text, "\"role\": \"reports\"", "\"rule\": \"reports\""));
  ASSERT_EQ(parsed.findings.size(), 3u);
  EXPECT_EQ(parsed.findings[0].to_string(), "4:3 /serial: 0 is not between 1 and 9007199254740991");
  EXPECT_EQ(parsed.findings[1].pointer, "/grants/1");
  EXPECT_EQ(parsed.findings[2].pointer, "/grants/1/rule");
  EXPECT_EQ(parsed.findings[1].to_error().to_string(),
            "a required key is missing: " + parsed.findings[1].to_string());
}

}  // namespace
}  // namespace concordat::policy

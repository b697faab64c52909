// What a policy comes to, gathered; and files that may be a policy or a signed one.
#include "policy/describe.hpp"

#include <gtest/gtest.h>

#include "policy/parse.hpp"
#include "policy/policy_file.hpp"
#include "tests/policy/samples.hpp"

namespace concordat::policy {
namespace {

using test::kNow;
using test::replaced;
using Names = std::vector<std::string>;

TEST(Describe, WhoTalksToWhomAndGetsWhat) {
  const Model model = load_policy(test::full_policy(authority().descriptor())).value();
  const Description description = describe(model);
  ASSERT_EQ(description.conversations.size(), 2u);
  const Conversation& keys = description.conversations[0];
  EXPECT_EQ(keys.purpose, "keys");
  EXPECT_EQ(keys.ask, (Names{"payments", "reports"}));
  EXPECT_EQ(keys.answer, Names{"custodian"});
  EXPECT_EQ(description.conversations[1].operators, Names{"dana"});
  ASSERT_EQ(description.roles.size(), 3u);
  const RoleSummary& custodian = description.roles[0];
  EXPECT_TRUE(custodian.is_custodian);
  EXPECT_EQ(custodian.answers, (Names{"keys", "operate/keys"}));
  EXPECT_TRUE(custodian.grants.empty());
  const RoleSummary& payments = description.roles[1];
  EXPECT_FALSE(payments.is_custodian);
  EXPECT_EQ(payments.images, Names{"payments-1"});
  EXPECT_EQ(payments.asks, Names{"keys"});
  ASSERT_EQ(payments.grants.size(), 1u);
  EXPECT_EQ(payments.grants[0]->use_limit, 1000u);
}

TEST(Describe, ThatSomeUsesHaveNoEntryIsSaid) {
  const auto text = [](const std::string& file) {
    const Model model = load_policy(file).value();
    return to_text(describe(model), kNow);
  };
  const std::string words = "no entry in the audit log";
  EXPECT_EQ(text(sample()).find(words), std::string::npos);
  const std::string secret =
      replaced(sample(), "\"serial\": 1", "\"audited_uses\": \"secret\", \"serial\": 1");
  EXPECT_NE(text(secret).find(words), std::string::npos);
}

TEST(AuditedUses, ReleasesAndWhatIsMadeWithKeysAlwaysHaveAnEntry) {
  for (std::size_t i = 1; i <= kOperations; ++i) {
    const auto operation = static_cast<Operation>(i);
    const bool is_open = operation == Operation::verify || operation == Operation::random ||
                         operation == Operation::public_key;
    EXPECT_TRUE(is_audited(AuditedUses::all, to_string(operation)));
    EXPECT_EQ(is_audited(AuditedUses::secret, to_string(operation)), !is_open)
        << to_string(operation);
  }
  EXPECT_TRUE(is_audited(AuditedUses::secret, "something newer"));
  EXPECT_TRUE(is_audited(AuditedUses::secret, ""));
}

TEST(Describe, ARoleThatMayNotAskForKeysGetsNone) {
  const Model model =
      load_policy(replaced(sample(), ",\n        \"reports\"\n      ],", "\n      ],")).value();
  const Description description = describe(model);
  EXPECT_EQ(description.roles[2].name, "reports");
  EXPECT_TRUE(description.roles[2].grants.empty());
  EXPECT_TRUE(description.roles[2].asks.empty());
}

TEST(Describe, AnEmptyListIsSaidToAdmitNobody) {
  const std::string text = replaced(sample(), "[\n        \"payments-1\"\n      ]", "[]");
  const Model model = load_policy(text).value();
  EXPECT_NE(to_text(describe(model), kNow).find("images     none: nobody can hold this role"),
            std::string::npos);
}

TEST(Describe, SaysWhetherItIsInForce) {
  const Model model = load_policy(sample()).value();
  EXPECT_EQ(state_at(model, model.valid_from - std::chrono::milliseconds(1)), "not yet");
  EXPECT_EQ(state_at(model, model.valid_from), "in force");
  EXPECT_EQ(state_at(model, model.valid_until), "expired");
}

TEST(PolicyFile, IsAPolicyOrAnEnvelopeOfOne) {
  const PolicyFile plain = read_policy_file(sample()).value();
  EXPECT_FALSE(plain.is_envelope);
  const std::string envelope(base::as_text(authority().sign(sample()).encode()));
  const PolicyFile from_envelope = read_policy_file(envelope).value();
  EXPECT_TRUE(from_envelope.is_envelope);
  EXPECT_EQ(from_envelope.digest, plain.digest);
  EXPECT_EQ(from_envelope.model.serial, plain.model.serial);
  EXPECT_EQ(plain.digest, base::sha256({base::as_bytes(sample())}));
  const std::string other(base::as_text(authority().sign(sample(), {0}, "text/plain").encode()));
  EXPECT_TRUE(read_policy_file(other).error().is(SignatureErrc::wrong_payload_type));
  EXPECT_TRUE(read_policy_file("{}").error().is(PolicyErrc::missing_key));
  EXPECT_TRUE(read_policy_file("nothing").error().is(PolicyErrc::not_json));
  EXPECT_TRUE(read_policy_file(R"({"payloadType": 1})").error().is(SignatureErrc::bad_envelope));
}

}  // namespace
}  // namespace concordat::policy

// What a descriptor may say, and whose signatures it takes.
#include <gmock/gmock.h>

#include "policy/errc.hpp"
#include "tests/session_forming/session_world.hpp"

namespace concordat::session {
namespace {

using base::Bytes;

class Descriptors : public testing::Test {
 protected:
  [[nodiscard]] std::string text() const { return encode_descriptor(world_.fields()).value(); }
  void expect_refused(const std::string& content, const std::string& words) const {
    const auto parsed = UnverifiedDescriptor::parse(content);
    ASSERT_FALSE(parsed) << content;
    EXPECT_TRUE(parsed.error().is(DescriptorErrc::malformed));
    EXPECT_THAT(parsed.error().detail(), testing::HasSubstr(words));
  }
  [[nodiscard]] std::string changed(const char* from, const std::string& to) const {
    return test::replaced(text(), from, to);
  }

  SessionWorld world_{3};
};

TEST_F(Descriptors, ReadBackAsWritten) {
  DescriptorFields fields = world_.fields();
  fields.parameters = base::to_bytes(base::as_bytes("{\"a\": [1, {\"}\": \"\\\"}\"}], \"b\": 2}"));
  const std::string written = encode_descriptor(fields).value();
  const auto read = UnverifiedDescriptor::parse(written).value();
  EXPECT_EQ(read.fields().id, fields.id);
  EXPECT_EQ(read.fields().parties.size(), 3u);
  EXPECT_EQ(read.fields().parties[2].authority, fields.parties[2].authority);
  EXPECT_EQ(read.fields().deadline, fields.deadline);
  const std::string parameters(base::as_text(read.fields().parameters));
  EXPECT_THAT(parameters, testing::StartsWith("{\n"));
  EXPECT_THAT(parameters, testing::EndsWith("\"b\": 2\n  }"));
  EXPECT_EQ(encode_descriptor(read.fields()).value(), written);
  EXPECT_EQ(read.fields().party(0), nullptr);
  EXPECT_EQ(read.fields().party(4), nullptr);
}

TEST_F(Descriptors, MistakesAreFoundWithTheirPlace) {
  expect_refused("", "");
  expect_refused(changed("\"purpose\": \"a test\",", ""), "\"purpose\" is missing");
  expect_refused(changed("\"purpose\"", "\"more\": 1, \"purpose\""), "/more");
  expect_refused(changed("concordat/session/1", "concordat/session/2"), "/format");
  expect_refused(changed("sums/2026-01", "sums/"), "/id");
  expect_refused(changed("aggregate/1", "aggregate"), "/protocol");
  expect_refused(changed("\"parameters\": {}", "\"parameters\": []"), "/parameters");
  expect_refused(changed("a test", "a\\u001btest"), "/purpose");
  expect_refused(changed("\"threshold\": 3", "\"threshold\": 4"), "/threshold");
  expect_refused(changed("\"threshold\": 3", "\"threshold\": 0"), "/threshold");
  expect_refused(changed("\"round_seconds\": 60", "\"round_seconds\": 0"), "/round_seconds");
  expect_refused(changed("\"round_seconds\": 60", "\"round_seconds\": 3601"), "/round_seconds");
  expect_refused(changed("party-2", "party-1"), "/parties/1/name");
  expect_refused(changed("10.0.0.2:7001", "10.0.0.1:7001"), "/parties/1/enclave");
  expect_refused(changed("10.0.0.2:7001", "10.0.0.2"), "/parties/1/parent");
  expect_refused(changed("\"enclave\": \"worker\"", "\"enclave\": \"Worker\""),
                 "/parties/0/enclave");
  expect_refused(changed("bank-2", "bank-1"), "/parties/1/authority");
  expect_refused(changed(world_.fields().parties[1].authority.hex().c_str(),
                         world_.fields().parties[0].authority.hex()),
                 "/parties/1/authority");
  expect_refused(changed(world_.fields().parties[1].authority.hex().c_str(), "ff"),
                 "/parties/1/authority");
  DescriptorFields fields = world_.fields();
  fields.deadline = fields.not_before;
  EXPECT_FALSE(encode_descriptor(fields));
  fields.deadline = fields.not_before + limits::kMaxLife + std::chrono::milliseconds(1000);
  EXPECT_FALSE(encode_descriptor(fields));
  fields = world_.fields();
  fields.parties.resize(1);
  fields.threshold = 1;
  EXPECT_FALSE(encode_descriptor(fields));
}

TEST_F(Descriptors, AsManyPartiesAsTheLimitAndNoMore) {
  SessionWorld many(limits::kMaxParties + 1, true);
  DescriptorFields fields = many.fields();
  fields.threshold = 2;
  EXPECT_FALSE(encode_descriptor(fields));
  fields.parties.pop_back();
  EXPECT_TRUE(encode_descriptor(fields));
  const std::string big = "{\"a\": \"" + std::string(limits::kParameterBytes - 9, 'a') + "\"}";
  fields.parameters = base::to_bytes(base::as_bytes(big));
  const auto too_big = encode_descriptor(fields);
  ASSERT_FALSE(too_big);
  EXPECT_THAT(too_big.error().detail(), testing::HasSubstr("/parameters"));
}

TEST_F(Descriptors, EveryAuthorityMustHaveSignedAsItsOwnThresholdWants) {
  world_.realms[1] = make_realm("bank-2", 200, 3, 2);
  const std::string content = text();
  const auto envelope = [&](const std::vector<const policy::SigningKey*>& keys,
                            std::string_view type = kDescriptorPayloadType) {
    policy::Envelope out{std::string(type), base::to_bytes(base::as_bytes(content)), {}};
    for (const policy::SigningKey* key : keys)
      policy::add_signature(out, *key).value();
    return out.encode();
  };
  const auto verify = [&](const Bytes& bytes) {
    return VerifiedDescriptor::verify(bytes, world_.authorities(), take_any);
  };
  const auto& a = world_.realms[0].keys[0];
  const auto& b = world_.realms[1].keys;
  const auto& c = world_.realms[2].keys[0];
  const auto all = verify(envelope({&a, &b[2], &b[0], &c}));
  ASSERT_TRUE(all) << all.error().to_string();
  EXPECT_EQ((*all)->digest(), base::sha256({base::as_bytes(content)}));
  EXPECT_EQ((*all)->authorities().size(), 3u);
  for (const auto& too_few : {envelope({&a, &b[0], &c}), envelope({&a, &b[0], &b[1]}),
                              envelope({&a, &b[0], &c, &a}), envelope({})}) {
    const auto verified = verify(too_few);
    ASSERT_FALSE(verified);
    EXPECT_TRUE(verified.error().is(DescriptorErrc::not_signed)) << verified.error().to_string();
  }
  EXPECT_THAT(verify(envelope({&a, &b[0], &c})).error().detail(), testing::HasSubstr("bank-2"));
  EXPECT_TRUE(verify(envelope({&a, &b[0], &b[1], &c}, policy::kPolicyPayloadType))
                  .error()
                  .is(policy::SignatureErrc::wrong_payload_type));
  std::vector<attest::AuthorityDescriptor> two{world_.realms[0].authority,
                                               world_.realms[1].authority};
  EXPECT_TRUE(VerifiedDescriptor::verify(envelope({&a, &b[0], &b[1], &c}), two, take_any)
                  .error()
                  .is(DescriptorErrc::authority_missing));
}

TEST_F(Descriptors, TheProtocolJudgesItsParameters) {
  const auto judge = [](std::string_view protocol, base::BytesView parameters, std::size_t parties,
                        std::size_t threshold) -> base::Status {
    EXPECT_EQ(protocol, "aggregate/1");
    EXPECT_EQ(base::as_text(parameters), "{}");
    EXPECT_EQ(parties, 3u);
    EXPECT_EQ(threshold, 3u);
    return base::Error(base::EncodingErrc::bad_hex, "no");
  };
  EXPECT_TRUE(VerifiedDescriptor::verify(world_.sign(text()), world_.authorities(), judge)
                  .error()
                  .is(DescriptorErrc::parameters_refused));
}

TEST_F(Descriptors, RunsInItsTimeOnly) {
  const auto descriptor = world_.descriptor();
  const auto& fields = descriptor->fields();
  EXPECT_TRUE(descriptor->usable_at(fields.not_before));
  EXPECT_TRUE(
      descriptor->usable_at({fields.not_before.value - 1}).error().is(DescriptorErrc::not_yet));
  EXPECT_TRUE(descriptor->usable_at({fields.deadline.value - 1}));
  EXPECT_TRUE(descriptor->usable_at(fields.deadline).error().is(DescriptorErrc::deadline_passed));
}

}  // namespace
}  // namespace concordat::session

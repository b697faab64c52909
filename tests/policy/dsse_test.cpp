// Envelopes: k of n distinct signers, whatever the order; nothing else counts.
#include "policy/dsse.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "policy/errc.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::policy {
namespace {

using test::replaced;
using test::TestAuthority;

base::Status verify(const Envelope& envelope, const TestAuthority& authority) {
  return verify_envelope(envelope, kPolicyPayloadType, authority.descriptor());
}

std::string text_of(const Envelope& envelope) {
  return std::string(base::as_text(envelope.encode()));
}

TEST(Dsse, PreAuthenticationEncodingIsTheSpecifications) {
  // dsse/protocol.md, test vector "http://example.com/HelloWorld", "hello world".
  EXPECT_EQ(base::as_text(pre_authentication_encoding("http://example.com/HelloWorld",
                                                      base::as_bytes("hello world"))),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

TEST(Dsse, EverySubsetOfSignersInEveryOrder) {
  const TestAuthority authority;
  for (unsigned subset = 0; subset < 8; ++subset) {
    std::vector<std::size_t> signers;
    for (std::size_t i = 0; i < 3; ++i) {
      if ((subset >> i & 1) != 0) signers.push_back(i);
    }
    do {
      const Envelope envelope = authority.sign("payload", signers);
      EXPECT_EQ(verify(envelope, authority).has_value(), signers.size() >= 2) << subset;
      EXPECT_EQ(valid_signers(envelope, authority.descriptor()).size(), signers.size());
    } while (std::ranges::next_permutation(signers).found);
  }
}

TEST(Dsse, OneSignerManyTimesCountsOnce) {
  const TestAuthority authority;
  Envelope envelope = authority.sign("payload", {0});
  envelope.signatures.resize(20, envelope.signatures[0]);
  const auto status = verify(envelope, authority);
  ASSERT_FALSE(status.has_value());
  EXPECT_TRUE(status.error().is(SignatureErrc::too_few_signatures));
}

TEST(Dsse, OnlyTheFirstSignatureThatNamesAKeyIsTried) {
  const TestAuthority authority;
  Envelope envelope = authority.sign("payload", {0, 1});
  envelope.signatures.insert(envelope.signatures.begin(), envelope.signatures[0]);
  envelope.signatures[0].signature.mutable_view()[0] ^= 1;
  EXPECT_EQ(valid_signers(envelope, authority.descriptor()).size(), 1u);
}

TEST(Dsse, OneSignerUnderAnothersNameCountsForNobody) {
  const TestAuthority authority;
  Envelope envelope = authority.sign("payload", {0});
  envelope.signatures.push_back(envelope.signatures[0]);
  envelope.signatures[1].key_id = key_id(authority.key(1).public_key());
  EXPECT_EQ(valid_signers(envelope, authority.descriptor()).size(), 1u);
}

TEST(Dsse, StrangersAreIgnoredAndDoNotCount) {
  const TestAuthority authority;
  const TestAuthority strangers(1, 100);
  Envelope envelope = authority.sign("payload", {0});
  ASSERT_TRUE(add_signature(envelope, strangers.key(0)));
  ASSERT_TRUE(add_signature(envelope, strangers.key(1)));
  EXPECT_FALSE(verify(envelope, authority).has_value());
  ASSERT_TRUE(add_signature(envelope, authority.key(2)));
  EXPECT_TRUE(verify(envelope, authority).has_value());
}

TEST(Dsse, APayloadOrTypeThatWasNotSignedIsRefused) {
  const TestAuthority authority;
  Envelope tampered = authority.sign("payload");
  tampered.payload[0] ^= 1;
  EXPECT_TRUE(verify(tampered, authority).error().is(SignatureErrc::too_few_signatures));

  const Envelope other_type = authority.sign("payload", {0, 1}, "application/other");
  EXPECT_TRUE(verify(other_type, authority).error().is(SignatureErrc::wrong_payload_type));
  Envelope relabelled = other_type;
  relabelled.payload_type = kPolicyPayloadType;
  EXPECT_TRUE(verify(relabelled, authority).error().is(SignatureErrc::too_few_signatures));
}

TEST(Dsse, EveryFlippedBitOfASignatureRefuses) {
  const TestAuthority authority;
  const Envelope good = authority.sign("payload");
  for (std::size_t byte = 0; byte < Signature::kSize; ++byte) {
    Envelope bad = good;
    bad.signatures[1].signature.mutable_view()[byte] ^= 0x10;
    EXPECT_FALSE(verify(bad, authority).has_value()) << byte;
  }
}

TEST(Dsse, RoundTrips) {
  const TestAuthority authority;
  const Envelope envelope = authority.sign("payload");
  const auto parsed = Envelope::parse(envelope.encode()).value();
  EXPECT_EQ(parsed.payload, envelope.payload);
  EXPECT_EQ(parsed.payload_type, envelope.payload_type);
  EXPECT_TRUE(verify(parsed, authority).has_value());
}

TEST(Dsse, ParsingIsStrict) {
  const TestAuthority authority;
  const std::string good = text_of(authority.sign("payload"));
  const std::string sig = "\"sig\":\"";
  const std::string cases[] = {
      "",
      "[]",
      "{}",
      replaced(good, "{", "{\"extra\":1,"),
      replaced(good, "{", "{\"payload\":\"AA==\","),
      replaced(good, "\"signatures\":[", "\"signatures\":[1,"),
      replaced(good, "\"keyid\"", "\"keyId\""),
      replaced(good, sig, sig + "A"),
      replaced(good, sig, sig + " "),
      replaced(good, "==\"", "\""),
      replaced(good, "\"payload\":\"cGF5bG9hZA==\"", "\"payload\":\"cGF5bG9hZB==\""),
      replaced(good, "\"payload\":\"cGF5bG9hZA==\"", "\"payload\":\"cGF5 bG9hZA==\""),
      replaced(good, "\"payload\":\"cGF5bG9hZA==\"", "\"payload\":\"\""),
      good + "x",
  };
  ASSERT_TRUE(Envelope::parse(base::as_bytes(good)).has_value());
  for (const std::string& text : cases) {
    const auto parsed = Envelope::parse(base::as_bytes(text));
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_TRUE(parsed.error().is(SignatureErrc::bad_envelope)) << text;
  }
}

// What anybody may hand over costs no more than finding its first fault.
TEST(Dsse, ParsingEndsAtTheFirstFault) {
  const auto why = [](const std::string& text) {
    return Envelope::parse(base::as_bytes(text)).error().detail();
  };
  std::string many = "{\"payloadType\":1,\"payload\":2,\"signatures\":[0";
  for (int i = 0; i < 200; ++i)
    many += ",{}";
  EXPECT_EQ(why(many + "]}"), "1:331 more than 100 values in the file");
  EXPECT_EQ(why(R"({"payloadType":1,"payload":2,"signatures":[]})"),
            "1:2 /payloadType: want a string, found a whole number");
}

}  // namespace
}  // namespace concordat::policy

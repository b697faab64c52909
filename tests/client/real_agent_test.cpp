// Every operation of the client library at a real agent, on its Unix socket and on loopback TCP.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <cstring>

#include "attest/base/secret_access.hpp"
#include "attest/document.hpp"
#include "client/agent.hpp"
#include "keyservice/limits.hpp"
#include "tests/client/real_agent.hpp"

namespace concordat::client {
namespace {

using base::Bytes;
using base::SecretAccess;
using base::SecretBytes;

constexpr const char* kName = "payments/settlement";
constexpr const char* kAgreement = "payments/agreement";
constexpr const char* kHandedOver = "payments/handed-over";
constexpr const char* kNotGranted = "reports/daily";

std::string shown(const SecretBytes& bytes) {
  return std::string(base::as_text(bytes.expose(SecretAccess{})));
}

// One agent for all cases: each starts a custodian, which costs more than the cases.
class AtARealAgent : public testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() { real_ = new test::RealAgent; }
  static void TearDownTestSuite() { delete std::exchange(real_, nullptr); }

  AtARealAgent()
      : agent_(Agent::open({GetParam() == std::string("tcp") ? real_->on_tcp() : real_->on_unix()})
                   .value()) {}

  static Source from(const std::string& bytes, std::size_t step) {
    return [&bytes, step,
            at = std::size_t{0}](std::span<std::uint8_t> room) mutable -> Result<std::size_t> {
      const std::size_t n = std::min({step, room.size(), bytes.size() - at});
      std::memcpy(room.data(), bytes.data() + at, n);
      at += n;
      return n;
    };
  }
  static Sink into(std::string& out) {
    return [&out](base::BytesView bytes) -> Status {
      out += base::as_text(bytes);
      return {};
    };
  }

  static inline test::RealAgent* real_ = nullptr;
  Agent agent_;
};

INSTANTIATE_TEST_SUITE_P(On, AtARealAgent, testing::Values("unix", "tcp"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST_P(AtARealAgent, GetsKeys) {
  const auto key = agent_.get_key(kName, 1);
  ASSERT_TRUE(key) << key.error().to_string();
  EXPECT_EQ(key->name, kName);
  EXPECT_EQ(key->version, 1U);
  EXPECT_EQ(key->type, "derived");
  EXPECT_EQ(key->expires.value(), real_->now() + keyservice::kReleaseLifetime);
  EXPECT_EQ(key->key.size(), 32U);
  EXPECT_TRUE(agent_.get_key(kName).value().key == key->key);
  EXPECT_EQ(agent_.get_key(kName, 7).error().code, "version_unknown");
}

TEST_P(AtARealAgent, SignsAndVerifies) {
  const auto signature = agent_.sign(kName, "pay 10 to carol");
  ASSERT_TRUE(signature) << signature.error().to_string();
  EXPECT_EQ(signature->algorithm, "Ed25519");
  ASSERT_EQ(signature->signature.size(), 64U);
  EXPECT_TRUE(agent_.verify(kName, std::string("pay 10 to carol"), signature->envelope));
  const auto bad = agent_.verify(kName, "pay 11 to carol", signature->envelope);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, "authentication_failed");
  EXPECT_EQ(bad.error().http_status, 422U);
  EXPECT_EQ(bad.error().request_id.size(), 24U);
  const auto key = agent_.public_key(kName);
  ASSERT_TRUE(key) << key.error().to_string();
  EXPECT_EQ(key->type, "ed25519");
  ASSERT_EQ(key->raw.size(), 32U);
  EXPECT_EQ(key->der.size(), 44U);
  EXPECT_THAT(key->pem, testing::StartsWith("-----BEGIN PUBLIC KEY-----\n"));
  const auto message = base::as_bytes("pay 10 to carol");
  EXPECT_EQ(crypto_sign_verify_detached(signature->signature.data(), message.data(), message.size(),
                                        key->raw.data()),
            0);
}

TEST_P(AtARealAgent, SealsAndOpens) {
  const SecretBytes plaintext = SecretBytes::random(32 * 1024);
  const Bytes associated{1, 2, 3};
  const auto sealed = agent_.encrypt(kName, plaintext, associated);
  ASSERT_TRUE(sealed) << sealed.error().to_string();
  const auto opened = agent_.decrypt(kName, sealed->ciphertext, associated);
  ASSERT_TRUE(opened) << opened.error().to_string();
  EXPECT_TRUE(opened->bytes == plaintext);
  EXPECT_EQ(agent_.decrypt(kName, sealed->ciphertext).error().code, "authentication_failed");
  const auto none = agent_.encrypt(kName, "");
  ASSERT_TRUE(none) << none.error().to_string();
  EXPECT_TRUE(agent_.decrypt(kName, none->ciphertext).value().bytes.empty());
}

TEST_P(AtARealAgent, WrapsBytesAndKeys) {
  const auto wrapped = agent_.wrap(kName, "a data key");
  ASSERT_TRUE(wrapped) << wrapped.error().to_string();
  EXPECT_EQ(shown(agent_.unwrap(kName, wrapped->wrapped).value().bytes), "a data key");
  const auto of_key = agent_.wrap_key(kName, kHandedOver, 1);
  ASSERT_TRUE(of_key) << of_key.error().to_string();
  EXPECT_TRUE(agent_.unwrap(kName, of_key->wrapped).value().bytes ==
              agent_.get_key(kHandedOver).value().key);
  EXPECT_EQ(agent_.unwrap(kAgreement, wrapped->wrapped).error().http_status / 100, 4U);
}

TEST_P(AtARealAgent, MakesMacs) {
  const auto mac = agent_.mac(kName, "message");
  ASSERT_TRUE(mac) << mac.error().to_string();
  EXPECT_EQ(mac->algorithm, "HMAC-SHA256");
  EXPECT_EQ(mac->tag.size(), 32U);
  EXPECT_TRUE(agent_.verify(kName, "message", mac->envelope));
  EXPECT_EQ(agent_.verify(kName, "another", mac->envelope).error().code, "authentication_failed");
  EXPECT_EQ(agent_.mac(kName, "message").value().tag, mac->tag);
  EXPECT_NE(agent_.mac(kName, "another").value().tag, mac->tag);
}

TEST_P(AtARealAgent, DerivesAndDrawsBytes) {
  const auto derived = agent_.derive(kName, {48, {7}, 1});
  ASSERT_TRUE(derived) << derived.error().to_string();
  EXPECT_EQ(derived->bytes.size(), 48U);
  EXPECT_TRUE(agent_.derive(kName, {48, {7}}).value().bytes == derived->bytes);
  EXPECT_FALSE(agent_.derive(kName, {48, {8}}).value().bytes == derived->bytes);
  Bytes peer(32), other(32);
  peer[0] = 9;  // points of curve25519 (RFC 7748)
  other[0] = 7;
  const auto agreed = agent_.derive(kAgreement, {32, {7}, 0, peer});
  ASSERT_TRUE(agreed) << agreed.error().to_string();
  EXPECT_TRUE(agent_.derive(kAgreement, {32, {7}, 1, peer}).value().bytes == agreed->bytes);
  EXPECT_FALSE(agent_.derive(kAgreement, {32, {7}, 0, other}).value().bytes == agreed->bytes);
  EXPECT_EQ(agent_.random(kName, 24).value().size(), 24U);
  EXPECT_FALSE(agent_.random(kName, 24).value() == agent_.random(kName, 24).value());
  EXPECT_EQ(agent_.random(kName, 0).error().code, "bad_output_size");
}

TEST_P(AtARealAgent, AttestsAndTellsItsHealth) {
  const Bytes nonce{0xca, 0xfe}, data{0x01};
  const auto document = agent_.attestation(nonce, data);
  ASSERT_TRUE(document) << document.error().to_string();
  const auto parsed = attest::UnverifiedDocument::parse(*document);
  ASSERT_TRUE(parsed) << parsed.error().to_string();
  EXPECT_EQ(parsed->unverified().nonce, nonce);
  EXPECT_THAT(std::string(base::as_text(parsed->unverified().user_data.value())),
              testing::EndsWith("concordat/application/1\x41\x01"));
  EXPECT_TRUE(agent_.attestation());
  const auto health = agent_.health();
  ASSERT_TRUE(health) << health.error().to_string();
  EXPECT_TRUE(health->ready);
  EXPECT_THAT(health->json, testing::HasSubstr("\"serial\":1"));
  EXPECT_TRUE(agent_.wait_for_ready(std::chrono::milliseconds(0)));
}

TEST_P(AtARealAgent, RefusalsCarryItsWords) {
  const auto refused = agent_.get_key(kNotGranted, 0, {.request_id = "order-17"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "not_granted");
  EXPECT_EQ(refused.error().http_status, 403U);
  EXPECT_EQ(refused.error().request_id, "order-17");
  EXPECT_THAT(refused.error().message, testing::HasSubstr("no grant to get \"reports/daily\""));
}

TEST_P(AtARealAgent, StreamsOfAnySizeComeBack) {
  const Bytes associated{0xfb, 0xff};
  for (const std::size_t size : {0UL, 1UL, 5'000'000UL}) {
    std::string plaintext(size, 'p'), sealed, opened;
    if (size > 0) plaintext.back() = 'e';
    const auto encrypted =
        agent_.encrypt_stream(kName, from(plaintext, 7'001), into(sealed), associated);
    ASSERT_TRUE(encrypted) << encrypted.error().to_string();
    EXPECT_GT(sealed.size(), size);
    const auto decrypted =
        agent_.decrypt_stream(kName, from(sealed, 100'000), into(opened), associated);
    ASSERT_TRUE(decrypted) << decrypted.error().to_string();
    EXPECT_EQ(opened, plaintext);
  }
}

TEST_P(AtARealAgent, AlteredStreamsEndInAnError) {
  std::string plaintext(300'000, 'p'), sealed, opened;
  ASSERT_TRUE(agent_.encrypt_stream(kName, from(plaintext, 9'000), into(sealed)));
  sealed[200'000] ^= 1;
  EXPECT_EQ(agent_.decrypt_stream(kName, from(sealed, 9'000), into(opened)).error().code,
            "interrupted");
  EXPECT_LT(opened.size(), plaintext.size());
  sealed[1'000] ^= 1;
  opened.clear();
  EXPECT_EQ(agent_.decrypt_stream(kName, from(sealed, 9'000), into(opened)).error().code,
            "authentication_failed");
  EXPECT_EQ(opened, "");
}

TEST_P(AtARealAgent, RefusedStreamsTellItsWords) {
  std::string plaintext(1'000'000, 'p'), sealed;
  const auto refused = agent_.encrypt_stream(kNotGranted, from(plaintext, 9'000), into(sealed));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "not_granted");
  EXPECT_EQ(sealed, "");
}

TEST_P(AtARealAgent, StreamsEndWhenTheirCallerSaysSo) {
  std::string plaintext(300'000, 'p'), sealed;
  const Error mine{"stopped_by_caller", "no more"};
  const auto no_source = [&](std::span<std::uint8_t>) { return Result<std::size_t>(mine); };
  EXPECT_EQ(agent_.encrypt_stream(kName, no_source, into(sealed)).error().code,
            "stopped_by_caller");
  const auto no_sink = [&](base::BytesView) { return Status(mine); };
  EXPECT_EQ(agent_.encrypt_stream(kName, from(plaintext, 9'000), no_sink).error().code,
            "stopped_by_caller");
}

}  // namespace
}  // namespace concordat::client

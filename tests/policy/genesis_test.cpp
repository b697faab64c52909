// A genesis document pins a root only for the policy, key and challenge that it names, and only
// from an enclave that may be a custodian.
#include "policy/genesis.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "attest/base/cbor.hpp"
#include "keyservice/genesis.hpp"
#include "tests/support/lab_claims.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::policy {
namespace {

using test::kNow;

class Genesis : public testing::Test {
 protected:
  struct Statement {
    base::Bytes challenge = base::Bytes(32, 0x01);
    base::Bytes policy;
    std::string arn = test::kKmsKey;
    std::uint64_t generation = 1;
    base::Bytes blob = base::Bytes(32, 0x03);
    base::Bytes commitment = base::Bytes(48, 0x04);
    std::size_t items = 6;
  };
  Genesis() { good_.policy = base::to_bytes(digest_.view()); }

  static lab::EnclaveIdentity enclave(const std::string& image) {
    lab::EnclaveIdentity identity;
    identity.role_arn = test::kAccount;
    identity.pcr0 = test::image_pcr(image, 0);
    identity.pcr1 = test::image_pcr(image, 1);
    identity.pcr2 = test::image_pcr(image, 2);
    return identity;
  }
  std::string verdict(const Statement& statement, const std::string& image = "custodian-1",
                      attest::Purpose purpose = attest::Purpose::genesis) {
    base::cbor::Writer writer;
    writer.bytes(statement.challenge).bytes(statement.policy).text(statement.arn);
    writer.uint(statement.generation).bytes(statement.blob).bytes(statement.commitment);
    if (statement.items == 7) writer.null();
    attest::MintRequest request;
    request.purpose = purpose;
    request.items = {base::to_bytes(writer.view()), statement.items};
    const auto claims =
        lab_.verified(lab_.document(enclave(image), &authority_.descriptor(), request));
    const auto evidence = verify_genesis(claims, model_, digest_, challenge_);
    if (!evidence) return std::string(evidence.error().name());
    EXPECT_EQ(evidence->statement.commitment, statement.commitment);
    return evidence->role + " " + evidence->image;
  }

  test::TestAuthority authority_;
  test::LabClaims lab_{kNow};
  std::string text_ = test::sample_policy(authority_.descriptor());
  Model model_ = load();
  PolicyDigest digest_ = base::sha256({base::as_bytes(text_)});
  GenesisChallenge challenge_ = GenesisChallenge::from(base::Bytes(32, 0x01)).value();
  Statement good_;

 private:
  Model load() const { return test::signed_policy(authority_, text_)->model(); }
};

TEST_F(Genesis, Table) {
  const auto with = [this](auto&& change) {
    Statement statement = good_;
    change(statement);
    return verdict(statement);
  };
  EXPECT_EQ(verdict(good_), "custodian custodian-1");
  EXPECT_EQ(with([](Statement& s) { s.commitment.resize(32); }), "custodian custodian-1");
  EXPECT_EQ(with([](Statement& s) { s.commitment.resize(31); }), "genesis_malformed");
  EXPECT_EQ(with([](Statement& s) { s.commitment.resize(49); }), "genesis_malformed");
  EXPECT_EQ(with([](Statement& s) { s.blob.resize(31); }), "genesis_malformed");
  EXPECT_EQ(with([](Statement& s) { s.items = 7; }), "genesis_malformed");
  EXPECT_EQ(with([](Statement& s) { s.generation = std::uint64_t{1} << 32; }), "genesis_malformed");
  EXPECT_EQ(with([](Statement& s) { s.challenge[0] ^= 1; }), "genesis_other_challenge");
  EXPECT_EQ(with([](Statement& s) { s.policy[0] ^= 1; }), "genesis_other_policy");
  EXPECT_EQ(with([](Statement& s) { s.arn += "0"; }), "genesis_other_kms_key");
  EXPECT_EQ(with([](Statement& s) { s.generation = 0; }), "genesis_other_generation");
  EXPECT_EQ(with([](Statement& s) { s.generation = 2; }), "genesis_other_generation");
}

TEST_F(Genesis, ReadsWhatACustodianWrites) {
  keyservice::GenesisStatement written;
  std::ranges::fill(written.challenge.mutable_view(), std::uint8_t{0x01});
  written.policy_digest = digest_;
  written.key_arn = test::kKmsKey;
  written.generation = 1;
  std::ranges::fill(written.blob_digest.mutable_view(), std::uint8_t{0x03});
  std::ranges::fill(written.commitment.mutable_view(), std::uint8_t{0x04});
  const auto claims = lab_.verified(lab_.document(enclave("custodian-1"), &authority_.descriptor(),
                                                  keyservice::genesis_document(written)));
  const auto evidence = verify_genesis(claims, model_, digest_, challenge_).value();
  EXPECT_EQ(evidence.statement.commitment, base::to_bytes(written.commitment.view()));
  EXPECT_EQ(evidence.statement.blob, written.blob_digest);
  EXPECT_EQ(evidence.statement.generation, 1u);
}

TEST_F(Genesis, OnlyOfACustodian) {
  EXPECT_EQ(verdict(good_, "payments-1"), "genesis_not_a_custodian");
  EXPECT_EQ(verdict(good_, "altered"), "genesis_not_a_custodian");
}

TEST_F(Genesis, OnlyOfItsOwnPurpose) {
  EXPECT_EQ(verdict(good_, "custodian-1", attest::Purpose::application), "other_purpose");
}

}  // namespace
}  // namespace concordat::policy

// What entries refer to besides an admitted enclave's document is judged, too: that the policy was
// confirmed as the newest, which policy came into force, which root was made.
#include <gtest/gtest.h>

#include "keyservice/audit/details.hpp"
#include "keyservice/genesis.hpp"
#include "policy/freshness.hpp"
#include "tests/audit/log_fixture.hpp"

namespace concordat::keyservice::audit {
namespace {

using std::chrono::minutes;
using test::AuditWorld;
using test::kNow;
using test::SharedFiles;
using test::told;

class AuditEvidence : public testing::Test {
 protected:
  // The faults of a log of one boot whose next entry is this one.
  std::string faults_of(Event event, std::vector<Evidence> evidence, base::UnixMillis now = kNow) {
    SharedFiles shared;
    const auto boot = world_.opened(shared, 1);
    EXPECT_TRUE(world_.append(*boot, std::move(event), std::move(evidence), now));
    const Report report = world_.verify(test::exported(shared.files));
    std::string out;
    for (const Finding& finding : report.findings) {
      EXPECT_EQ(finding.where, "entry 1") << told(report);
      out += (out.empty() ? "" : " ") + std::string(describe(finding.fault).name);
    }
    return out;
  }

  AuditWorld world_;
};

class AuditFreshness : public AuditEvidence {
 protected:
  AuditFreshness() {
    world_.put_in_force(
        test::with_freshness(world_.text, test::freshness_key(), std::chrono::seconds(600)));
    policy_ = test::signed_policy(world_.authority, world_.text);
  }
  Evidence statement(base::UnixMillis time, const policy::SigningKey& key = test::freshness_key()) {
    return {EvidenceType::freshness, policy::sign_freshness(*policy_, time, key).value().encode()};
  }
  std::string admitted_with(std::optional<Evidence> statement, base::UnixMillis now = kNow) {
    auto admission = world_.admission();
    if (statement) admission.evidence.push_back(*std::move(statement));
    return faults_of(std::move(admission.event), std::move(admission.evidence), now);
  }

  policy::PolicyPtr policy_;
};

TEST_F(AuditFreshness, AnAdmissionUnderSuchAPolicyHasAGoodStatement) {
  EXPECT_EQ(admitted_with(statement(kNow)), "");
  EXPECT_EQ(admitted_with(statement(kNow - minutes(9))), "");
  EXPECT_EQ(admitted_with({}), "evidence_absent");
  EXPECT_EQ(admitted_with(statement(kNow, test::operator_key())), "freshness_invalid");
  Evidence changed = statement(kNow);
  changed.content[changed.content.size() / 2] ^= 1;
  EXPECT_EQ(admitted_with(std::move(changed)), "freshness_invalid");
}

TEST_F(AuditFreshness, AStatementCountsForItsTime) {
  // 600 s, and what an admission takes until its entry is made.
  EXPECT_EQ(admitted_with(statement(kNow - minutes(10))), "");
  EXPECT_EQ(admitted_with(statement(kNow - minutes(11))), "freshness_invalid");
  EXPECT_EQ(admitted_with(statement(kNow + minutes(10))), "freshness_invalid");
}

TEST_F(AuditFreshness, AStatementIsOfThePolicyThatTheEntryNames) {
  const auto other = test::signed_policy(
      world_.authority, test::replaced(world_.text, "\"serial\": 1", "\"serial\": 2"));
  Evidence of_other{EvidenceType::freshness,
                    policy::sign_freshness(*other, kNow, test::freshness_key()).value().encode()};
  EXPECT_EQ(admitted_with(std::move(of_other)), "freshness_invalid");
}

TEST_F(AuditEvidence, AStatementThatThePolicyDoesNotKnowIsNone) {
  const auto policy = test::signed_policy(
      world_.authority,
      test::with_freshness(world_.text, test::freshness_key(), std::chrono::seconds(600)));
  auto admission = world_.admission();
  admission.evidence.push_back(
      {EvidenceType::freshness,
       policy::sign_freshness(*policy, kNow, test::freshness_key()).value().encode()});
  EXPECT_EQ(faults_of(admission.event, admission.evidence), "freshness_invalid");
}

Event policy_change(std::uint64_t serial) {
  Event event;
  event.kind = Kind::policy_change;
  event.detail = policy_change_detail(serial);
  return event;
}

TEST_F(AuditFreshness, APolicyMayComeBeforeItsFirstStatement) {
  const Evidence policy{EvidenceType::policy, world_.envelope};
  EXPECT_EQ(faults_of(policy_change(1), {policy}), "");
  EXPECT_EQ(faults_of(policy_change(1), {policy, statement(kNow)}), "");
  EXPECT_EQ(faults_of(policy_change(1), {policy, statement(kNow, test::operator_key())}),
            "freshness_invalid");
}

TEST_F(AuditEvidence, APolicyThatCameIntoForceIsOne) {
  const Evidence policy{EvidenceType::policy, world_.envelope};
  EXPECT_EQ(faults_of(policy_change(1), {policy}), "");
  EXPECT_EQ(faults_of(policy_change(1), {}), "evidence_absent");
  EXPECT_EQ(faults_of(policy_change(2), {policy}), "statement_differs");
  const Evidence one_signer{EvidenceType::policy, world_.authority.sign(world_.text, {0}).encode()};
  EXPECT_EQ(faults_of(policy_change(1), {one_signer}), "policy_invalid");
}

class AuditGenesis : public AuditEvidence {
 protected:
  AuditGenesis() {
    world_.put_in_force(
        test::replaced(world_.text, "\"generations\": []",
                       R"("generations": [{"generation": 1, "state": "current", "commitment": ")" +
                           commitment_.hex() + "\"}]"));
  }
  Evidence document(const RootCommitment& commitment) {
    const GenesisStatement stated{
        {}, world_.policy_digest, "arn:aws:kms:eu-central-1:1:key/x", 1, {}, commitment};
    return {EvidenceType::document,
            world_.claims.document(world_.enclave("custodian-1"), &world_.authority.descriptor(),
                                   genesis_document(stated))};
  }
  Event genesis(const RootCommitment& commitment) const {
    Event event;
    event.kind = Kind::genesis;
    event.detail = genesis_detail(1, commitment.view());
    return event;
  }

  RootCommitment commitment_ = RootCommitment::from(base::Bytes(RootCommitment::kSize, 3)).value();
  RootCommitment other_ = RootCommitment::from(base::Bytes(RootCommitment::kSize, 7)).value();
};

TEST_F(AuditGenesis, ItIsOfTheRootThatItsDocumentStatesAndThePolicyPins) {
  EXPECT_EQ(faults_of(genesis(commitment_), {document(commitment_)}), "");
  EXPECT_EQ(faults_of(genesis(commitment_), {}), "");
  EXPECT_EQ(faults_of(genesis(commitment_), {document(other_)}), "statement_differs");
  EXPECT_EQ(faults_of(genesis(other_), {document(other_)}), "statement_differs");
  EXPECT_EQ(faults_of(genesis(other_), {}), "statement_differs");
}

TEST_F(AuditGenesis, ItsDocumentIsAGenesisDocumentThatVerifies) {
  Evidence broken = document(commitment_);
  broken.content.back() ^= 1;
  EXPECT_EQ(faults_of(genesis(commitment_), {broken}), "document_invalid");
  // A document of the same enclave, for another purpose.
  const Evidence of_handshake = world_.admission().evidence.at(0);
  ASSERT_EQ(of_handshake.type, EvidenceType::document);
  EXPECT_EQ(faults_of(genesis(commitment_), {of_handshake}), "statement_differs");
}

}  // namespace
}  // namespace concordat::keyservice::audit

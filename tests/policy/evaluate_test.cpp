// Who is admitted, as what, for what: the whole table, and the reasons given.
#include "policy/evaluate.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "deploy/lab/document_writer.hpp"
#include "tests/policy/samples.hpp"
#include "tests/support/lab_claims.hpp"

namespace concordat::policy {
namespace {

using test::image_pcr;
using test::kAccount;
using test::kNow;
using test::replaced;

class Evaluate : public testing::Test {
 protected:
  static lab::EnclaveIdentity enclave(const std::string& image) {
    return {.instance_id = kInstance,
            .role_arn = kAccount,
            .pcr0 = image_pcr(image, 0),
            .pcr1 = image_pcr(image, 1),
            .pcr2 = image_pcr(image, 2),
            .pcr8 = {},
            .debug = false};
  }
  attest::VerifiedClaims claims(const lab::EnclaveIdentity& identity) {
    return lab_.claims(identity, &authority_.descriptor());
  }
  static Question question(std::string_view peer_role) {
    return peer_role == "custodian" ? Question{"payments", peer_role, "keys", Side::responder}
                                    : Question{"custodian", peer_role, "keys", Side::initiator};
  }
  Evaluation ask(const std::string& text, const Question& asked,
                 const attest::VerifiedClaims& peer) const {
    return evaluate(load(text), asked, peer, authority_.descriptor().pcr16());
  }
  // The name of the refusal, or "admitted".
  std::string verdict(const std::string& text, const Question& asked,
                      const attest::VerifiedClaims& peer) const {
    const Evaluation evaluation = ask(text, asked, peer);
    return evaluation.verdict ? "admitted" : std::string(evaluation.verdict.error().name());
  }
  Model load(const std::string& text) const {
    return test::signed_policy(authority_, text)->model();
  }
  std::string sample() const { return test::sample_policy(authority_.descriptor()); }

  test::TestAuthority authority_;
  test::LabClaims lab_{kNow};
};

TEST_F(Evaluate, AdmitsTheRightPeerAndSaysAsWhat) {
  const auto policy = test::signed_policy(authority_);
  const auto peer = claims(enclave("custodian-1"));
  const auto admitted =
      admit(*policy, question("custodian"), peer, authority_.descriptor().pcr16()).value();
  EXPECT_EQ(admitted.role(), "custodian");
  EXPECT_EQ(admitted.image(), "custodian-1");
  EXPECT_EQ(admitted.purpose(), "keys");
  EXPECT_EQ(admitted.side(), Side::responder);
  EXPECT_EQ(admitted.module_id(), peer.module_id());
  EXPECT_EQ(admitted.policy_digest(), policy->digest());
  EXPECT_EQ(admitted.policy_serial(), 1u);
  const auto other = admit(*policy, question("reports"), claims(enclave("reports-1")),
                           authority_.descriptor().pcr16())
                         .value();
  EXPECT_NE(other.pcrs_digest(), admitted.pcrs_digest());
}

TEST_F(Evaluate, AbsenceDeniesTable) {
  const std::string images = "\"images\": [\n        \"custodian-1\"\n      ]";
  const std::string accounts = std::string("[\n        \"") + kAccount + "\"\n      ]";
  const struct {
    const char* what;
    std::string text;
    const char* verdict;
  } cases[] = {
      {"as it is", sample(), "admitted"},
      {"the role has no image", replaced(sample(), images, "\"images\": []"), "role_has_no_image"},
      {"the role has no account", replaced(sample(), accounts, "[]"), "account_differs"},
      {"another account", replaced(sample(), "111122223333:role", "999922223333:role"),
       "account_differs"},
      {"the role has no instance",
       replaced(sample(), "\"instances\": \"any\"", "\"instances\": []"), "instance_differs"},
      {"another instance",
       replaced(sample(), "\"instances\": \"any\"", "\"instances\": [\"i-01234567\"]"),
       "instance_differs"},
      {"this instance",
       replaced(sample(), "\"instances\": \"any\"",
                "\"instances\": [\"i-01234567\", \"" + std::string(kInstance) + "\"]"),
       "admitted"},
      {"nobody answers",
       replaced(sample(), "\"responder\": [\n        \"custodian\"\n      ]", "\"responder\": []"),
       "peer_role_not_in_purpose"},
      {"nobody asks",
       replaced(sample(), "\"initiator\": [\n        \"payments\",\n        \"reports\"\n      ]",
                "\"initiator\": []"),
       "own_role_not_in_purpose"},
      {"another purpose only", replaced(sample(), "\"keys\": {", "\"locks\": {"),
       "purpose_unknown"},
      {"a signer wanted of an unsigned image",
       replaced(sample(), "\"PCR8\": \"any\"", "\"PCR8\": \"" + std::string(96, '1') + "\""),
       "image_differs"},
  };
  const auto peer = claims(enclave("custodian-1"));
  for (const auto& c : cases)
    EXPECT_EQ(verdict(c.text, question("custodian"), peer), c.verdict) << c.what;
}

// An operator asks: its key stands where an enclave's own role would.
TEST_F(Evaluate, WhenAnOperatorAsks) {
  const attest::SignerKey key = test::operator_key().public_key();
  const attest::SignerKey other = test::freshness_key().public_key();
  const std::string text = test::with_operator(sample(), "dana", key);
  const auto custodian = claims(enclave("custodian-1"));
  const struct {
    const char* what;
    Question question;
    const char* verdict;
  } cases[] = {
      {"as it is", {{}, "custodian", "admin", Side::responder, key}, "admitted"},
      {"another key", {{}, "custodian", "admin", Side::responder, other}, "operator_unknown"},
      {"a role besides does not help",
       {"payments", "custodian", "keys", Side::responder, other},
       "operator_unknown"},
      {"another purpose",
       {{}, "custodian", "keys", Side::responder, key},
       "operator_not_in_purpose"},
      {"who would ask it",
       {{}, "custodian", "admin", Side::initiator, key},
       "operator_not_in_purpose"},
      {"another role answers",
       {{}, "payments", "admin", Side::responder, key},
       "peer_role_not_in_purpose"},
      {"no such purpose", {{}, "custodian", "audit", Side::responder, key}, "purpose_unknown"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(verdict(text, c.question, custodian), c.verdict) << c.what;
}

TEST_F(Evaluate, PeersTable) {
  const auto altered = [](unsigned index) {
    lab::EnclaveIdentity identity = enclave("custodian-1");
    attest::PcrValue& pcr =
        index == 0 ? identity.pcr0 : (index == 1 ? identity.pcr1 : identity.pcr2);
    pcr.mutable_view()[47] ^= 1;
    return identity;
  };
  lab::EnclaveIdentity debug = enclave("custodian-1");
  debug.debug = true;
  lab::EnclaveIdentity elsewhere = enclave("custodian-1");
  elsewhere.role_arn = "arn:aws:iam::666622223333:role/concordat-parent";
  lab::EnclaveIdentity nowhere = enclave("custodian-1");
  nowhere.role_arn.clear();
  const auto ask_about = [&](const lab::EnclaveIdentity& identity) {
    return verdict(sample(), question("custodian"), claims(identity));
  };
  EXPECT_EQ(ask_about(enclave("custodian-1")), "admitted");
  EXPECT_EQ(ask_about(altered(0)), "image_differs");
  EXPECT_EQ(ask_about(altered(1)), "image_differs");
  EXPECT_EQ(ask_about(altered(2)), "image_differs");
  EXPECT_EQ(ask_about(enclave("payments-1")), "image_differs");
  EXPECT_EQ(ask_about(debug), "peer_in_debug_mode");
  EXPECT_EQ(ask_about(elsewhere), "account_differs");
  EXPECT_EQ(ask_about(nowhere), "account_differs");
}

TEST_F(Evaluate, AuthorityMustBeOnesOwn) {
  const test::TestAuthority other(2);
  const Model model = load(sample());
  const auto& own = authority_.descriptor().pcr16();
  const auto code = [&](const attest::AuthorityDescriptor* theirs, const PcrValue& mine) {
    return evaluate(model, question("custodian"), lab_.claims(enclave("custodian-1"), theirs), mine)
        .verdict.error()
        .name();
  };
  EXPECT_EQ(code(&other.descriptor(), own), "peer_authority_differs");
  EXPECT_EQ(code(nullptr, own), "peer_authority_differs");
  // Two enclaves without any authority agree on nothing.
  EXPECT_EQ(code(nullptr, PcrValue()), "own_authority_unset");
}

TEST_F(Evaluate, SignerIsCheckedWherePinned) {
  lab::EnclaveIdentity identity = enclave("custodian-1");
  std::ranges::fill(identity.pcr8.mutable_view(), std::uint8_t{0x11});
  const std::string pinned =
      replaced(sample(), "\"PCR8\": \"any\"", "\"PCR8\": \"" + identity.pcr8.hex() + "\"");
  EXPECT_EQ(verdict(pinned, question("custodian"), claims(identity)), "admitted");
  EXPECT_EQ(verdict(sample(), question("custodian"), claims(identity)), "admitted");
  identity.pcr8.mutable_view()[0] ^= 1;
  EXPECT_EQ(verdict(pinned, question("custodian"), claims(identity)), "image_differs");
}

// A register that the document leaves out is none of the values that policy asks for.
TEST_F(Evaluate, ARegisterMissingFromTheDocumentDenies) {
  const auto whole = claims(enclave("custodian-1"));
  auto leaf = lab_.pki().issue_leaf(kInstance, whole.module_id(), kNow).value();
  const std::string every_pin = replaced(
      replaced(sample(), "\"PCR8\": \"any\"", "\"PCR8\": \"" + std::string(96, '1') + "\""),
      "\"instances\": \"any\"", std::string("\"instances\": [\"") + kInstance + "\"]");
  const auto without = [&](std::uint8_t left_out) {
    std::map<std::uint8_t, attest::PcrValue> pcrs = whole.pcrs();
    std::ranges::fill(pcrs.at(8).mutable_view(), std::uint8_t{0x11});
    pcrs.erase(left_out);
    const base::Bytes payload = lab::encode_payload({.module_id = whole.module_id(),
                                                     .timestamp = kNow,
                                                     .pcrs = pcrs,
                                                     .certificate = leaf.certificate,
                                                     .cabundle = leaf.cabundle,
                                                     .public_key = {},
                                                     .user_data = {},
                                                     .nonce = {}});
    return lab_.verified(lab::sign_document(payload, leaf.key.get()).value());
  };
  EXPECT_EQ(verdict(every_pin, question("custodian"), without(31)), "admitted");
  const std::pair<std::uint8_t, const char*> cases[] = {
      {1, "image_differs"},    {2, "image_differs"}, {3, "account_differs"},
      {4, "instance_differs"}, {8, "image_differs"}, {16, "peer_authority_differs"}};
  for (const auto& [index, code] : cases)
    EXPECT_EQ(verdict(every_pin, question("custodian"), without(index)), code) << unsigned(index);
}

TEST_F(Evaluate, TheRefusalNamesTheRegistersThatDiffer) {
  lab::EnclaveIdentity altered = enclave("payments-1");
  altered.pcr0 = image_pcr("altered", 0);
  altered.pcr2 = image_pcr("altered", 2);
  const Evaluation evaluation = ask(sample(), question("payments"), claims(altered));
  EXPECT_EQ(evaluation.image, "");
  const auto shown = [](const attest::PcrValue& value) { return value.hex().substr(0, 16) + ".."; };
  EXPECT_EQ(evaluation.verdict.error().detail(),
            "PCR0 of image payments-1: wanted " + shown(image_pcr("payments-1", 0)) + ", found " +
                shown(altered.pcr0) + "; PCR2 of image payments-1: wanted " +
                shown(image_pcr("payments-1", 2)) + ", found " + shown(altered.pcr2));
}

TEST_F(Evaluate, ComparesWithTheNearestImageAndListsEveryRequirement) {
  const std::string two_images =
      replaced(sample(), "[\n        \"payments-1\"\n      ]", "[\"reports-1\", \"payments-1\"]");
  EXPECT_EQ(ask(two_images, question("payments"), claims(enclave("payments-1"))).image,
            "payments-1");
  EXPECT_EQ(ask(two_images, question("payments"), claims(enclave("reports-1"))).image, "reports-1");
  lab::EnclaveIdentity altered = enclave("payments-1");
  altered.pcr0 = image_pcr("altered", 0);
  const Evaluation evaluation = ask(two_images, question("payments"), claims(altered));
  std::vector<std::string> subjects;
  for (const Requirement& requirement : evaluation.requirements)
    subjects.push_back(requirement.subject + (requirement.met ? "" : "!"));
  EXPECT_EQ(subjects, (std::vector<std::string>{
                          "purpose", "own role", "own role as responder", "peer role",
                          "peer role as initiator", "mode", "own PCR16", "PCR16",
                          "images of the role", "PCR0 of image payments-1!",
                          "PCR1 of image payments-1", "PCR2 of image payments-1", "PCR3", "PCR4"}));
}

}  // namespace
}  // namespace concordat::policy

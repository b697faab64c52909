// Absence denies: whatever single thing is taken out of a policy or out of a document, nothing that
// was denied becomes allowed.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "deploy/lab/document_writer.hpp"
#include "policy/evaluate.hpp"
#include "policy/grants.hpp"
#include "policy/signed_policy.hpp"
#include "tests/support/lab_claims.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::policy {
namespace {

using attest::VerifiedClaims;
using test::image_pcr;
using test::kNow;
using Json = nlohmann::ordered_json;
using Pointer = Json::json_pointer;
using Names = std::vector<std::string>;

const Names kImageNames{"custodian-1", "payments-1", "reports-1", "extra-1", "extra-2"};
const Names kRoleNames{"custodian", "payments", "reports", "extra"};
const Names kPurposeNames{"keys", "tunnel/ledger", "audit"};
const Names kAccounts{test::kAccount, "arn:aws:iam::444455556666:role/other"};
const Names kInstances{"i-0123456789abcdef0", "i-0123456789abcdef1"};
const Names kKeys{"payments/card", "payments/eu/card", "reports/daily"};

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return engine_() % n; }
  bool chance() { return below(2) == 0; }
  const std::string& one_of(const Names& names) { return names[below(names.size())]; }
  // Each with a chance of one half; as "any" with a chance of one in four, where that is a word.
  Json some_of(const Names& names) {
    Json list = Json::array();
    for (const std::string& name : names) {
      if (chance()) list.push_back(name);
    }
    return list;
  }
  Json pins(const Names& names) { return below(4) == 0 ? Json("any") : some_of(names); }

 private:
  std::mt19937 engine_;
};

Json random_image(Random& random, const std::string& name) {
  return {{"PCR0", image_pcr(name, 0).hex()},
          {"PCR1", image_pcr(name, 1).hex()},
          {"PCR2", image_pcr(name, 2).hex()},
          {"PCR8", random.chance() ? image_pcr(name, 8).hex() : "any"}};
}

Json random_grant(Random& random) {
  const Names patterns{"*", "payments/*", "payments/card", "reports/daily"};
  const Names ends{"never", "2026-01-20T00:00:00Z", "2026-01-02T00:00:00Z"};
  return {{"role", random.one_of(kRoleNames)},
          {"keys", random.one_of(patterns)},
          {"operations", random.some_of({"get", "sign", "decrypt"})},
          {"use_limit", random.below(4) == 0 ? Json(10) : Json("none")},
          {"expires", random.one_of(ends)}};
}

// The full policy with other images, roles, purposes and grants.
std::string random_policy(Random& random) {
  Json file = Json::parse(test::full_policy(test::TestAuthority().descriptor()));
  for (const char* section : {"images", "roles", "purposes"})
    file[section] = Json::object();
  for (const std::string& name : kImageNames)
    file["images"][name] = random_image(random, name);
  for (const std::string& name : kRoleNames) {
    file["roles"][name] = {{"images", random.some_of(kImageNames)},
                           {"accounts", random.pins(kAccounts)},
                           {"instances", random.pins(kInstances)},
                           {"maximum_live", random.chance() ? Json(2) : Json("any")}};
  }
  if (file["roles"]["custodian"]["accounts"] == "any")
    file["roles"]["custodian"]["accounts"] = kAccounts;
  for (const std::string& name : kPurposeNames) {
    file["purposes"][name] = {{"initiator", random.some_of(kRoleNames)},
                              {"responder", random.some_of(kRoleNames)}};
  }
  file["purposes"]["keys"]["responder"] = {"custodian"};
  file["operators"]["dana"]["purposes"] = {"audit"};
  file["grants"] = Json::array();
  for (std::size_t i = 0; i < 8; ++i)
    file["grants"].push_back(random_grant(random));
  return file.dump();
}

// Every document that a question may be about.
class Documents {
 public:
  Documents() {
    for (const std::string& image : kImageNames) {
      for (const std::string& account : kAccounts) {
        for (const std::string& instance : kInstances)
          add(enclave(image, account, instance), &authority_.descriptor());
      }
    }
    lab::EnclaveIdentity wrong = enclave("custodian-1", kAccounts[0], kInstances[0]);
    wrong.pcr1 = image_pcr("altered", 1);
    add(wrong, &authority_.descriptor());
    lab::EnclaveIdentity nowhere = enclave("custodian-1", "", kInstances[0]);
    add(nowhere, &authority_.descriptor());
    lab::EnclaveIdentity unsigned_image = enclave("payments-1", kAccounts[0], kInstances[0]);
    unsigned_image.pcr8 = attest::PcrValue();
    add(unsigned_image, &authority_.descriptor());
    lab::EnclaveIdentity debug = enclave("custodian-1", kAccounts[0], kInstances[0]);
    debug.debug = true;
    add(debug, &authority_.descriptor());
    add(enclave("custodian-1", kAccounts[0], kInstances[0]), nullptr);
  }

  [[nodiscard]] const std::vector<VerifiedClaims>& all() const noexcept { return all_; }
  // The document without one register, and those without one of the other fields.
  [[nodiscard]] std::vector<VerifiedClaims> lessened(const VerifiedClaims& whole) {
    std::vector<VerifiedClaims> out;
    lab::DocumentFields fields = fields_of(whole);
    for (const auto& [index, value] : whole.pcrs()) {
      lab::DocumentFields less = fields;
      less.pcrs.erase(index);
      out.push_back(signed_claims(less));
    }
    for (auto member : {&lab::DocumentFields::public_key, &lab::DocumentFields::user_data,
                        &lab::DocumentFields::nonce}) {
      lab::DocumentFields less = fields;
      (less.*member).reset();
      out.push_back(signed_claims(less));
    }
    return out;
  }
  [[nodiscard]] const test::TestAuthority& authority() const noexcept { return authority_; }

 private:
  static lab::EnclaveIdentity enclave(const std::string& image, const std::string& account,
                                      const std::string& instance) {
    return {.instance_id = instance,
            .role_arn = account,
            .pcr0 = image_pcr(image, 0),
            .pcr1 = image_pcr(image, 1),
            .pcr2 = image_pcr(image, 2),
            .pcr8 = image_pcr(image, 8),
            .debug = false};
  }
  void add(const lab::EnclaveIdentity& identity, const attest::AuthorityDescriptor* authority) {
    all_.push_back(lab_.claims(identity, authority));
  }
  lab::DocumentFields fields_of(const VerifiedClaims& whole) {
    return {.module_id = whole.module_id(),
            .timestamp = kNow,
            .pcrs = whole.pcrs(),
            .certificate = leaf_.certificate,
            .cabundle = leaf_.cabundle,
            .public_key = base::Bytes(44, 1),
            .user_data = base::Bytes(100, 2),
            .nonce = base::Bytes(32, 3)};
  }
  VerifiedClaims signed_claims(const lab::DocumentFields& fields) {
    return lab_.verified(lab::sign_document(lab::encode_payload(fields), leaf_.key.get()).value());
  }

  test::TestAuthority authority_;
  test::LabClaims lab_{kNow};
  lab::LeafCredential leaf_ =
      lab_.pki().issue_leaf(kInstances[0], lab::make_module_id(kInstances[0], kNow), kNow).value();
  std::vector<VerifiedClaims> all_;
};

struct PeerQuestion {
  Question question;
  const VerifiedClaims* claims = nullptr;
};

struct KeyQuestion {
  std::string role;
  std::string key;
  Operation operation{};
  base::UnixMillis now;
};

// Every question about roles, with every document where the purpose would allow it, and with a few
// where it does not.
std::vector<PeerQuestion> peer_questions(const Model& model, const Documents& documents,
                                         Random& random) {
  static const Names kRoles = [] {
    Names roles = kRoleNames;
    roles.insert(roles.end(), {"stranger", ""});
    return roles;
  }();
  static const Names kPurposes = [] {
    Names purposes = kPurposeNames;
    purposes.insert(purposes.end(), {"unknown", ""});
    return purposes;
  }();
  const auto lists = [](const Names& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
  };
  std::vector<PeerQuestion> out;
  for (const std::string& purpose : kPurposes) {
    for (const std::string& mine : kRoles) {
      for (const std::string& theirs : kRoles) {
        for (const Side side : {Side::initiator, Side::responder}) {
          const Purpose* const known = model.purpose(purpose);
          const bool fits =
              known != nullptr &&
              lists(side == Side::initiator ? known->initiator : known->responder, theirs) &&
              lists(side == Side::initiator ? known->responder : known->initiator, mine);
          for (const VerifiedClaims& claims : documents.all()) {
            if (fits || random.below(8) == 0)
              out.push_back({{mine, theirs, purpose, side}, &claims});
          }
        }
      }
    }
  }
  return out;
}

std::vector<KeyQuestion> key_questions() {
  std::vector<KeyQuestion> out;
  Names roles = kRoleNames;
  roles.push_back("stranger");
  for (const std::string& role : roles) {
    for (const std::string& key : kKeys) {
      for (const Operation operation :
           {Operation::get, Operation::sign, Operation::decrypt, Operation::mac}) {
        for (const auto now : {kNow, kNow + std::chrono::hours(24 * 20)})
          out.push_back({role, key, operation, now});
      }
    }
  }
  return out;
}

bool allows(const Model& model, const PeerQuestion& asked, const VerifiedClaims& claims,
            const PcrValue& own_pcr16) {
  return evaluate(model, asked.question, claims, own_pcr16).verdict.has_value();
}

bool allows(const Policy& policy, const KeyQuestion& asked) {
  return find_grants(policy, asked.role, asked.key, asked.operation, asked.now).has_value();
}

// Every place of the file from which one thing can be taken.
void places_in(const Json& value, const Pointer& at, std::vector<Pointer>& out) {
  if (value.is_object()) {
    for (const auto& [key, child] : value.items()) {
      out.push_back(at / key);
      places_in(child, at / key, out);
    }
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      out.push_back(at / i);
      places_in(value[i], at / i, out);
    }
  }
}

std::string without(Json file, const Pointer& place) {
  Json& parent = file.at(place.parent_pointer());
  if (parent.is_array()) {
    parent.erase(std::stoul(place.back()));
  } else {
    parent.erase(place.back());
  }
  return file.dump();
}

struct Counts {
  std::size_t refused = 0;   // files that are no policy any more
  std::size_t accepted = 0;  // files that still are one
  std::size_t lost = 0;      // answers that became "no"
};

class Absence : public testing::Test {
 protected:
  static void SetUpTestSuite() { documents_ = std::make_unique<Documents>(); }
  static void TearDownTestSuite() { documents_.reset(); }

  static const PcrValue& own_pcr16() { return documents_->authority().descriptor().pcr16(); }
  static base::Result<PolicyPtr> signed_policy(const std::string& text) {
    const test::TestAuthority& authority = documents_->authority();
    return SignedPolicy::verify(authority.sign(text).encode(), authority.descriptor(), kNow);
  }

  // Asks everything of the policy, then of the policy without each single thing in it.
  static Counts take_from_policy(const std::string& text, Random& random) {
    const PolicyPtr whole = signed_policy(text).value();
    const auto peers = peer_questions(whole->model(), *documents_, random);
    const auto keys = key_questions();
    std::vector<bool> peers_allowed;
    for (const PeerQuestion& asked : peers)
      peers_allowed.push_back(allows(whole->model(), asked, *asked.claims, own_pcr16()));
    std::vector<Pointer> places;
    const Json file = Json::parse(text);
    places_in(file, Pointer(), places);
    Counts counts;
    for (const Pointer& place : places) {
      const auto less = signed_policy(without(file, place));
      ++(less ? counts.accepted : counts.refused);
      if (!less) continue;
      for (std::size_t i = 0; i < peers.size(); ++i) {
        const bool allowed = allows((*less)->model(), peers[i], *peers[i].claims, own_pcr16());
        const Question& q = peers[i].question;
        EXPECT_TRUE(peers_allowed[i] || !allowed)
            << "without " << place.to_string() << " admits " << q.peer_role << " as "
            << to_string(q.peer_side) << " of " << q.purpose << " to " << q.my_role << "\n"
            << text;
        counts.lost += peers_allowed[i] && !allowed ? 1 : 0;
      }
      for (const KeyQuestion& asked : keys) {
        const bool before = allows(*whole, asked);
        const bool after = allows(**less, asked);
        EXPECT_TRUE(before || !after)
            << "without " << place.to_string() << " grants " << to_string(asked.operation) << " "
            << asked.key << " to " << asked.role << "\n"
            << text;
        counts.lost += before && !after ? 1 : 0;
      }
      if (testing::Test::HasFailure()) break;
    }
    return counts;
  }

  static inline std::unique_ptr<Documents> documents_;
};

TEST_F(Absence, NothingTakenOutOfAPolicyAllowsMore) {
  const attest::AuthorityDescriptor& authority = documents_->authority().descriptor();
  Random fixed(1);
  for (const std::string& text : {test::sample_policy(authority), test::full_policy(authority)}) {
    const Counts counts = take_from_policy(text, fixed);
    // Keys of objects are refused, entries of lists and dictionaries mostly not; some were needed.
    EXPECT_GT(counts.refused, 50u);
    EXPECT_GT(counts.accepted, 8u);
    EXPECT_GT(counts.lost, 0u);
  }
}

TEST_F(Absence, NothingTakenOutOfARandomPolicyAllowsMore) {
  const std::uint32_t first_seed = std::random_device{}();
  Counts sum;
  for (std::uint32_t seed = first_seed; seed != first_seed + 6; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const std::string text = random_policy(random);
    const Counts counts = take_from_policy(text, random);
    sum.accepted += counts.accepted;
    sum.lost += counts.lost;
    if (HasFailure()) break;
  }
  SCOPED_TRACE("seeds from " + std::to_string(first_seed));
  EXPECT_GT(sum.accepted, 100u);
  EXPECT_GT(sum.lost, 0u);
}

TEST_F(Absence, NothingTakenOutOfADocumentAdmitsMore) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  std::vector<PolicyPtr> policies;
  const attest::AuthorityDescriptor& authority = documents_->authority().descriptor();
  for (const std::string& text : {test::sample_policy(authority), test::full_policy(authority),
                                  random_policy(random), random_policy(random)})
    policies.push_back(signed_policy(text).value());
  std::size_t lost = 0;
  for (const VerifiedClaims& whole : documents_->all()) {
    const auto lessened = documents_->lessened(whole);
    for (const PolicyPtr& policy : policies) {
      for (const PeerQuestion& asked : peer_questions(policy->model(), *documents_, random)) {
        if (asked.claims != &whole) continue;
        const bool before = allows(policy->model(), asked, whole, own_pcr16());
        for (const VerifiedClaims& less : lessened) {
          const bool after = allows(policy->model(), asked, less, own_pcr16());
          EXPECT_TRUE(before || !after) << less.pcrs().size() << " registers";
          lost += before && !after ? 1 : 0;
        }
      }
    }
  }
  EXPECT_GT(lost, 0u);
}

// The one pin of a role's accounts, taken away, leaves nobody rather than everybody.
TEST_F(Absence, TheLastPinTakenAwayLeavesNobody) {
  const Json file = Json::parse(test::sample_policy(documents_->authority().descriptor()));
  const Pointer pins("/roles/payments/accounts");
  ASSERT_EQ(file.at(pins).size(), 1u);
  const PolicyPtr less = signed_policy(without(file, pins / 0)).value();
  ASSERT_TRUE(less->model().role("payments")->accounts.has_value());
  EXPECT_TRUE(less->model().role("payments")->accounts->empty());
  std::size_t asked = 0;
  for (const VerifiedClaims& claims : documents_->all()) {
    const Evaluation evaluation = evaluate(
        less->model(), {"custodian", "payments", "keys", Side::initiator}, claims, own_pcr16());
    EXPECT_FALSE(evaluation.verdict.has_value());
    if (claims.pcr(0) == image_pcr("payments-1", 0)) {
      ++asked;
      EXPECT_TRUE(evaluation.verdict.error().is(AdmissionErrc::account_differs));
    }
  }
  EXPECT_GT(asked, 1u);
}

}  // namespace
}  // namespace concordat::policy

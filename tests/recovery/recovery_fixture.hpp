// A realm with five holders of whom three restore, a root, and custodians that attest to what they
// do.
#pragma once

#include <gtest/gtest.h>

#include "attest/base/secret_access.hpp"
#include "keyservice/error.hpp"
#include "keyservice/recovery/contribution.hpp"
#include "keyservice/recovery/errc.hpp"
#include "policy/signed_policy.hpp"
#include "tests/support/lab_claims.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::keyservice::recovery {

using base::Bytes;
using base::BytesView;
using base::SecretBytes;
using base::Status;
using base::hpke::PrivateKey;
using policy::MakeOrder;
using policy::RestoreOrder;
using policy::SignedOrder;

inline constexpr std::size_t kThreshold = 3;

class RecoveryWorld {
 public:
  explicit RecoveryWorld(base::UnixMillis now = test::kNow) : now_(now), lab_(now) {
    for (const char* name : {"erin", "frank", "grace", "heidi", "ivan"})
      holders_.emplace(name, PrivateKey::generate());
    policy_ = policy_of();
  }

  [[nodiscard]] std::string text_of(std::uint64_t serial = 1, std::size_t threshold = kThreshold,
                                    const std::string& without = {}) const {
    std::string entries;
    for (const auto& [name, key] : holders_) {
      if (name == without) continue;
      entries += (entries.empty() ? "" : ", ") + ("\"" + name) + "\": {\"key\": \"" +
                 key.public_key().hex() + "\"}";
    }
    std::string text = test::sample_policy(authority_.descriptor(), serial);
    text =
        test::replaced(std::move(text), "\"generations\": []",
                       R"("generations": [{"generation": 1, "state": "current", "commitment": ")" +
                           root_.commitment().hex() + "\"}" + further_ + "]");
    text = test::replaced(std::move(text), "\"recovery\": \"none\"",
                          "\"recovery\": {\"threshold\": " + std::to_string(threshold) +
                              ", \"holders\": {" + entries + "}}");
    if (now_ == test::kNow) return text;
    const auto time = [](base::UnixMillis at) {
      return base::format_rfc3339({at.value / 1000 * 1000});
    };
    text =
        test::replaced(std::move(text), "2026-01-01T00:00:00Z", time(now_ - std::chrono::hours(1)));
    return test::replaced(std::move(text), "2026-01-31T00:00:00Z",
                          time(now_ + std::chrono::hours(24)));
  }
  [[nodiscard]] policy::PolicyPtr policy_of(std::uint64_t serial = 1,
                                            std::size_t threshold = kThreshold,
                                            const std::string& without = {}) const {
    return policy::SignedPolicy::verify(
               authority_.sign(text_of(serial, threshold, without)).encode(),
               authority_.descriptor(), now_)
        .value();
  }

  static lab::EnclaveIdentity custodian(const std::string& image = "custodian-1") {
    lab::EnclaveIdentity identity;
    identity.role_arn = test::kAccount;
    identity.pcr0 = test::image_pcr(image, 0);
    identity.pcr1 = test::image_pcr(image, 1);
    identity.pcr2 = test::image_pcr(image, 2);
    return identity;
  }
  [[nodiscard]] attest::VerifiedClaims claims_of(const attest::MintRequest& request,
                                                 const std::string& image = "custodian-1") {
    return lab_.verified(lab_.document(custodian(image), &authority_.descriptor(), request));
  }

  // --- Orders ---

  [[nodiscard]] MakeOrder make_order() const {
    MakeOrder order;
    order.realm = test::kRealm;
    order.policy = policy_->digest();
    order.set = RecoverySetId::from(Bytes(16, 0x11)).value();
    order.generation = 1;
    order.challenge = policy::RecoveryChallenge::from(Bytes(32, 0x22)).value();
    order.not_after = now_ + std::chrono::hours(1);
    return order;
  }
  template <class Order>
  [[nodiscard]] Bytes signed_by(const Order& order,
                                const std::vector<std::size_t>& signers = {0, 1},
                                std::string_view type = Order::kPayloadType) const {
    return authority_.sign(policy::encode(order), signers, type).encode();
  }
  template <class Order>
  [[nodiscard]] base::Result<SignedOrder<Order>> verified(BytesView envelope,
                                                          base::UnixMillis now = test::kNow) const {
    return policy::verify_order<Order>(envelope, authority_.descriptor(), *policy_, now);
  }
  [[nodiscard]] RestoreOrder restore_order(const RecoverySet& set, const policy::HolderKey& target,
                                           const policy::RecoveryChallenge& challenge) const {
    RestoreOrder order;
    order.realm = test::kRealm;
    order.policy = policy_->digest();
    order.set = set.id();
    order.set_digest = set.digest();
    order.generation = set.generation();
    order.target = target;
    order.challenge = challenge;
    order.not_after = now_ + std::chrono::hours(1);
    return order;
  }
  [[nodiscard]] RecoverySet make_set() const {
    return RecoverySet::make(root_, *policy_, make_order()).value();
  }

  std::string further_;  // root generations that the policy pins behind the first
  test::TestAuthority authority_;
  base::UnixMillis now_;
  test::LabClaims lab_;
  Root root_ = Root::create(1, SecretBytes::random(kRootSize)).value();
  std::map<std::string, PrivateKey> holders_;
  policy::PolicyPtr policy_;
  policy::RecoveryChallenge challenge_ = policy::RecoveryChallenge::from(Bytes(32, 0x33)).value();
};

inline std::string code_of(const Status& status) {
  return status ? "" : std::string(status.error().name());
}
template <class T>
std::string code_of(const base::Result<T>& result) {
  return result ? "" : std::string(result.error().name());
}

}  // namespace concordat::keyservice::recovery

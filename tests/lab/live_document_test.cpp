// Do the lab's documents pass the verification that AWS's must pass, under the lab's root and under
// no other?
#include <gtest/gtest.h>

#include "attest/custom_root.hpp"
#include "attest/verify.hpp"
#include "deploy/lab/software_nsm.hpp"
#include "tests/lab/registers.hpp"

namespace concordat::lab {
namespace {

using attest::PcrValue;
using base::Bytes;
using base::UnixMillis;
using std::chrono::hours;
using std::chrono::minutes;
namespace nsm = attest::nsm;

const Bytes kNonce(32, 0x5a);

class LiveDocumentTest : public testing::Test {
 protected:
  attest::UnverifiedDocument issue() {
    const Bytes document =
        nsm::attestation(device_,
                         {.user_data = Bytes{1, 2}, .nonce = kNonce, .public_key = Bytes{3}})
            .value();
    return attest::UnverifiedDocument::parse(document).value();
  }
  base::Result<attest::VerifiedClaims> verify(const attest::TrustAnchors& anchors) {
    return attest::verify_live(issue(), anchors, cache_, {.now = now_, .nonce = kNonce});
  }
  attest::TrustAnchors lab_root() {
    return attest::trust_anchors_from_root(pki_->root_der()).value();
  }

  UnixMillis now_ = kStart;
  std::unique_ptr<Pki> pki_ = Pki::create(kStart).value();
  EnclaveIdentity identity_ = {.instance_id = "i-0827e799ec9232d44",
                               .role_arn = "",
                               .pcr0 = filled(1),
                               .pcr1 = filled(2),
                               .pcr2 = filled(3),
                               .pcr8 = {},
                               .debug = false};
  SoftwareNsm device_{*pki_, identity_, [this] { return now_; }};
  attest::ChainCache cache_;
};

TEST_F(LiveDocumentTest, IsAcceptedUnderTheLabsRoot) {
  ASSERT_TRUE(nsm::extend_pcr(device_, 16, Bytes{7}));
  ASSERT_TRUE(nsm::lock_pcr(device_, 16));
  const auto claims = verify(lab_root()).value();
  EXPECT_EQ(claims.module_id(), device_.module_id());
  EXPECT_EQ(claims.timestamp(), now_);
  EXPECT_EQ(claims.pcr(0), filled(1));
  EXPECT_EQ(claims.pcr(1), filled(2));
  EXPECT_EQ(claims.pcr(2), filled(3));
  EXPECT_EQ(claims.pcr(4), identity_pcr("i-0827e799ec9232d44"));
  EXPECT_EQ(claims.pcr(16), attest::extended_pcr({}, Bytes{7}));
  EXPECT_EQ(claims.pcr(17), std::nullopt);
  EXPECT_EQ(claims.user_data(), (Bytes{1, 2}));
  EXPECT_EQ(claims.public_key(), Bytes{3});
  EXPECT_FALSE(claims.debug());
  EXPECT_EQ(claims.leaf_not_after() - claims.leaf_not_before(), std::chrono::seconds(10803));
}

TEST_F(LiveDocumentTest, IsRefusedUnderAnyOtherRoot) {
  EXPECT_FALSE(verify(attest::TrustAnchors::aws()));
  const auto other = Pki::create(kStart).value();
  EXPECT_FALSE(verify(attest::trust_anchors_from_root(other->root_der()).value()));
}

TEST_F(LiveDocumentTest, StaysAcceptedWhileEverythingIsRenewed) {
  const attest::TrustAnchors root = lab_root();
  for (; now_ < kStart + hours(24 * 25); now_ = now_ + hours(31) + minutes(7)) {
    EXPECT_TRUE(verify(root)) << base::format_rfc3339(now_);
  }
}

TEST_F(LiveDocumentTest, DebugIsRefused) {
  identity_.debug = true;
  SoftwareNsm device(*pki_, identity_, [this] { return now_; });
  const Bytes bytes =
      nsm::attestation(device, {.user_data = {}, .nonce = kNonce, .public_key = {}}).value();
  const auto document = attest::UnverifiedDocument::parse(bytes).value();
  EXPECT_FALSE(attest::verify_live(document, lab_root(), cache_, {.now = now_, .nonce = kNonce}));
  EXPECT_TRUE(attest::verify_archived(document, lab_root(), now_, attest::DebugDocuments::allow)
                  .value()
                  .debug());
}

}  // namespace
}  // namespace concordat::lab

// Purposes over signed documents: minted by the lab's module, verified, then judged by purpose.
#include <gtest/gtest.h>

#include "attest/base/cbor.hpp"
#include "attest/custom_root.hpp"
#include "attest/mint.hpp"
#include "attest/verify.hpp"
#include "deploy/lab/software_nsm.hpp"

namespace concordat::attest {
namespace {

constexpr base::UnixMillis kNow{1'800'000'000'000};

class PurposeOfClaims : public testing::Test {
 protected:
  base::Result<VerifiedClaims> mint_and_verify(const MintRequest& request) {
    CONCORDAT_TRY(const base::Bytes encoded, mint(nsm_, request));
    CONCORDAT_TRY(const auto document, UnverifiedDocument::parse(encoded));
    CONCORDAT_TRY(const TrustAnchors anchors, trust_anchors_from_root(pki_->root_der()));
    return verify_archived(document, anchors, kNow, DebugDocuments::refuse);
  }

  static lab::EnclaveIdentity identity() {
    lab::EnclaveIdentity identity;
    identity.pcr0 = extended_pcr({}, base::Bytes{0});
    identity.pcr1 = extended_pcr({}, base::Bytes{1});
    identity.pcr2 = extended_pcr({}, base::Bytes{2});
    return identity;
  }

  std::unique_ptr<lab::Pki> pki_ = lab::Pki::create(kNow).value();
  lab::SoftwareNsm nsm_{*pki_, identity(), [] { return kNow; }};
};

TEST_F(PurposeOfClaims, HandshakeItemsComeOutAsTheyWentIn) {
  base::cbor::Writer items;
  items.bytes(base::Bytes(48, 1)).text("keys").map(0);
  MintRequest request{Purpose::handshake_responder, {base::to_bytes(items.view()), 3}, {}, {}};
  request.nonce = base::Bytes(32, 2);
  request.public_key = base::Bytes(44, 3);
  const auto claims = mint_and_verify(request);
  ASSERT_TRUE(claims) << claims.error().to_string();
  const auto found = check_purpose(Purpose::handshake_responder, *claims);
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_EQ(found->count, 3u);
  EXPECT_TRUE(base::equal(found->encoded, items.view()));
  const auto other_side = check_purpose(Purpose::handshake_initiator, *claims);
  EXPECT_TRUE(other_side.error().is(PurposeErrc::other_purpose));
}

TEST_F(PurposeOfClaims, AClockDocumentServesNoHandshake) {
  const auto claims = mint_and_verify({Purpose::clock, {}, {}, {}});
  ASSERT_TRUE(claims) << claims.error().to_string();
  EXPECT_TRUE(check_purpose(Purpose::clock, *claims));
  for (const Purpose purpose : {Purpose::handshake_initiator, Purpose::kms_recipient,
                                Purpose::genesis, Purpose::application}) {
    EXPECT_TRUE(check_purpose(purpose, *claims).error().is(PurposeErrc::field_missing))
        << to_string(purpose);
  }
}

}  // namespace
}  // namespace concordat::attest

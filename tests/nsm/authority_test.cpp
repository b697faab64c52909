#include "attest/authority.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include "attest/base/cbor.hpp"
#include "tests/nsm/fake_nsm.hpp"

namespace concordat::attest {
namespace {

using base::Bytes;
using base::BytesView;

SignerKey signer(std::uint8_t number) {
  std::array<std::uint8_t, crypto_sign_SEEDBYTES> seed{};
  seed.fill(number);
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> secret;
  SignerKey key;
  crypto_sign_seed_keypair(key.mutable_view().data(), secret.data(), seed.data());
  return key;
}

AuthorityFields fields() {
  return {"payments.example", {signer(3), signer(1), signer(2)}, 2, 7};
}

AuthorityDescriptor descriptor() {
  return AuthorityDescriptor::create(fields()).value();
}

base::Error refused(AuthorityFields bad) {
  auto made = AuthorityDescriptor::create(std::move(bad));
  EXPECT_FALSE(made);
  return made ? base::Error() : made.error();
}

TEST(AuthorityDescriptor, IsTheSameForAnyOrderOfSigners) {
  AuthorityFields other = fields();
  std::ranges::reverse(other.signers);
  const auto again = AuthorityDescriptor::create(other).value();
  EXPECT_EQ(again.encoded(), descriptor().encoded());
  EXPECT_TRUE(std::ranges::is_sorted(again.signers()));
}

TEST(AuthorityDescriptor, EncodesDeterministically) {
  base::cbor::Writer expected;
  std::vector<SignerKey> sorted = fields().signers;
  std::ranges::sort(sorted);
  expected.map(4).text("epoch").uint(7).text("realm").text("payments.example");
  expected.text("signers").array(3);
  for (const auto& key : sorted)
    expected.bytes(key.view());
  expected.text("threshold").uint(2);
  EXPECT_TRUE(base::equal(descriptor().encoded(), expected.view()));
}

TEST(AuthorityDescriptor, ParsesWhatItWrites) {
  const auto parsed = AuthorityDescriptor::parse(descriptor().encoded());
  ASSERT_TRUE(parsed) << parsed.error().to_string();
  EXPECT_EQ(parsed->realm(), "payments.example");
  EXPECT_EQ(parsed->threshold(), 2u);
  EXPECT_EQ(parsed->epoch(), 7u);
  EXPECT_EQ(parsed->signers().size(), 3u);
  EXPECT_EQ(parsed->digest(), descriptor().digest());
}

TEST(AuthorityDescriptor, EveryChangedByteIsRefusedOrAnotherAuthority) {
  const auto good = descriptor();
  for (std::size_t i = 0; i < good.encoded().size(); ++i) {
    Bytes changed = good.encoded();
    changed[i] ^= 1;
    const auto parsed = AuthorityDescriptor::parse(changed);
    EXPECT_TRUE(!parsed || parsed->pcr16() != good.pcr16()) << i;
  }
  for (std::size_t n = 0; n < good.encoded().size(); ++n) {
    EXPECT_FALSE(AuthorityDescriptor::parse(BytesView(good.encoded()).first(n))) << n;
  }
}

TEST(AuthorityDescriptor, HasOneEncodingOnly) {
  const auto good = descriptor();
  Bytes trailing = good.encoded();
  trailing.push_back(0);
  EXPECT_TRUE(AuthorityDescriptor::parse(trailing).error().is(AuthorityErrc::malformed_descriptor));

  base::cbor::Writer unsorted;
  unsorted.map(4).text("epoch").uint(7).text("realm").text("payments.example");
  unsorted.text("signers").array(3);
  for (auto it = good.signers().rbegin(); it != good.signers().rend(); ++it) {
    unsorted.bytes(it->view());
  }
  unsorted.text("threshold").uint(2);
  const auto refused_order = AuthorityDescriptor::parse(unsorted.view());
  EXPECT_TRUE(refused_order.error().is(AuthorityErrc::malformed_descriptor));

  base::cbor::Writer other_order;
  other_order.map(4).text("realm").text("payments.example").text("epoch").uint(7);
  other_order.text("signers").array(1).bytes(signer(1).view()).text("threshold").uint(1);
  EXPECT_FALSE(AuthorityDescriptor::parse(other_order.view()));
}

TEST(AuthorityDescriptor, RefusesEachBadField) {
  for (const char* realm : {"", "-a", "A", "a b", "a/b"}) {
    AuthorityFields bad = fields();
    bad.realm = realm;
    EXPECT_TRUE(refused(bad).is(AuthorityErrc::bad_realm)) << realm;
  }
  AuthorityFields bad = fields();
  bad.realm = std::string(65, 'a');
  EXPECT_TRUE(refused(bad).is(AuthorityErrc::bad_realm));
  bad = fields();
  bad.signers.clear();
  EXPECT_TRUE(refused(bad).is(AuthorityErrc::bad_signers));
  bad = fields();
  bad.signers.push_back(signer(2));
  EXPECT_NE(refused(bad).detail().find("twice"), std::string::npos);
  for (const unsigned threshold : {0u, 4u}) {
    bad = fields();
    bad.threshold = threshold;
    EXPECT_TRUE(refused(bad).is(AuthorityErrc::bad_threshold));
  }
  for (const std::uint64_t epoch : {std::uint64_t{0}, kMaxEpoch + 1}) {
    bad = fields();
    bad.epoch = epoch;
    EXPECT_TRUE(refused(bad).is(AuthorityErrc::bad_epoch));
  }
}

TEST(AuthorityDescriptor, RefusesKeysThatNeedNoPrivateKey) {
  // The neutral element: a signature under it can be made by anyone.
  SignerKey neutral;
  neutral.mutable_view()[0] = 1;
  AuthorityFields bad = fields();
  bad.signers.push_back(neutral);
  EXPECT_NE(refused(bad).detail().find("not an Ed25519 public key"), std::string::npos);
}

TEST(AuthorityDescriptor, LargestKeepsTheSizeLimit) {
  AuthorityFields large{std::string(kMaxRealmSize, 'a'), {}, kMaxSigners, kMaxEpoch};
  for (std::uint8_t i = 0; i < kMaxSigners; ++i)
    large.signers.push_back(signer(i));
  const auto made = AuthorityDescriptor::create(large);
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_LE(made->encoded().size(), kMaxDescriptorSize);
  EXPECT_TRUE(AuthorityDescriptor::parse(made->encoded()));
}

TEST(AuthorityDescriptor, Pcr16IsTheExtensionOfZeroByTheDigest) {
  const auto authority = descriptor();
  Bytes labelled = base::to_bytes(base::as_bytes("concordat/authority/v1"));
  base::append(labelled, authority.encoded());
  const auto digest = base::sha384({labelled});
  EXPECT_TRUE(base::equal(authority.digest().view(), digest.view()));
  EXPECT_EQ(authority.pcr16(), base::sha384({Bytes(48), digest.view()}));
  EXPECT_EQ(authority.pcr16(), authority_pcr16(authority.digest()));
}

TEST(BindAuthority, ExtendsLocksAndReadsBack) {
  FakeNsm nsm;
  EXPECT_EQ(bind_authority(nsm, descriptor()).value(), AuthorityBinding::bound_now);
  EXPECT_TRUE(nsm.registers[16].locked);
  EXPECT_EQ(nsm.registers[16].value, descriptor().pcr16());
}

TEST(BindAuthority, StartsAgainUnderTheSameAuthorityOnly) {
  FakeNsm nsm;
  ASSERT_TRUE(bind_authority(nsm, descriptor()));
  EXPECT_EQ(bind_authority(nsm, descriptor()).value(), AuthorityBinding::bound_already);
  AuthorityFields other = fields();
  other.epoch = 8;
  const auto refused_other = bind_authority(nsm, AuthorityDescriptor::create(other).value());
  EXPECT_TRUE(refused_other.error().is(AuthorityErrc::other_authority));
  EXPECT_EQ(nsm.registers[16].value, descriptor().pcr16());
}

TEST(BindAuthority, RefusesARegisterInUse) {
  FakeNsm nsm;
  nsm.registers[16].value = extended_pcr(PcrValue(), Bytes{1});
  EXPECT_TRUE(bind_authority(nsm, descriptor()).error().is(AuthorityErrc::register_in_use));
  EXPECT_FALSE(nsm.registers[16].locked);
  FakeNsm locked_zero;
  locked_zero.registers[16].locked = true;
  EXPECT_TRUE(bind_authority(locked_zero, descriptor()).error().is(AuthorityErrc::other_authority));
}

TEST(BindAuthority, BelievesOnlyWhatItReadsBack) {
  FakeNsm no_lock;
  no_lock.ignore_lock = true;
  EXPECT_TRUE(bind_authority(no_lock, descriptor()).error().is(AuthorityErrc::register_not_bound));
  FakeNsm no_extend;
  no_extend.ignore_extend = true;
  EXPECT_TRUE(
      bind_authority(no_extend, descriptor()).error().is(AuthorityErrc::register_not_bound));
}

TEST(BindAuthority, FailsWithEveryCallOfTheModule) {
  for (int call = 1; call <= 4; ++call) {
    FakeNsm nsm;
    nsm.fail_call = call;
    const auto bound = bind_authority(nsm, descriptor());
    ASSERT_FALSE(bound) << call;
    EXPECT_TRUE(bound.error().is(nsm::Errc::internal_error)) << call;
  }
}

}  // namespace
}  // namespace concordat::attest

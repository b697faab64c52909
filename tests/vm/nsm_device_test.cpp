// Runs inside the guest. The production NSM client on /dev/nsm: every operation that the programs
// use, and documents that the production verifier accepts under the root of the module's PKI.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "attest/authority.hpp"
#include "attest/base/file.hpp"
#include "attest/custom_root.hpp"
#include "attest/document.hpp"
#include "attest/mint.hpp"
#include "attest/nsm_device.hpp"
#include "attest/trusted_clock.hpp"
#include "attest/verify.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::attest {
namespace {

using base::Bytes;
using base::Result;

constexpr const char* kRootDer = "/run/lab_root.der";

class NsmDeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    auto device = NsmDevice::open();
    ASSERT_TRUE(device) << device.error().to_string();
    device_.emplace(*std::move(device));
  }

  static Result<TrustAnchors> anchors() {
    CONCORDAT_TRY(const Bytes der, base::read_file(kRootDer, 4096));
    return trust_anchors_from_root(der);
  }

  // As an enclave verifies: at the module's own time.
  Result<VerifiedClaims> verify(const Bytes& encoded, const TrustAnchors& trusted,
                                base::BytesView nonce) {
    TrustedClock clock;
    CONCORDAT_CHECK(anchor_from_nsm(clock, *device_, base::system_monotonic_clock));
    CONCORDAT_TRY(const auto now, clock.now(base::system_monotonic_clock()));
    CONCORDAT_TRY(const auto document, UnverifiedDocument::parse(encoded));
    ChainCache cache;
    return verify_live(document, trusted, cache, {.now = now, .nonce = nonce});
  }

  std::optional<NsmDevice> device_;
};

TEST_F(NsmDeviceTest, DescribesTheModule) {
  const auto module = nsm::describe_nsm(*device_);
  ASSERT_TRUE(module) << module.error().to_string();
  EXPECT_EQ(module->max_pcrs, kPcrCount);
  EXPECT_EQ(module->digest, nsm::Digest::sha384);
  EXPECT_GE(module->locked_pcrs.size(), 16U);
  EXPECT_TRUE(module->module_id.starts_with("i-")) << module->module_id;
}

TEST_F(NsmDeviceTest, GivesRandomBytes) {
  const auto one = nsm::get_random(*device_);
  const auto other = nsm::get_random(*device_);
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->size(), nsm::kRandomSize);
  EXPECT_NE(*one, *other);
}

TEST_F(NsmDeviceTest, ExtendsAndLocksARegister) {
  constexpr std::uint16_t kIndex = 20;
  const Bytes data(3000, 0x5A);  // the data of ExtendPCR is of any length that a request holds
  const auto fresh = nsm::describe_pcr(*device_, kIndex);
  ASSERT_TRUE(fresh) << fresh.error().to_string();
  EXPECT_FALSE(fresh->lock);
  const auto extended = nsm::extend_pcr(*device_, kIndex, data);
  ASSERT_TRUE(extended) << extended.error().to_string();
  EXPECT_EQ(*extended, extended_pcr(fresh->data, data));
  ASSERT_TRUE(nsm::lock_pcr(*device_, kIndex));
  const auto locked = nsm::describe_pcr(*device_, kIndex);
  ASSERT_TRUE(locked) << locked.error().to_string();
  EXPECT_TRUE(locked->lock);
  EXPECT_EQ(locked->data, *extended);
  const auto refused = nsm::extend_pcr(*device_, kIndex, data);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(nsm::Errc::read_only_index)) << refused.error().to_string();
}

TEST_F(NsmDeviceTest, SaysWhatTheModuleRefused) {
  const auto refused = nsm::describe_pcr(*device_, kPcrCount);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(nsm::Errc::invalid_index)) << refused.error().to_string();
}

// All three fields at their longest: the longest request, and the longest document, that is used.
TEST_F(NsmDeviceTest, CarriesTheLongestDocument) {
  const Bytes field(nsm::kMaxField, 0xA5);
  const auto encoded = nsm::attestation(*device_, {field, field, field});
  ASSERT_TRUE(encoded) << encoded.error().to_string();
  const auto trusted = anchors();
  ASSERT_TRUE(trusted) << trusted.error().to_string();
  const auto claims = verify(*encoded, *trusted, field);
  ASSERT_TRUE(claims) << claims.error().to_string();
  EXPECT_EQ(claims->user_data(), field);
  EXPECT_EQ(claims->public_key(), field);
}

// What an enclave does from its boot to its first handshake.
TEST_F(NsmDeviceTest, BindsTheAuthorityAndMintsADocumentThatShowsIt) {
  const AuthorityDescriptor authority = test::TestAuthority().descriptor();
  const auto bound = bind_authority(*device_, authority);
  ASSERT_TRUE(bound) << bound.error().to_string();

  const Bytes nonce(32, 0x11);
  const Bytes key(44, 0x22);
  const auto encoded = mint(
      *device_,
      {.purpose = Purpose::handshake_initiator, .items = {}, .nonce = nonce, .public_key = key});
  ASSERT_TRUE(encoded) << encoded.error().to_string();
  const auto trusted = anchors();
  ASSERT_TRUE(trusted) << trusted.error().to_string();
  const auto claims = verify(*encoded, *trusted, nonce);
  ASSERT_TRUE(claims) << claims.error().to_string();
  EXPECT_EQ(claims->pcr(kAuthorityPcr), authority.pcr16());
  EXPECT_FALSE(claims->debug());
  EXPECT_EQ(claims->public_key(), key);
  const auto module = nsm::describe_nsm(*device_);
  ASSERT_TRUE(module);
  EXPECT_EQ(claims->module_id(), module->module_id);

  EXPECT_FALSE(verify(*encoded, TrustAnchors::aws(), nonce)) << "no root of AWS signed this";
  EXPECT_FALSE(verify(*encoded, *trusted, Bytes(32, 0x12))) << "the challenge was another";
}

// True where a process of another user than root gets hold of the module.
bool strangers_can_open() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::setuid(65534) == 0 && NsmDevice::open() ? 0 : 1);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  return WEXITSTATUS(status) == 0;
}

TEST(NsmDeviceMode, RestrictingLeavesTheDeviceToRoot) {
  ASSERT_TRUE(strangers_can_open()) << "as the driver makes it";
  const auto restricted = restrict_device();
  ASSERT_TRUE(restricted) << restricted.error().to_string();
  EXPECT_FALSE(strangers_can_open());
  EXPECT_TRUE(NsmDevice::open());
}

}  // namespace
}  // namespace concordat::attest

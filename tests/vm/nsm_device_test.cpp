// Runs inside the guest. The production NSM client on /dev/nsm: every operation that the programs
// use, and documents that the production verifier accepts under the root of the module's PKI.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cerrno>

#include "attest/authority.hpp"
#include "attest/base/file.hpp"
#include "attest/custom_root.hpp"
#include "attest/document.hpp"
#include "attest/mint.hpp"
#include "attest/nsm_device.hpp"
#include "attest/trusted_clock.hpp"
#include "attest/verify.hpp"
#include "deploy/enclave/application.hpp"
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

// The exit status of an application that tries every way to a document, started as an agent starts
// one: 0 when none led there, 1 when it minted.
int application_that_mints() {
  const auto application = enclave::start_application({"/bin/test_application", "mint"});
  EXPECT_TRUE(application) << application.error().to_string();
  int status = -1;
  EXPECT_EQ(::waitpid(application.value(), &status, 0), application.value());
  EXPECT_TRUE(WIFEXITED(status)) << status;
  return WEXITSTATUS(status);
}

// errno of opening the device as user 65534; 0 where that worked.
int errno_of_stranger(int flags) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(::setuid(enclave::kApplicationUser) == 0 && ::open(kNsmDevicePath, flags) >= 0 ? 0
                                                                                           : errno);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  return WEXITSTATUS(status);
}

// What the production agent does before it starts an application, and what that application then
// comes to. The agent's own device stays open all the while, as here.
TEST(NsmDeviceMode, AfterRestrictingNoApplicationMints) {
  auto agent = NsmDevice::open();
  ASSERT_TRUE(agent) << agent.error().to_string();
  ASSERT_TRUE(base::harden_process());
  ASSERT_EQ(errno_of_stranger(O_RDWR), 0) << "as the driver makes it";
  ASSERT_EQ(application_that_mints(), 1) << "so that anybody mints";
  const auto restricted = restrict_device();
  ASSERT_TRUE(restricted) << restricted.error().to_string();
  for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_NONBLOCK}) {
    EXPECT_EQ(errno_of_stranger(flags), EACCES) << flags;
  }
  EXPECT_EQ(application_that_mints(), 0);
  EXPECT_TRUE(nsm::describe_nsm(*agent)) << "while the agent goes on";
  EXPECT_TRUE(NsmDevice::open());
}

}  // namespace
}  // namespace concordat::attest

// Enclaves that could shake hands: each with its software NSM under one lab PKI and one signed
// policy, in one process and on one clock that the test moves.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "deploy/lab/pki.hpp"
#include "deploy/lab/software_nsm.hpp"
#include "peer/judge.hpp"
#include "policy/signed_policy.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::test {

class TestWorld {
 public:
  TestWorld();
  // With the PKI kept in `folder`, so that several processes live in one world.
  explicit TestWorld(const std::filesystem::path& folder);

  [[nodiscard]] peer::Now now() const { return {wall, {wall.value}}; }
  // The sample policy with another serial, signed by two of three.
  [[nodiscard]] base::Bytes envelope(std::uint64_t serial) const;
  [[nodiscard]] policy::PolicyPtr policy(std::uint64_t serial) const;

  base::UnixMillis wall;
  // Changes the sample policy's text before it is signed.
  std::function<std::string(std::string)> edit_policy;
  TestAuthority authority;
  std::unique_ptr<lab::Pki> pki;
  attest::TrustAnchors anchors;
  attest::ChainCache cache;
  base::SystemRandom random;
  std::shared_ptr<peer::TokenBucket> envelope_bytes = std::make_shared<peer::TokenBucket>(
      peer::kEnvelopeBytesPerSecond, peer::kEnvelopeByteBurst, base::MonotonicMillis{});

 private:
  explicit TestWorld(std::unique_ptr<lab::Pki> made);
};

// One enclave: an image and a role of the sample policy. PCR16 carries the authority.
class TestEnclave {
 public:
  TestEnclave(TestWorld& world, const std::string& image, std::string role);
  // An image whose PCR0 differs in one bit from the policy's.
  static TestEnclave altered(TestWorld& world, const std::string& image, std::string role);

  [[nodiscard]] peer::HandshakeContext context(std::uint64_t policy_serial = 1);
  [[nodiscard]] base::Bytes mint(const attest::MintRequest& request);
  [[nodiscard]] lab::SoftwareNsm& nsm() noexcept { return *nsm_; }

 private:
  TestEnclave(TestWorld& world, const lab::EnclaveIdentity& identity, std::string role);

  TestWorld& world_;
  std::string role_;
  std::unique_ptr<lab::SoftwareNsm> nsm_;
};

// What an operator brings to a handshake under the world's policy.
[[nodiscard]] peer::HandshakeContext operator_context(TestWorld& world,
                                                      const policy::SignerKey& key,
                                                      std::uint64_t policy_serial = 1);

}  // namespace concordat::test

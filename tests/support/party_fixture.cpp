#include "tests/support/party_fixture.hpp"

#include "attest/custom_root.hpp"

namespace concordat::test {
namespace {

lab::EnclaveIdentity identity_of(const std::string& image) {
  lab::EnclaveIdentity identity;
  identity.role_arn = kAccount;
  identity.pcr0 = image_pcr(image, 0);
  identity.pcr1 = image_pcr(image, 1);
  identity.pcr2 = image_pcr(image, 2);
  return identity;
}

}  // namespace

TestWorld::TestWorld(std::unique_ptr<lab::Pki> made)
    : wall(kNow),
      pki(std::move(made)),
      anchors(attest::trust_anchors_from_root(pki->root_der()).value()) {}

TestWorld::TestWorld() : TestWorld(lab::Pki::create(kNow).value()) {}

TestWorld::TestWorld(const std::filesystem::path& folder)
    : TestWorld(lab::Pki::open(folder, kNow).value()) {}

base::Bytes TestWorld::envelope(std::uint64_t serial) const {
  std::string text = sample_policy(authority.descriptor(), serial);
  if (edit_policy) text = edit_policy(std::move(text));
  return authority.sign(text).encode();
}

policy::PolicyPtr TestWorld::policy(std::uint64_t serial) const {
  return policy::SignedPolicy::verify(envelope(serial), authority.descriptor(), wall).value();
}

TestEnclave::TestEnclave(TestWorld& world, const lab::EnclaveIdentity& identity, std::string role)
    : world_(world),
      role_(std::move(role)),
      nsm_(std::make_unique<lab::SoftwareNsm>(*world.pki, identity,
                                              [&world] { return world.wall; })) {
  (void)attest::bind_authority(*nsm_, world.authority.descriptor()).value();
}

TestEnclave::TestEnclave(TestWorld& world, const std::string& image, std::string role)
    : TestEnclave(world, identity_of(image), std::move(role)) {}

TestEnclave TestEnclave::altered(TestWorld& world, const std::string& image, std::string role) {
  lab::EnclaveIdentity identity = identity_of(image);
  identity.pcr0.mutable_view()[0] ^= 1;
  return {world, identity, std::move(role)};
}

peer::HandshakeContext TestEnclave::context(std::uint64_t policy_serial) {
  peer::HandshakeContext context;
  context.policy = world_.policy(policy_serial);
  context.role = role_;
  context.own_pcr16 = world_.authority.descriptor().pcr16();
  context.anchors = &world_.anchors;
  context.chain_cache = &world_.cache;
  context.random = &world_.random;
  context.envelope_bytes = world_.envelope_bytes;
  return context;
}

peer::HandshakeContext operator_context(TestWorld& world, const policy::SignerKey& key,
                                        std::uint64_t policy_serial) {
  peer::HandshakeContext context;
  context.policy = world.policy(policy_serial);
  context.operator_key = key;
  context.own_pcr16 = world.authority.descriptor().pcr16();
  context.anchors = &world.anchors;
  context.chain_cache = &world.cache;
  context.random = &world.random;
  return context;
}

base::Bytes TestEnclave::mint(const attest::MintRequest& request) {
  return attest::mint(*nsm_, request).value();
}

}  // namespace concordat::test

#include "keyservice/root.hpp"

#include <gtest/gtest.h>

#include "attest/base/secret_access.hpp"
#include "keyservice/error.hpp"

namespace concordat::keyservice {
namespace {

using base::SecretAccess;

Root root_of(std::uint8_t byte) {
  base::Bytes bytes(kRootSize, byte);
  return Root::create(1, base::SecretBytes::take(bytes)).value();
}

// Computed from the formulas of root.hpp with Python's hmac and hashlib:
//   prk = HMAC-SHA-384("concordat/root/1", 32 * 0x07)
TEST(Root, MatchesItsFormulas) {
  const Root root = root_of(7);
  EXPECT_EQ(root.commitment().hex(),
            "b8e3194f893821b9a7155bff0489e693682a9299fa5a58f540efd7889137172f");
  EXPECT_EQ(
      base::to_hex(root.derive(KeyUse::secret, "payments/card-tokens", 1).expose(SecretAccess{})),
      "b6fadb3dadefff260553c3addc3887fe6d7c7fd560e08f620b39372e95496e9c");
  EXPECT_EQ(base::to_hex(root.journal_key().expose(SecretAccess{})),
            "2c2ed36461f08866426707bb74e03d62af510daeda7598abd1527d6fcd14a466"
            "81895444d3f6ba6ad3ebdc4b5d6873c5");
}

TEST(Root, EveryInputMatters) {
  const Root root = root_of(7);
  const auto key = root.derive(KeyUse::secret, "a/b", 1);
  EXPECT_TRUE(key == root.derive(KeyUse::secret, "a/b", 1));
  EXPECT_FALSE(key == root.derive(KeyUse::ed25519_seed, "a/b", 1));
  EXPECT_FALSE(key == root.derive(KeyUse::secret, "a/c", 1));
  EXPECT_FALSE(key == root.derive(KeyUse::secret, "a/b", 2));
  EXPECT_FALSE(key == root_of(8).derive(KeyUse::secret, "a/b", 1));
}

TEST(Root, RefusesOtherSizesAndOtherCommitments) {
  EXPECT_TRUE(Root::create(1, base::SecretBytes::random(31)).error().is(Errc::wrong_root));
  const Root root = root_of(7);
  EXPECT_TRUE(root.check_commitment(root.commitment().view()));
  EXPECT_TRUE(root.check_commitment(root_of(8).commitment().view()).error().is(Errc::wrong_root));
  EXPECT_TRUE(root.check_commitment({}).error().is(Errc::wrong_root));
}

}  // namespace
}  // namespace concordat::keyservice

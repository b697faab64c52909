#include "attest/base/secret.hpp"

#include <gtest/gtest.h>

#include <type_traits>

#include "attest/base/secret_access.hpp"

namespace concordat::base {
namespace {

static_assert(!std::is_copy_constructible_v<SecretBytes>);
static_assert(!std::is_copy_assignable_v<SecretBytes>);

TEST(SecretBytes, TakeWipesItsSource) {
  Bytes plain{1, 2, 3};
  const SecretBytes secret = SecretBytes::take(plain);
  EXPECT_EQ(plain, (Bytes{0, 0, 0}));
  EXPECT_TRUE(equal(secret.expose(SecretAccess{}), Bytes{1, 2, 3}));
}

TEST(SecretBytes, ReleasedMemoryIsZeroBeforeItIsReused) {
  SecretBytes first = SecretBytes::random(64);
  const std::uint8_t* where = first.expose(SecretAccess{}).data();
  first.wipe();
  const SecretBytes second = SecretBytes::zeroed(64);
  EXPECT_EQ(second.expose(SecretAccess{}).data(), where);
  EXPECT_TRUE(equal(second.expose(SecretAccess{}), Bytes(64, 0)));
}

TEST(SecretBytes, MoveEmptiesTheSourceAndCloneDoesNot) {
  SecretBytes a = SecretBytes::random(32);
  const SecretBytes copy = a.clone();
  const SecretBytes b = std::move(a);
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): the moved-from state is the contract
  EXPECT_TRUE(b == copy);
}

TEST(SecretBytes, TwentyThousandSecretsStayFarFromTheMapLimit) {
  std::vector<SecretBytes> many;
  for (int i = 0; i < 20'000; ++i)
    many.push_back(SecretBytes::random(32));
  const SecretMemoryStatus status = secret_memory_status();
  EXPECT_GE(status.bytes_in_use, 20'000u * 32);
  EXPECT_LT(status.slabs, 64u);
}

TEST(SecretBytes, OfNoSizeAreEmpty) {
  EXPECT_TRUE(SecretBytes::random(0).empty());
  EXPECT_TRUE(SecretBytes::take({}).empty());
  EXPECT_TRUE(SecretBytes().clone() == SecretBytes::zeroed(0));
}

TEST(SecretBytes, LargerThanASlab) {
  const std::size_t before = secret_memory_status().bytes_in_use;
  {
    const SecretBytes large = SecretBytes::zeroed(200'000);
    EXPECT_EQ(large.size(), 200'000u);
    EXPECT_EQ(secret_memory_status().bytes_in_use, before + 200'000);
  }
  EXPECT_EQ(secret_memory_status().bytes_in_use, before);
}

}  // namespace
}  // namespace concordat::base

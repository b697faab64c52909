#include "attest/base/secret.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <ranges>
#include <type_traits>

#include "attest/base/log.hpp"
#include "attest/base/secret_access.hpp"

namespace concordat::base {
namespace {

// Moved, never copied, and no move can fail half way.
static_assert(!std::is_copy_constructible_v<SecretBytes>);
static_assert(!std::is_copy_assignable_v<SecretBytes>);
static_assert(std::is_nothrow_move_constructible_v<SecretBytes>);
static_assert(std::is_nothrow_move_assignable_v<SecretBytes>);

// Nothing prints it, logs it, or turns it into something that can be printed, copied or hashed.
template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};
template <class T>
concept Hashable = requires(const T& value) {
  std::hash<T>()(value);
};
template <class T>
concept Ordered = requires(const T& value) {
  value < value;
};
static_assert(Printable<std::string> && Hashable<std::string> && Ordered<std::string>);
static_assert(!Printable<SecretBytes> && !Hashable<SecretBytes> && !Ordered<SecretBytes>);
static_assert(!std::is_constructible_v<LogField, const char*, const SecretBytes&>);
static_assert(!std::is_constructible_v<nlohmann::json, const SecretBytes&>);
template <class... Others>
constexpr bool kBecomesAny = (std::is_constructible_v<Others, const SecretBytes&> || ...);
static_assert(!kBecomesAny<Bytes, BytesView, std::string, std::string_view, bool, const void*>);
static_assert(!std::ranges::range<SecretBytes>);

// Its bytes only for whoever spells the access out: nothing converts to that.
template <class Access>
concept Opens = requires(const SecretBytes& secret, Access access) {
  secret.expose(access);
};
template <class T>
concept OpensToNothing = requires(const T& secret) {
  secret.expose({});
};
template <class T>
concept OpensByItself = requires(const T& secret) {
  secret.expose();
};
static_assert(Opens<SecretAccess>);
static_assert(!Opens<int> && !Opens<std::nullptr_t> && !Opens<std::string>);
static_assert(!OpensToNothing<SecretBytes> && !OpensByItself<SecretBytes>);

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

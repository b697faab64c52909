#include <gtest/gtest.h>

#include <algorithm>

#include "tests/keyring/keys.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::SecretBytes;

constexpr std::string_view kOrderP256 =
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
constexpr std::string_view kOrderP384 =
    "ffffffffffffffffffffffffffffffffffffffffffffffff"
    "c7634d81f4372ddf581a0db248b0a77aecec196accc52973";

TEST(Generate, GivesAnotherUsableKeyEachTime) {
  base::SystemRandom random;
  for (const KeyType type : kKeyTypes) {
    if (type == KeyType::derived) continue;
    const auto one = generate(type, random);
    const auto two = generate(type, random);
    ASSERT_TRUE(one && two) << to_string(type);
    EXPECT_TRUE(check_material(type, *one)) << to_string(type);
    EXPECT_FALSE(*one == *two) << to_string(type);
  }
}

TEST(Generate, DerivedKeysHaveNoMaterial) {
  base::SystemRandom random;
  EXPECT_EQ(refusal(generate(KeyType::derived, random)), "other_key_type");
  EXPECT_EQ(refusal(import_raw(KeyType::derived, SecretBytes::random(32))), "other_key_type");
}

// First bytes that are no scalar of the curve, then such that are.
class ScriptedRandom final : public base::RandomSource {
 public:
  explicit ScriptedRandom(std::vector<std::uint8_t> fills) : fills_(std::move(fills)) {}
  void fill(std::span<std::uint8_t> out) override {
    std::ranges::fill(out, fills_[std::min(used_++, fills_.size() - 1)]);
  }

 private:
  std::vector<std::uint8_t> fills_;
  std::size_t used_ = 0;
};

TEST(Generate, DrawsAgainUntilItIsAScalarAndNotForEver) {
  ScriptedRandom second({0xff, 0x55});
  EXPECT_EQ(hex(generate(KeyType::p256, second).value()), hex(Bytes(32, 0x55)));
  ScriptedRandom none({0xff});
  EXPECT_EQ(refusal(generate(KeyType::p384, none)), "bad_key_material");
}

TEST(ImportRaw, TakesTheSizesOfItsTypeOnly) {
  const auto takes = [](KeyType type, std::size_t size) {
    return import_raw(type, secret(Bytes(size, 0x55))).has_value();
  };
  for (std::size_t size = 0; size <= 80; ++size) {
    for (const KeyType type : {KeyType::ed25519, KeyType::p256, KeyType::x25519, KeyType::aes256})
      EXPECT_EQ(takes(type, size), size == 32) << to_string(type) << " " << size;
    EXPECT_EQ(takes(KeyType::p384, size), size == 48) << size;
    EXPECT_EQ(takes(KeyType::hmac, size), size >= 32 && size <= 64) << size;
  }
}

TEST(ImportRaw, RefusesZeros) {
  for (const KeyType type : kKeyTypes) {
    if (type == KeyType::derived) continue;
    const std::size_t size = type == KeyType::p384 ? 48 : 32;
    EXPECT_EQ(refusal(import_raw(type, SecretBytes::zeroed(size))), "bad_key_material")
        << to_string(type);
  }
}

TEST(ImportRaw, ScalarsEndBelowTheOrder) {
  for (const auto& [type, order] :
       {std::pair(KeyType::p256, kOrderP256), std::pair(KeyType::p384, kOrderP384)}) {
    Bytes scalar = base::from_hex(order).value();
    EXPECT_EQ(refusal(import_raw(type, secret(scalar))), "bad_key_material");
    ++scalar.back();
    EXPECT_EQ(refusal(import_raw(type, secret(scalar))), "bad_key_material");
    scalar.back() = static_cast<std::uint8_t>(scalar.back() - 2);
    EXPECT_TRUE(import_raw(type, secret(scalar)));
  }
}

TEST(Get, GivesTheMaterialOfExportableKeysOnly) {
  TestKey key(KeyType::aes256, secret(Bytes(32, 3)));
  EXPECT_EQ(hex(get(key.in_use()).value()), hex(Bytes(32, 3)));
  key.exportable = false;
  EXPECT_EQ(refusal(get(key.in_use())), "not_exportable");
}

TEST(Get, OfADerivedKeyIsItsSecretUseAsEver) {
  const TestKey key(KeyType::derived, SecretBytes(), "payments/card-tokens");
  // As tests/keyservice/root_test.cpp has it.
  EXPECT_EQ(hex(get(key.in_use()).value()),
            "b6fadb3dadefff260553c3addc3887fe6d7c7fd560e08f620b39372e95496e9c");
}

TEST(DerivedKeys, HaveAnotherKeyForEachUse) {
  const TestKey key(KeyType::derived);
  std::vector<std::string> found;
  for (const KeyUse use : {KeyUse::secret, KeyUse::ed25519_seed, KeyUse::encryption,
                           KeyUse::wrapping, KeyUse::mac, KeyUse::derivation})
    found.push_back(hex(bytes_for(key.in_use(), use).value()));
  std::ranges::sort(found);
  EXPECT_EQ(std::ranges::adjacent_find(found), found.end());
}

TEST(BytesFor, LooksAtTheMaterialAgain) {
  const TestKey cut(KeyType::aes256, secret(Bytes(16, 1)));
  EXPECT_EQ(refusal(get(cut.in_use())), "bad_key_material");
}

}  // namespace
}  // namespace concordat::keyservice

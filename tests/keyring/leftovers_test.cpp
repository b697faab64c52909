// After an operation and the end of its secrets nothing of them is left in the process: not in
// guarded memory, not on the heap, not on the stack.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>

#include "keyservice/keyring/derivation.hpp"
#include "keyservice/keyring/pkcs8.hpp"
#include "keyservice/keyring/public_key.hpp"
#include "keyservice/keyring/sealing.hpp"
#include "keyservice/keyring/signing.hpp"
#include "tests/keyring/keys.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::SecretBytes;

// Eight bytes to look for, which are not kept as they are: the search would find itself.
class Needle {
 public:
  static constexpr std::size_t kSize = 8;

  explicit Needle(base::BytesView bytes, bool reversed) {
    for (std::size_t i = 0; i < kSize; ++i)
      masked_[i] = bytes[reversed ? kSize - 1 - i : i] ^ kMask;
  }
  [[nodiscard]] bool is_at(const volatile std::uint8_t* at) const noexcept {
    for (std::size_t i = 0; i < kSize; ++i) {
      if ((at[i] ^ kMask) != masked_[i]) return false;
    }
    return true;
  }

 private:
  static constexpr std::uint8_t kMask = 0xa5;
  std::array<std::uint8_t, kSize> masked_{};
};

constexpr std::size_t kMostLookedFor = 64;  // of a plaintext

// Every eight bytes of the secret, as they are and as a little-endian number has them.
std::vector<Needle> needles_of(const SecretBytes& secret) {
  const base::BytesView bytes = secret.expose(base::SecretAccess{});
  std::vector<Needle> out;
  for (std::size_t at = 0; at + Needle::kSize <= std::min(bytes.size(), kMostLookedFor); ++at) {
    out.emplace_back(bytes.subspan(at, Needle::kSize), false);
    out.emplace_back(bytes.subspan(at, Needle::kSize), true);
  }
  return out;
}

// Places in all memory that this process can read and write where one of them is.
std::vector<std::string> places_of(const std::vector<Needle>& needles) {
  std::vector<std::string> found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    char access[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &from, &to, access) != 3) continue;
    if (std::string_view(access).substr(0, 2) != "rw") continue;
    const auto* begin = reinterpret_cast<const volatile std::uint8_t*>(from);
    for (std::size_t at = 0; at + Needle::kSize <= to - from; ++at) {
      if (std::ranges::any_of(needles, [&](const Needle& n) { return n.is_at(begin + at); }))
        found.push_back(line + " at " + std::to_string(at));
    }
  }
  return found;
}

// What `use` leaves of `secret` once both are done.
void expect_nothing_left(const std::string& what, SecretBytes secret,
                         const std::function<void(const SecretBytes&)>& use) {
  const std::vector<Needle> needles = needles_of(secret);
  EXPECT_FALSE(places_of(needles).empty()) << what << ": the search finds nothing at all";
  use(secret);
  secret.wipe();
  EXPECT_EQ(places_of(needles), std::vector<std::string>()) << what;
}

SecretBytes fresh(KeyType type) {
  base::SystemRandom random;
  return generate(type, random).value();
}

KeyInUse in_use(KeyType type, const SecretBytes& material) {
  return {"payments/tokens", type, 1, &material, nullptr, true};
}

const Bytes kMessage(100, 1);

TEST(Leftovers, OfSigningThereAreNone) {
  for (const KeyType type : {KeyType::ed25519, KeyType::p256, KeyType::p384}) {
    expect_nothing_left(std::string(to_string(type)), fresh(type), [type](const auto& material) {
      const KeyInUse key = in_use(type, material);
      const auto signature = sign(key, kMessage);
      ASSERT_TRUE(verify(key, signature.value(), kMessage));
      ASSERT_TRUE(public_key(key));
    });
  }
}

TEST(Leftovers, OfAgreementDerivationAndMacsThereAreNone) {
  expect_nothing_left("x25519", fresh(KeyType::x25519), [](const auto& material) {
    const KeyInUse key = in_use(KeyType::x25519, material);
    const auto peer = PeerPublicKey::from(public_key(key).value().raw).value();
    ASSERT_TRUE(agree(key, peer, kMessage, 32));
  });
  expect_nothing_left("hmac", fresh(KeyType::hmac), [](const auto& material) {
    const KeyInUse key = in_use(KeyType::hmac, material);
    ASSERT_TRUE(verify(key, mac(key, kMessage).value(), kMessage));
    ASSERT_TRUE(derive(key, kMessage, 32));
  });
}

TEST(Leftovers, OfEncryptionThereAreNoneOfTheKeyAndNoneOfThePlaintext) {
  const auto use = [](const SecretBytes& material, const SecretBytes& plaintext) {
    base::SystemRandom random;
    const KeyInUse key = in_use(KeyType::aes256, material);
    const auto ciphertext = encrypt(key, kMessage, plaintext, random).value();
    ASSERT_TRUE(decrypt(key, kMessage, rewrap(key, key, kMessage, ciphertext, random).value()));
    ASSERT_TRUE(unwrap(key, wrap_bytes(key, plaintext, random).value()));
  };
  expect_nothing_left("key", fresh(KeyType::aes256),
                      [&](const auto& material) { use(material, SecretBytes::random(1000)); });
  expect_nothing_left("plaintext", SecretBytes::random(1000),
                      [&](const auto& plaintext) { use(fresh(KeyType::aes256), plaintext); });
}

TEST(Leftovers, OfDerivedKeysThereAreNone) {
  SecretBytes secret = SecretBytes::random(kRootSize);
  std::optional<Root> root = Root::create(1, std::move(secret)).value();
  const KeyInUse key{"payments/tokens", KeyType::derived, 1, nullptr, &*root, true};
  std::vector<Needle> needles;
  for (const KeyUse use : {KeyUse::secret, KeyUse::ed25519_seed, KeyUse::encryption,
                           KeyUse::wrapping, KeyUse::mac, KeyUse::derivation}) {
    const auto more = needles_of(bytes_for(key, use).value());
    needles.insert(needles.end(), more.begin(), more.end());
  }
  base::SystemRandom random;
  const SecretBytes plaintext = SecretBytes::random(100);
  ASSERT_TRUE(sign(key, kMessage));
  ASSERT_TRUE(mac(key, kMessage));
  ASSERT_TRUE(encrypt(key, {}, plaintext, random));
  ASSERT_TRUE(wrap_bytes(key, plaintext, random));
  ASSERT_TRUE(derive(key, kMessage, 32));
  ASSERT_TRUE(get(key));
  root.reset();
  EXPECT_EQ(places_of(needles), std::vector<std::string>());
}

// The file around the key: its curve's name and no public key.
TEST(Leftovers, OfImportThereAreNone) {
  expect_nothing_left("PKCS#8", fresh(KeyType::p256), [](const SecretBytes& material) {
    const Bytes head = base::from_hex(
                           "3041020100301306072a8648ce3d020106082a8648ce3d0301070427"
                           "30250201010420")
                           .value();
    SecretBytes file = SecretBytes::zeroed(head.size() + material.size());
    const auto out = file.expose_mutable(base::SecretAccess{});
    std::ranges::copy(head, out.begin());
    std::ranges::copy(material.expose(base::SecretAccess{}),
                      out.begin() + static_cast<std::ptrdiff_t>(head.size()));
    const auto imported = import_pkcs8(KeyType::p256, file);
    ASSERT_TRUE(imported) << imported.error().to_string();
    ASSERT_TRUE(*imported == material);
  });
}

}  // namespace
}  // namespace concordat::keyservice

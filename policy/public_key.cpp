#include "policy/public_key.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>

namespace concordat::policy {
namespace {

// Little-endian, below 2^255 - 19.
bool is_reduced(base::BytesView u) noexcept {
  constexpr std::uint8_t kTop = 0x7f;
  constexpr std::uint8_t kPrimeLow = 0xed;
  if (u.back() != kTop) return u.back() < kTop;
  const base::BytesView middle = u.subspan(1, u.size() - 2);
  return u.front() < kPrimeLow ||
         !std::ranges::all_of(middle, [](std::uint8_t byte) { return byte == 0xff; });
}

bool has_low_order(base::BytesView u) noexcept {
  std::array<std::uint8_t, crypto_scalarmult_BYTES> product{};
  std::array<std::uint8_t, crypto_scalarmult_SCALARBYTES> any{};
  any.fill(1);
  return crypto_scalarmult(product.data(), any.data(), u.data()) != 0;
}

}  // namespace

bool is_public_key(const attest::SignerKey& key) noexcept {
  return crypto_core_ed25519_is_valid_point(key.view().data()) == 1;
}

bool is_public_key(const HolderKey& key) noexcept {
  return is_reduced(key.view()) && !has_low_order(key.view());
}

}  // namespace concordat::policy

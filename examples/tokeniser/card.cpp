#include "card.hpp"

#include "attest/base/secret_access.hpp"

namespace tokeniser {

using concordat::base::BytesView;
using concordat::base::SecretAccess;
using concordat::base::SecretBytes;

namespace {

constexpr std::size_t kFewestDigits = 12;
constexpr std::size_t kMostDigits = 19;
constexpr std::size_t kShownDigits = 4;
constexpr std::size_t kTokenBytes = 16;

// Luhn's formula, ISO/IEC 7812-1 annex B: from the right every second digit doubled, digits added.
bool check_digit_is_right(BytesView digits) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const unsigned digit = digits[digits.size() - 1 - i] - '0';
    const unsigned weighted = i % 2 == 0 ? digit : 2 * digit;
    sum += weighted / 10 + weighted % 10;
  }
  return sum % 10 == 0;
}

std::string base32(BytesView bytes) {
  constexpr const char* kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  std::string out;
  unsigned bits = 0, count = 0;
  for (const std::uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 5; count -= 5)
      out += kAlphabet[bits >> (count - 5) & 31];
  }
  if (count > 0) out += kAlphabet[bits << (5 - count) & 31];
  return out;
}

}  // namespace

std::optional<SecretBytes> card_number(const SecretBytes& written) {
  SecretBytes room = SecretBytes::zeroed(kMostDigits);
  std::size_t count = 0;
  for (const std::uint8_t c : written.expose(SecretAccess{})) {
    if (c == ' ' || c == '-') continue;
    if (c < '0' || c > '9' || count == kMostDigits) return std::nullopt;
    room.expose_mutable(SecretAccess{})[count++] = c;
  }
  if (count < kFewestDigits) return std::nullopt;
  const BytesView digits = room.expose(SecretAccess{}).first(count);
  if (!check_digit_is_right(digits)) return std::nullopt;
  SecretBytes out = SecretBytes::zeroed(count);
  std::ranges::copy(digits, out.expose_mutable(SecretAccess{}).begin());
  return out;
}

std::string make_token(std::uint32_t key_version, BytesView tag, const SecretBytes& number) {
  const BytesView shown = number.expose(SecretAccess{}).last(kShownDigits);
  return "tok1_" + std::to_string(key_version) + "_" + base32(tag.first(kTokenBytes)) + "_" +
         std::string(concordat::base::as_text(shown));
}

}  // namespace tokeniser

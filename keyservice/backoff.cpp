#include "keyservice/backoff.hpp"

#include <array>

namespace concordat::keyservice {

Backoff::Milliseconds Backoff::next(base::RandomSource& random) {
  current_ = current_.count() == 0 ? first_ : std::min(current_ * 2, longest_);
  std::array<std::uint8_t, 4> bytes{};
  random.fill(bytes);
  std::uint64_t fraction = 0;
  for (const std::uint8_t byte : bytes)
    fraction = fraction << 8 | byte;
  // Of [0, current], in steps of 2^-32.
  return Milliseconds((static_cast<std::uint64_t>(current_.count()) * fraction + UINT32_MAX / 2) /
                      UINT32_MAX);
}

}  // namespace concordat::keyservice

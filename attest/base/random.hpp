// Randomness as the cores see it: handed in, so that simulators can seed it.
#pragma once

#include <span>

#include "attest/base/bytes.hpp"

namespace concordat::base {

class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;

  template <class Fixed>
  [[nodiscard]] Fixed make() {
    Fixed out;
    fill(out.mutable_view());
    return out;
  }
};

// The kernel's generator through libsodium; on Nitro the kernel's pool is fed by the NSM.
class SystemRandom final : public RandomSource {
 public:
  void fill(std::span<std::uint8_t> out) override;
};

}  // namespace concordat::base

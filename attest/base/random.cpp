#include "attest/base/random.hpp"

#include <sodium.h>

namespace concordat::base {

void SystemRandom::fill(std::span<std::uint8_t> out) {
  randombytes_buf(out.data(), out.size());
}

}  // namespace concordat::base

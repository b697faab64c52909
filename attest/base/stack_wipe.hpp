// What a library's own frames left on the stack while it worked with a secret.
#pragma once

#include <sodium.h>

namespace concordat::base {

// Overwrites, when it goes, the stack below the function that holds it: OpenSSL's point
// multiplication and libsodium's scalar arithmetic leave copies of scalars there.
class StackWipe {
 public:
  StackWipe() = default;
  StackWipe(const StackWipe&) = delete;
  StackWipe& operator=(const StackWipe&) = delete;
  ~StackWipe() { sodium_stackzero(kDeepest); }

 private:
  static constexpr std::size_t kDeepest = 16 * 1024;
};

}  // namespace concordat::base

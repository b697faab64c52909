// OpenSSL keeps its generators' state on its secure heap once there is one. The leak checker, which
// libFuzzer asks after each input, does not search that heap (tests/leaks.txt): a target whose
// inputs reach a private key starts the generators before.
#pragma once

#include <openssl/rand.h>

#include <cstdlib>

inline void start_openssl_generators() {
  static const bool started = [] {
    unsigned char byte = 0;
    return RAND_bytes(&byte, 1) == 1 && RAND_priv_bytes(&byte, 1) == 1;
  }();
  if (!started) std::abort();
}

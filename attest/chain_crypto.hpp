// The OpenSSL library context in which certificate chains and documents are judged: it offers EC
// keys, ECDSA, SHA-384 (and SHA-1, by which OpenSSL itself tells certificates apart) out of
// OpenSSL's default provider, and nothing else. No other algorithm can be reached from a
// certificate, and OpenSSL 3.0, which asks every decoder on offer for each public key that it
// reads, reads a certificate in 0.07 ms instead of 0.25 (a P-384 verification takes 1 ms).
// Independent of openssl.cnf and the environment.
#pragma once

#include <openssl/types.h>

#include "attest/base/result.hpp"

namespace concordat::attest {

// Made at the first call, lives as long as the process; thread-safe.
[[nodiscard]] base::Result<OSSL_LIB_CTX*> chain_crypto();

}  // namespace concordat::attest

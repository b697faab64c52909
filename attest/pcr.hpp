// Platform configuration registers of a Nitro enclave: 32 registers of SHA-384.
#pragma once

#include "attest/base/hash.hpp"

namespace concordat::attest {

using PcrValue = base::Sha384Digest;

inline constexpr unsigned kPcrCount = 32;

// What ExtendPCR makes of a register: SHA-384(old || data), data of any length and not hashed first
// (aws-nitro-enclaves-nsm-api, nsm-test/src/bin/nsm-check.rs).
[[nodiscard]] inline PcrValue extended_pcr(const PcrValue& old, base::BytesView data) {
  return base::sha384({old.view(), data});
}

}  // namespace concordat::attest

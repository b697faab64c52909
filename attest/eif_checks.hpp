// The two sections of an EIF that its reader looks into. For the files eif_*.cpp.
#pragma once

#include "attest/eif.hpp"

namespace concordat::attest {

// bad_metadata unless it is one JSON object.
[[nodiscard]] base::Status check_eif_metadata(base::BytesView metadata);

// The signature section: CBOR [{"signing_certificate": PEM, "signature": COSE_Sign1}], both as
// arrays of integers (serde's Vec<u8>); the signed payload is {"register_index": 0,
// "register_value": PCR0}. PEM is the file that the signer named: its first line must begin the
// certificate, because readers differ in what they skip before one, and what follows (a chain) is
// of no matter. Returns PCR8 of the certificate. The certificate says who signed, not that anyone
// should trust it, so that its dates and issuer are not judged.
[[nodiscard]] base::Result<PcrValue> verify_eif_signature(base::BytesView section,
                                                          const PcrValue& pcr0);

}  // namespace concordat::attest

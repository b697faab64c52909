// What a party keeps when a run has ended: who saw its input, by which code, and what came out.
// Verified offline, by anybody, at any later time.
//
// CBOR, preferred encoding:
//   ["concordat/session-receipt/1", party, descriptor envelope, roster,
//    [[document, signature under the roster], ...],       by index
//    protocol, SHA-256 of the result, time in ms, signature]
// The signature is of the party's session key, over domain, 0x00 and the CBOR array
//   [run id, party, protocol, SHA-256 of the result, time]: the run id fixes roster and descriptor.
#pragma once

#include "attest/claims.hpp"
#include "session/forming.hpp"

namespace concordat::session {

// `result`: Output::result of the protocol.
[[nodiscard]] base::Result<base::Bytes> make_receipt(const FormedSession& session,
                                                     base::BytesView result, base::UnixMillis time);

struct VerifiedReceipt {
  DescriptorPtr descriptor;
  PartyIndex party = 0;  // who made it
  Roster roster;
  RunId run;
  std::map<PartyIndex, attest::VerifiedClaims> claims;
  base::Sha256Digest result;
  base::UnixMillis time;
};

// In this order: form, descriptor (signatures of all authorities), roster, each document at its own
// time under `anchors` and against the roster and the descriptor, every signature. Says nothing of
// images: which ones a realm wants to have seen is for its policy (evaluate_party with the claims).
[[nodiscard]] base::Result<VerifiedReceipt> verify_receipt(
    base::BytesView receipt, std::span<const attest::AuthorityDescriptor> authorities,
    const attest::TrustAnchors& anchors);

}  // namespace concordat::session

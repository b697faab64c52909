// What a party keeps when a run has ended: who saw its input, by which code, and what came out.
// Verified offline, by anybody, at any later time.
//
// CBOR, preferred encoding:
//   ["concordat/session-receipt/1", party, group (shown_group.hpp),
//    [confirmation of the result, ...] by index, protocol, SHA-256 of the result, time in ms,
//    signature]
// A confirmation is what its party signed before any party gave the result out (MESSAGING.md):
// every one is there, so that a receipt is the word of all parties about the result. The last
// signature is of the receipt's own party, by its session key, over domain, 0x00 and the CBOR array
//   [run id, party, protocol, SHA-256 of the result, time]: the run id fixes roster and descriptor.
#pragma once

#include "attest/claims.hpp"
#include "session/forming.hpp"

namespace concordat::session {

// Of every party, as Outcome::confirmations has them.
using Confirmations = std::map<PartyIndex, policy::Signature>;

// `key`: the session's, which its run has by now (Run::key). `result`: Output::result of the
// protocol. receipt_not_confirmed unless every party of the roster, and nobody else, confirmed it.
[[nodiscard]] base::Result<base::Bytes> make_receipt(const FormedSession& session,
                                                     const policy::Signer& key,
                                                     base::BytesView result,
                                                     const Confirmations& confirmations,
                                                     base::UnixMillis time);

struct VerifiedReceipt {
  DescriptorPtr descriptor;
  PartyIndex party = 0;  // who made it
  Roster roster;
  RunId run;
  std::map<PartyIndex, attest::VerifiedClaims> claims;
  base::Sha256Digest result;  // every party of the roster confirmed it
  base::UnixMillis time;
};

// In this order: form, descriptor (signatures of all authorities), roster; for each party its
// document at its own time under `anchors` and against the roster and the descriptor, its signature
// under the roster and its confirmation of the result; the receipt's own signature. Says nothing of
// images: which ones a realm wants to have seen is for its policy (evaluate_party with the claims).
[[nodiscard]] base::Result<VerifiedReceipt> verify_receipt(
    base::BytesView receipt, std::span<const attest::AuthorityDescriptor> authorities,
    const attest::TrustAnchors& anchors);

}  // namespace concordat::session

// The group of a run as it is shown to whoever was not there: what receipts and proofs begin with.
// CBOR, preferred encoding:
//   [descriptor envelope, roster, [[document, signature under the roster], ...]]         by index
#pragma once

#include "attest/base/cbor.hpp"
#include "attest/claims.hpp"
#include "session/forming.hpp"

namespace concordat::session {

struct ShownGroup {
  base::Bytes envelope;             // the descriptor, signed
  base::Bytes roster;               // encoded
  std::vector<SeatEvidence> seats;  // by index
};

void write_group(base::cbor::Writer& writer, const FormedSession& session);
// Whether it is one that ran is for verify_group to say. Errors: of CBOR.
[[nodiscard]] base::Result<ShownGroup> read_group(base::cbor::Reader& reader);

struct VerifiedGroup {
  DescriptorPtr descriptor;
  Roster roster;
  RunId run;
  std::map<PartyIndex, attest::VerifiedClaims> claims;
};

// In this order: descriptor (signatures of all authorities), roster; for each party its document at
// its own time under `anchors` and against the roster and the descriptor, and its signature under
// the roster. Errors: of the descriptor, documents and rosters, and of receipts.
[[nodiscard]] base::Result<VerifiedGroup> verify_group(
    const ShownGroup& shown, std::span<const attest::AuthorityDescriptor> authorities,
    const attest::TrustAnchors& anchors);

}  // namespace concordat::session

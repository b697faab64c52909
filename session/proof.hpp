// Proof that a party of a run broke the protocol, for anybody, offline and at any later time: with
// the group, whose session keys the enclaves' documents cover, the evidence that the parties judged
// by, and the broadcasts that its check takes. Whoever holds it need not be believed: everything in
// it is signed by whom it is of. MESSAGING.md, "Blame", says why none can be made against an honest
// party.
//
// CBOR, preferred encoding:
//   ["concordat/session-proof/1", group (shown_group.hpp),
//    [[[broadcast, ...], [signature of the echo, ...]], ...],    of round 1 on, each by index
//    evidence (bstr, MESSAGING.md)]
#pragma once

#include <functional>

#include "session/messaging/transcript.hpp"
#include "session/shown_group.hpp"

namespace concordat::session {

// `evidence` and `transcript`: of the run of this group (Outcome::convicted, Run::transcript).
[[nodiscard]] base::Bytes make_proof(const FormedSession& session,
                                     const messaging::Transcript& transcript,
                                     const messaging::Evidence& evidence);

struct VerifiedProof {
  VerifiedGroup group;
  PartyIndex guilty = 0;
  Round round = 0;
  std::string what;  // "bad broadcast by party 2 in round 3"
};

// What checks messages as the protocol's parties did: watch_protocol (protocols.hpp).
using Watch = std::function<base::Result<std::unique_ptr<Protocol>>(
    std::string_view protocol, base::BytesView parameters, const Seat& seat)>;

// In this order: form; the group (verify_group, within group_refused); seats and the accuser's
// signature (convicts_nobody); what signatures alone decide; the broadcasts, each round's against
// every party's echo (broadcasts_differ, incomplete); the protocol's check, by `watch`, whose error
// is this one's. Says nothing of images, as verify_receipt.
[[nodiscard]] base::Result<VerifiedProof> verify_proof(
    base::BytesView proof, std::span<const attest::AuthorityDescriptor> authorities,
    const attest::TrustAnchors& anchors, const Watch& watch);

}  // namespace concordat::session

// One side's judgement of the other's document: every check of PROTOCOL.md section 5 in its order.
#pragma once

#include <functional>
#include <memory>
#include <set>

#include "attest/chain_cache.hpp"
#include "attest/mint.hpp"
#include "attest/roots.hpp"
#include "peer/messages.hpp"
#include "peer/token_bucket.hpp"
#include "policy/evaluate.hpp"
#include "policy/freshness.hpp"
#include "policy/operators.hpp"

namespace concordat::peer {

// Both clocks at one moment. Wall time is the enclave's trusted clock (attest/trusted_clock.hpp).
struct Now {
  base::UnixMillis wall;
  base::MonotonicMillis monotonic;
};

// Between two parties of a session, who may be of different realms (PROTOCOL.md section 12): both
// hold one signed descriptor in place of one policy, and each judges by its own.
struct SessionTerms {
  PolicyReference descriptor;  // serial 0, and the digest
  // Whether a party may dial us so: asked of a responder before any key or document is made.
  std::function<base::Status(std::string_view purpose)> serves;
  // In place of policy::admit, once the document is verified and belongs to the handshake.
  std::function<base::Result<policy::AdmittedPeer>(const Statement&, policy::Side peer_side,
                                                   const attest::VerifiedClaims&)>
      admit;
};

// What a side brings to one handshake: a snapshot, so that a policy that arrives meanwhile does not
// change the rules half way. Pointers outlive the handshake.
struct HandshakeContext {
  policy::PolicyPtr policy;
  std::optional<base::UnixMillis> policy_confirmed;  // by its newest freshness statement
  std::string role;                                  // own policy role, claimed in the own document
  // Of an operator, who has neither role nor document: initiators only.
  std::optional<policy::SignerKey> operator_key;
  // Of an operator: the one that its authority gives enclaves.
  attest::PcrValue own_pcr16;
  const attest::TrustAnchors* anchors = nullptr;
  attest::ChainCache* chain_cache = nullptr;
  base::RandomSource* random = nullptr;
  // Bytes of envelopes that strangers may be handed; null: none.
  std::shared_ptr<TokenBucket> envelope_bytes;
  Extensions extensions;                  // own, stated in the own document
  std::set<std::string> peer_extensions;  // that the purpose lets the other side state
  std::optional<SessionTerms> session;    // and then neither operators nor envelopes

  // What else the owner asks of a peer that policy admits, such as that its role is not full; may
  // be empty.
  std::function<base::Status(const policy::AdmittedPeer&)> also_admit;
  // The same of an operator; empty: operators are not served here, whatever policy says.
  std::function<base::Status(const policy::AdmittedOperator&)> also_admit_operator;

  // Whether anybody may be admitted under the policy: within its validity and fresh.
  [[nodiscard]] base::Status policy_usable(base::UnixMillis now) const {
    return policy::usable_at(*policy, policy_confirmed, now);
  }
  // What both sides must hold alike.
  [[nodiscard]] PolicyReference reference() const;
};

[[nodiscard]] PolicyReference policy_reference(const policy::Policy& policy);

// What the document must say to belong to this handshake.
struct Expected {
  policy::Side peer_side = policy::Side::responder;
  Challenge nonce;            // that this side chose
  PublicKey key;              // that the other side sent
  TranscriptHash transcript;  // T1 for the responder's document, T2 for the initiator's
  std::string purpose;
};

// Whom a handshake admitted: two types, so that the one never stands where the other is wanted.
using Admitted = std::variant<policy::AdmittedPeer, policy::AdmittedOperator>;

struct Judged {
  Admitted peer;
  Extensions extensions;  // of an enclave
  base::Bytes document;   // of an enclave, as it came: what it was admitted by
};

// Errors of attest (document, chain, time, nonce), of the purpose table, of this module (key,
// transcript, statement) and of policy; the first that fails. `genuine`, unless null, gets the
// document when it is known to be an enclave's, made for this handshake, whatever the judgement.
[[nodiscard]] base::Result<Judged> judge(const HandshakeContext& context, const Expected& expected,
                                         base::BytesView document, base::UnixMillis now,
                                         base::Bytes* genuine = nullptr);

// An operator instead (section 3.3): errors of this module (not served here) and of policy. As
// expected of an initiator; `expected.nonce` and `expected.key` are in the transcript.
[[nodiscard]] base::Result<Judged> judge(const HandshakeContext& context, const Expected& expected,
                                         const OperatorProof& proof, base::UnixMillis now);

// The mirror: what to ask the NSM for, so that the other side's judge() accepts it.
[[nodiscard]] attest::MintRequest own_document(const HandshakeContext& context,
                                               const Expected& as_seen_by_peer);

}  // namespace concordat::peer

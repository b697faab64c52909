// Messages of PROTOCOL.md section 3: encode, and decode strictly. No key and no state here.
#pragma once

#include <map>
#include <string>
#include <variant>

#include "attest/base/bytes.hpp"
#include "peer/error.hpp"
#include "peer/key_schedule.hpp"
#include "policy/dsse.hpp"

namespace concordat::peer {

// Which signed policy a side holds.
struct PolicyReference {
  std::uint64_t serial = 0;
  base::Sha256Digest digest;
  friend bool operator==(const PolicyReference&, const PolicyReference&) = default;
};

struct Hello {
  std::uint64_t version = kProtocolVersion;
  PublicKey key;
  Challenge challenge;
  std::string purpose;
  PolicyReference policy;
};
[[nodiscard]] base::Bytes encode(const Hello& hello);
[[nodiscard]] base::Result<Hello> decode_hello(base::BytesView body);

struct ReplyFields {
  PublicKey key;
  Challenge challenge;
  PolicyReference policy;
};
[[nodiscard]] base::Bytes encode(const ReplyFields& fields);
// A reply's body cut into its two items; views into the body.
struct Reply {
  ReplyFields fields;
  base::BytesView clear;  // exact bytes of the clear fields, for T1
  base::BytesView box;    // ciphertext of box_1
};
[[nodiscard]] base::Bytes encode_reply(base::BytesView clear, base::BytesView box);
[[nodiscard]] base::Result<Reply> decode_reply(base::BytesView body);

// confirm and accept: one bstr.
[[nodiscard]] base::Bytes encode_box(base::BytesView box);
[[nodiscard]] base::Result<base::BytesView> decode_box(base::BytesView body, std::size_t max);

// An operator's proof (section 3.3).
struct OperatorProof {
  policy::SignerKey key;
  policy::Signature signature;
};
// What an initiator shows of itself; views into what was decoded.
using InitiatorEvidence = std::variant<base::BytesView, OperatorProof>;  // kind 0: a document

// Plaintext of box_1 and box_2. Kinds other than 0 and 1 are unknown_evidence.
[[nodiscard]] base::Bytes encode_responder_evidence(base::BytesView document);
[[nodiscard]] base::Result<base::BytesView> decode_responder_evidence(base::BytesView plaintext);
[[nodiscard]] base::Bytes encode_initiator_evidence(base::BytesView document);
[[nodiscard]] base::Bytes encode_initiator_evidence(const OperatorProof& proof);
[[nodiscard]] base::Result<InitiatorEvidence> decode_initiator_evidence(base::BytesView plaintext);

// What an operator signs: the one domain that operators' keys sign under.
[[nodiscard]] base::Bytes operator_message(const policy::SignerKey& key,
                                           const TranscriptHash& transcript_2);

// Plaintext of box_3.
[[nodiscard]] base::Bytes encode_verdict(CoarseCode code);
[[nodiscard]] base::Result<CoarseCode> decode_verdict(base::BytesView plaintext);

struct Refuse {
  CoarseCode code = CoarseCode::not_admitted;
  PolicyReference policy;
  base::Bytes envelope;  // signed policy, or empty
};
[[nodiscard]] base::Bytes encode(const Refuse& refuse);
[[nodiscard]] base::Result<Refuse> decode_refuse(base::BytesView body);

// What a document says of its handshake: user_data after the domain (section 3.2).
struct EncodedOrder {  // bytewise order of the encodings: shorter texts first (RFC 8949 4.2.1)
  bool operator()(std::string_view a, std::string_view b) const noexcept {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  }
};
using Extensions = std::map<std::string, base::Bytes, EncodedOrder>;
struct Statement {
  TranscriptHash transcript;
  std::string purpose;
  std::string role;
  PolicyReference policy;
  Extensions extensions;
};
// Number of CBOR items of a statement, and the items one after the other.
inline constexpr std::size_t kStatementItems = 6;
[[nodiscard]] base::Bytes encode_statement(const Statement& statement);
[[nodiscard]] base::Result<Statement> decode_statement(base::BytesView items);

}  // namespace concordat::peer

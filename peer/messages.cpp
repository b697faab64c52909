#include "peer/messages.hpp"

#include "attest/base/cbor_fixed.hpp"

namespace concordat::peer {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
using base::cbor::Reader;
using base::cbor::Writer;

// What CBOR found wrong, as one cause of this module with the detail kept.
Error malformed(const Error& cause, std::string_view where) {
  return Error(Errc::malformed_message, std::string(where) + ": " + cause.to_string());
}

// Runs `read(reader)` over all of `bytes`.
template <class Read>
auto decode_all(BytesView bytes, std::string_view where, Read&& read)
    -> decltype(read(std::declval<Reader&>())) {
  Reader reader(bytes);
  auto value = read(reader);
  if (!value) {
    return value.error().is(Errc::unknown_evidence) ? value.error()
                                                    : malformed(value.error(), where);
  }
  if (const Status end = reader.finish(); !end) return malformed(end.error(), where);
  return value;
}

// Kinds of evidence in box_2.
constexpr std::uint64_t kDocumentKind = 0;
constexpr std::uint64_t kOperatorKind = 1;

constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz0123456789._-/";
// Role names are the policy's (policy/names.hpp): either case.
constexpr std::string_view kRoleCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

Result<std::string> read_name(Reader& reader, std::size_t max, std::string_view allowed) {
  CONCORDAT_TRY(const std::string_view text, reader.read_text(max));
  if (text.empty() || text.find_first_not_of(allowed) != std::string_view::npos) {
    return Error(Errc::malformed_message, "name empty or with other characters than allowed");
  }
  return std::string(text);
}

Result<PolicyReference> read_policy(Reader& reader) {
  PolicyReference policy;
  CONCORDAT_TRY(policy.serial, reader.read_uint());
  CONCORDAT_TRY(policy.digest, read_fixed<base::Sha256Digest>(reader));
  return policy;
}

Result<ReplyFields> read_reply_fields(Reader& reader) {
  CONCORDAT_CHECK(want_array(reader, 4));
  ReplyFields fields;
  CONCORDAT_TRY(fields.key, read_fixed<PublicKey>(reader));
  CONCORDAT_TRY(fields.challenge, read_fixed<Challenge>(reader));
  CONCORDAT_TRY(fields.policy, read_policy(reader));
  return fields;
}

Result<CoarseCode> read_code(Reader& reader) {
  CONCORDAT_TRY(const std::uint64_t code, reader.read_uint());
  if (code > kLastCoarseCode) return Error(Errc::malformed_message, "unknown coarse code");
  return static_cast<CoarseCode>(code);
}

Result<Extensions> read_extensions(Reader& reader) {
  Extensions out;
  CONCORDAT_TRY(const auto count, reader.read_map(kMaxExtensions));
  if (!count) return Error(base::cbor::Errc::not_preferred, "extension map of indefinite length");
  for (std::size_t i = 0; i < *count; ++i) {
    CONCORDAT_TRY(std::string key, read_name(reader, kMaxRole, kLower));
    CONCORDAT_TRY(const BytesView value, reader.read_bytes(kMaxExtensionValue));
    if (!out.empty() && !EncodedOrder{}(out.rbegin()->first, key)) {
      return Error(Errc::malformed_message, "extension keys not in ascending order");
    }
    out.emplace(std::move(key), base::to_bytes(value));
  }
  return out;
}

}  // namespace

Bytes encode(const Hello& hello) {
  Writer out;
  out.array(6).uint(hello.version).bytes(hello.key.view()).bytes(hello.challenge.view());
  out.text(hello.purpose).uint(hello.policy.serial).bytes(hello.policy.digest.view());
  return std::move(out).take();
}

Result<Hello> decode_hello(BytesView body) {
  return decode_all(body, "hello", [](Reader& reader) -> Result<Hello> {
    CONCORDAT_CHECK(want_array(reader, 6));
    Hello hello;
    CONCORDAT_TRY(hello.version, reader.read_uint());
    CONCORDAT_TRY(hello.key, read_fixed<PublicKey>(reader));
    CONCORDAT_TRY(hello.challenge, read_fixed<Challenge>(reader));
    CONCORDAT_TRY(hello.purpose, read_name(reader, kMaxPurpose, kLower));
    CONCORDAT_TRY(hello.policy, read_policy(reader));
    return hello;
  });
}

Bytes encode(const ReplyFields& fields) {
  Writer out;
  out.array(4).bytes(fields.key.view()).bytes(fields.challenge.view());
  out.uint(fields.policy.serial).bytes(fields.policy.digest.view());
  return std::move(out).take();
}

Bytes encode_reply(BytesView clear, BytesView box) {
  return std::move(Writer().raw(clear).bytes(box)).take();
}

Result<Reply> decode_reply(BytesView body) {
  return decode_all(body, "reply", [body](Reader& reader) -> Result<Reply> {
    CONCORDAT_TRY(const ReplyFields fields, read_reply_fields(reader));
    const BytesView clear = body.first(reader.offset());
    CONCORDAT_TRY(const BytesView box, reader.read_bytes(kMaxEvidenceBody));
    return Reply{fields, clear, box};
  });
}

Bytes encode_box(BytesView box) {
  return std::move(Writer().bytes(box)).take();
}

Result<BytesView> decode_box(BytesView body, std::size_t max) {
  return decode_all(body, "box", [max](Reader& reader) { return reader.read_bytes(max); });
}

Bytes encode_responder_evidence(BytesView document) {
  return std::move(Writer().array(1).bytes(document)).take();
}

Result<BytesView> decode_responder_evidence(BytesView plaintext) {
  return decode_all(plaintext, "evidence", [](Reader& reader) -> Result<BytesView> {
    CONCORDAT_CHECK(want_array(reader, 1));
    return reader.read_bytes(kMaxEvidenceBody);
  });
}

Bytes encode_initiator_evidence(BytesView document) {
  return std::move(Writer().array(2).uint(kDocumentKind).bytes(document)).take();
}

Bytes encode_initiator_evidence(const OperatorProof& proof) {
  Writer out;
  out.array(3).uint(kOperatorKind).bytes(proof.key.view()).bytes(proof.signature.view());
  return std::move(out).take();
}

Result<InitiatorEvidence> decode_initiator_evidence(BytesView plaintext) {
  return decode_all(plaintext, "evidence", [](Reader& reader) -> Result<InitiatorEvidence> {
    CONCORDAT_TRY(const std::size_t count, reader.read_array(3));
    CONCORDAT_TRY(const std::uint64_t kind, reader.read_uint());
    if (kind != kDocumentKind && kind != kOperatorKind) {
      return Error(Errc::unknown_evidence, "kind " + std::to_string(kind));
    }
    if (count != (kind == kDocumentKind ? 2 : 3)) {
      return Error(Errc::malformed_message, std::to_string(count) + " items");
    }
    if (kind == kDocumentKind) {
      CONCORDAT_TRY(const BytesView document, reader.read_bytes(kMaxEvidenceBody));
      return InitiatorEvidence(document);
    }
    OperatorProof proof;
    CONCORDAT_TRY(proof.key, read_fixed<policy::SignerKey>(reader));
    CONCORDAT_TRY(proof.signature, read_fixed<policy::Signature>(reader));
    return InitiatorEvidence(proof);
  });
}

Bytes operator_message(const policy::SignerKey& key, const TranscriptHash& transcript_2) {
  // With its end: no other domain may begin with this one, and a hash can be searched for letters.
  static constexpr std::string_view kDomain("concordat/1/operator\0", 21);
  Bytes out = base::to_bytes(base::as_bytes(kDomain));
  base::append(out, key.view());
  base::append(out, transcript_2.view());
  return out;
}

Bytes encode_verdict(CoarseCode code) {
  return std::move(Writer().array(1).uint(static_cast<std::uint64_t>(code))).take();
}

Result<CoarseCode> decode_verdict(BytesView plaintext) {
  return decode_all(plaintext, "verdict", [](Reader& reader) -> Result<CoarseCode> {
    CONCORDAT_CHECK(want_array(reader, 1));
    return read_code(reader);
  });
}

Bytes encode(const Refuse& refuse) {
  Writer out;
  out.array(4).uint(static_cast<std::uint64_t>(refuse.code)).uint(refuse.policy.serial);
  out.bytes(refuse.policy.digest.view()).bytes(refuse.envelope);
  return std::move(out).take();
}

Result<Refuse> decode_refuse(BytesView body) {
  return decode_all(body, "refuse", [](Reader& reader) -> Result<Refuse> {
    CONCORDAT_CHECK(want_array(reader, 4));
    Refuse refuse;
    CONCORDAT_TRY(refuse.code, read_code(reader));
    CONCORDAT_TRY(refuse.policy, read_policy(reader));
    CONCORDAT_TRY(const BytesView envelope, reader.read_bytes(kMaxRefuseBody));
    refuse.envelope = base::to_bytes(envelope);
    return refuse;
  });
}

Bytes encode_statement(const Statement& statement) {
  Writer out;
  out.bytes(statement.transcript.view()).text(statement.purpose).text(statement.role);
  out.uint(statement.policy.serial).bytes(statement.policy.digest.view());
  out.map(statement.extensions.size());
  for (const auto& [key, value] : statement.extensions)
    out.text(key).bytes(value);
  return std::move(out).take();
}

Result<Statement> decode_statement(BytesView items) {
  return decode_all(items, "statement", [](Reader& reader) -> Result<Statement> {
    Statement statement;
    CONCORDAT_TRY(statement.transcript, read_fixed<TranscriptHash>(reader));
    CONCORDAT_TRY(statement.purpose, read_name(reader, kMaxPurpose, kLower));
    CONCORDAT_TRY(statement.role, read_name(reader, kMaxRole, kRoleCharacters));
    CONCORDAT_TRY(statement.policy, read_policy(reader));
    CONCORDAT_TRY(statement.extensions, read_extensions(reader));
    return statement;
  });
}

}  // namespace concordat::peer

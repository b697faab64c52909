#include "policy/dsse.hpp"

#include <sodium.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "policy/field_reader.hpp"
#include "policy/limits.hpp"

namespace concordat::policy {
namespace {

using json::Fields;
using json::Path;
using json::Report;

constexpr std::size_t kMaxKeyId = 128;
constexpr std::size_t kMaxPayloadType = 128;

// White space would give one signed payload many spellings; the decoder takes no other: missing
// padding and stray bits are errors of its own.
base::Result<base::Bytes> from_canonical_base64(std::string_view text) {
  CONCORDAT_TRY(base::Bytes bytes, base::from_base64(text));
  if (text.size() != (bytes.size() + 2) / 3 * 4) {
    return base::Error(base::EncodingErrc::bad_base64, "not in canonical form");
  }
  return bytes;
}

base::Bytes read_base64(const Fields& fields, std::string_view key, std::size_t max) {
  const std::string_view text = fields.text(key, max);
  if (text.empty()) return {};
  auto bytes = from_canonical_base64(text);
  if (bytes) return *std::move(bytes);
  fields.error(PolicyErrc::bad_value, key, "not base64: " + bytes.error().detail());
  return {};
}

EnvelopeSignature read_signature(const json::Value& value, const Path& path, Report& report) {
  const Fields fields(value, path, report, {"keyid", "sig"});
  EnvelopeSignature out;
  out.key_id = fields.text("keyid", kMaxKeyId);
  constexpr std::size_t kMaxText = 2 * Signature::kSize;
  const auto signature = Signature::from(read_base64(fields, "sig", kMaxText));
  if (signature) {
    out.signature = *signature;
  } else {
    fields.error(PolicyErrc::bad_value, "sig", "want the 64 bytes of an Ed25519 signature");
  }
  return out;
}

}  // namespace

std::string key_id(const SignerKey& key) {
  return base::sha256({key.view()}).hex();
}

base::Result<Envelope> Envelope::parse(base::BytesView encoded) {
  return parse(encoded, limits::kSignatures);
}

base::Result<Envelope> Envelope::parse(base::BytesView encoded, std::size_t max_signatures) {
  const std::string_view text = base::as_text(encoded);
  const json::Parsed parsed =
      json::parse(text, {limits::kEnvelopeBytes, limits::kDepth,
                         limits::kEnvelopeValues + 3 * (max_signatures - limits::kSignatures)});
  if (!parsed.root) return base::Error(SignatureErrc::bad_envelope, parsed.why.to_string());
  const Path path;
  Report report(1);  // whoever hands over an envelope may be anybody: one fault is enough
  const Fields fields(*parsed.root, path, report, {"payloadType", "payload", "signatures"});
  Envelope out;
  out.payload_type = fields.text("payloadType", kMaxPayloadType);
  if (const json::Value* const list = fields.get("signatures")) {
    json::read_items(*list, fields.path("signatures"), report, max_signatures,
                     [&](const json::Value& item, const Path& item_path) {
                       out.signatures.push_back(read_signature(item, item_path, report));
                     });
  }
  // A megabyte to decode: last.
  if (!report.has_errors()) out.payload = read_base64(fields, "payload", limits::kEnvelopeBytes);
  const Findings findings = std::move(report).take(text, *parsed.root);
  if (!findings.empty()) {
    return base::Error(SignatureErrc::bad_envelope, findings.front().to_string());
  }
  return out;
}

base::Bytes Envelope::encode() const {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const EnvelopeSignature& signature : signatures) {
    list.push_back(
        {{"keyid", signature.key_id}, {"sig", base::to_base64(signature.signature.view())}});
  }
  const nlohmann::ordered_json out = {
      {"payloadType", payload_type}, {"payload", base::to_base64(payload)}, {"signatures", list}};
  return base::to_bytes(base::as_bytes(out.dump() + "\n"));
}

base::Bytes pre_authentication_encoding(std::string_view payload_type, base::BytesView payload) {
  const std::string head = "DSSEv1 " + std::to_string(payload_type.size()) + " " +
                           std::string(payload_type) + " " + std::to_string(payload.size()) + " ";
  base::Bytes out = base::to_bytes(base::as_bytes(head));
  base::append(out, payload);
  return out;
}

base::Status check_signature(const Signature& signature, base::BytesView message,
                             const SignerKey& key) {
  if (crypto_sign_verify_detached(signature.view().data(), message.data(), message.size(),
                                  key.view().data()) == 0) {
    return {};
  }
  return base::Error(SignatureErrc::bad_signature, "key " + key_id(key));
}

std::vector<SignerKey> valid_signers(const Envelope& envelope,
                                     const attest::AuthorityDescriptor& authority) {
  const base::Bytes message = pre_authentication_encoding(envelope.payload_type, envelope.payload);
  std::vector<SignerKey> valid;
  // Walks the authority's keys, not the signatures: a key counts once however often it signed, and
  // a megabyte is hashed once a key, whatever the envelope holds.
  for (const SignerKey& key : authority.signers()) {
    const auto named =
        std::ranges::find(envelope.signatures, key_id(key), &EnvelopeSignature::key_id);
    if (named != envelope.signatures.end() && check_signature(named->signature, message, key)) {
      valid.push_back(key);
    }
  }
  return valid;
}

base::Status verify_envelope(const Envelope& envelope, std::string_view payload_type,
                             const attest::AuthorityDescriptor& authority) {
  if (envelope.payload_type != payload_type) {
    return base::Error(SignatureErrc::wrong_payload_type,
                       "want " + quote(payload_type) + ", found " + quote(envelope.payload_type));
  }
  const std::size_t valid = valid_signers(envelope, authority).size();
  if (valid < authority.threshold()) {
    return base::Error(SignatureErrc::too_few_signatures,
                       std::to_string(valid) + " of the " + std::to_string(authority.threshold()) +
                           " that the authority requires; the envelope carries " +
                           std::to_string(envelope.signatures.size()));
  }
  return {};
}

}  // namespace concordat::policy

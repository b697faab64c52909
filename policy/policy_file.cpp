#include "policy/policy_file.hpp"

#include "policy/dsse.hpp"
#include "policy/errc.hpp"
#include "policy/finding.hpp"
#include "policy/limits.hpp"
#include "policy/located_json.hpp"
#include "policy/parse.hpp"

namespace concordat::policy {
namespace {

// No policy has this key, and every envelope has.
bool is_envelope(std::string_view content) {
  const json::Parsed parsed =
      json::parse(content, {limits::kEnvelopeBytes, limits::kDepth, limits::kValues});
  return parsed.root && parsed.root->find("payloadType") != nullptr;
}

base::Result<PolicyFile> read(std::string_view payload, bool from_envelope) {
  CONCORDAT_TRY(Model model, load_policy(payload));
  return PolicyFile{std::move(model), base::sha256({base::as_bytes(payload)}), from_envelope};
}

}  // namespace

base::Result<PolicyFile> read_policy_file(std::string_view content) {
  if (!is_envelope(content)) return read(content, false);
  CONCORDAT_TRY(const Envelope envelope, Envelope::parse(base::as_bytes(content)));
  if (envelope.payload_type != kPolicyPayloadType) {
    return base::Error(
        SignatureErrc::wrong_payload_type,
        "want " + quote(kPolicyPayloadType) + ", found " + quote(envelope.payload_type));
  }
  return read(base::as_text(envelope.payload), true);
}

}  // namespace concordat::policy

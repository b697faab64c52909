#include "keyservice/audit/evidence_check.hpp"

#include "attest/base/hash.hpp"
#include "attest/verify.hpp"
#include "policy/signed_policy.hpp"

namespace concordat::keyservice::audit {
namespace {

using attest::UnverifiedDocument;
using base::Bytes;
using base::Result;

Result<attest::VerifiedClaims> verify(base::BytesView document,
                                      const attest::TrustAnchors& anchors) {
  CONCORDAT_TRY(const auto parsed, UnverifiedDocument::parse(document));
  return attest::verify_archived(parsed, anchors, parsed.unverified().timestamp,
                                 attest::DebugDocuments::refuse);
}

}  // namespace

void EvidenceCheck::require(std::uint64_t index, const EvidenceRef& ref) {
  if (!required_.insert(ref.hash).second) return;
  const std::string name = evidence_name(ref.hash);
  const std::string what = std::string(to_string(ref.type)) + " of " + entry_place(index);
  const auto content = source_.read(name, kMaxEvidence);
  if (!content) {
    findings_.add(Fault::file_unreadable, name, what + ": " + content.error().to_string());
  } else if (!*content) {
    findings_.add(Fault::evidence_missing, name, what);
  } else if (const auto hash = base::sha256({**content}); hash != ref.hash) {
    findings_.add(Fault::evidence_changed, name, what + ", has the hash " + hash.hex());
  }
}

bool EvidenceCheck::is_referred_to(const std::string& name) const {
  const auto hash = base::Sha256Digest::from_hex(name.substr(name.rfind('/') + 1));
  return hash && required_.contains(*hash) && evidence_name(*hash) == name;
}

std::optional<Bytes> EvidenceCheck::content(const base::Sha256Digest& hash) {
  auto content = source_.read(evidence_name(hash), kMaxEvidence);
  if (!content || !*content || base::sha256({**content}) != hash) return std::nullopt;
  return *std::move(content);
}

ClaimsPtr EvidenceCheck::document(std::uint64_t index, const base::Sha256Digest& hash) {
  if (const ClaimsPtr* known = documents_.find(hash)) return *known;
  const auto bytes = content(hash);
  if (!bytes) return nullptr;
  auto claims = verify(*bytes, anchors_);
  if (!claims) {
    findings_.add(Fault::document_invalid, entry_place(index),
                  evidence_name(hash) + ": " + claims.error().to_string());
    return nullptr;
  }
  auto verified = std::make_shared<const attest::VerifiedClaims>(*std::move(claims));
  documents_.insert(hash, verified);
  return verified;
}

policy::PolicyPtr EvidenceCheck::policy(std::uint64_t index, const base::Sha256Digest& hash,
                                        const attest::AuthorityDescriptor& authority,
                                        base::UnixMillis at) {
  const policy::PolicyPtr* known = policies_.find(hash);
  if (known != nullptr && (*known)->authority() == authority.digest() && (*known)->valid_at(at)) {
    return *known;
  }
  const auto bytes = content(hash);
  if (!bytes) return nullptr;
  auto verified = policy::SignedPolicy::verify(*bytes, authority, at);
  if (!verified) {
    findings_.add(Fault::policy_invalid, entry_place(index),
                  evidence_name(hash) + ": " + verified.error().to_string());
    return nullptr;
  }
  policies_.insert(hash, *verified);
  return *verified;
}

}  // namespace concordat::keyservice::audit

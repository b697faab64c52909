#include "deploy/lab/recipient_check.hpp"

#include "attest/verify.hpp"

namespace concordat::lab {

VerifyRecipient verify_recipient_under(attest::TrustAnchors anchors) {
  return [anchors = std::move(anchors)](base::BytesView bytes,
                                        base::UnixMillis now) -> base::Result<RecipientClaims> {
    CONCORDAT_TRY(const auto document, attest::UnverifiedDocument::parse(bytes));
    CONCORDAT_TRY(const auto claims,
                  attest::verify_archived(document, anchors, now, attest::DebugDocuments::refuse));
    CONCORDAT_CHECK(attest::require_fresh(claims, now));
    return RecipientClaims{claims.module_id(), claims.public_key().value_or(base::Bytes()),
                           claims.pcrs()};
  };
}

}  // namespace concordat::lab

// How the local KMS judges the document in Recipient: chain to a trust root, signature, age.
#pragma once

#include "attest/roots.hpp"
#include "deploy/lab/kms_core.hpp"

namespace concordat::lab {

// AWS does not say how old a document KMS takes; five minutes is what is reported of it, and what
// Concordat's own verifiers take. No nonce: KMS gives none. Debug documents are refused, since the
// lab measures real bytes and needs none.
[[nodiscard]] VerifyRecipient verify_recipient_under(attest::TrustAnchors anchors);

}  // namespace concordat::lab

// KMS's CiphertextForRecipient: CMS EnvelopedData (RFC 5652) with one recipient, opened by OpenSSL.
//
// Taken: BER with indefinite lengths or DER; a recipient named by subjectKeyIdentifier (AWS:
// SHA-256 of the SubjectPublicKeyInfo, which must be ours) or by issuer and serial number
// (emulators; it names a certificate that nobody has, so it says nothing); RSAES-OAEP with SHA-256
// and MGF1 over SHA-256; content AES-256-CBC of type data.
//
// Also taken: RSAES-OAEP with empty parameters, that is SHA-1 and MGF1 over SHA-1 (RFC 8017 A.2.1),
// which KMS itself answered in its first years. OAEP does not rest on collision resistance, and the
// reply is unauthenticated with either hash: what it yields counts only when it matches the pinned
// root commitment. Mixed parameters, other hashes, labels and PKCS#1 v1.5 are refused; the last
// would make a padding oracle.
#pragma once

#include "attest/base/bytes.hpp"
#include "attest/base/secret.hpp"
#include "keyservice/recipient_key.hpp"

namespace concordat::keyservice {

enum class CmsErrc {
  too_large = 1,
  malformed,
  not_enveloped,
  recipient_count,
  not_our_key,
  key_algorithm,
  content_algorithm,
  cannot_open,
};
[[nodiscard]] base::CodeInfo describe(CmsErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(CmsErrc) {
  return "cms";
}
[[nodiscard]] inline boost::system::error_code make_error_code(CmsErrc e) {
  return base::enum_code(e);
}

// The plaintext, at least one byte; it passes through OpenSSL's cipher buffer, which OpenSSL wipes,
// and no other memory. A wrong key, a wrong padding and an empty content are all cannot_open.
[[nodiscard]] base::Result<base::SecretBytes> open_ciphertext_for_recipient(
    base::BytesView cms, const RecipientKey& key);

}  // namespace concordat::keyservice

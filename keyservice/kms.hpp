// AWS KMS as an attested enclave uses it: GenerateDataKey and Decrypt with Recipient, over the AWS
// JSON 1.1 protocol. Pure: requests out, replies in. Source: the KMS API reference,
// "RecipientInfo" and "Cryptographic attestation calls to AWS KMS from AWS Nitro Enclaves".
//
// What a reply proves: nothing. Whoever ends the TLS connection, or KMS itself, could encrypt
// anything to the recipient's public key, so what comes out of a reply is compared with a
// commitment by the caller before it is used. These functions refuse replies for another key and
// replies with a plaintext.
#pragma once

#include <map>
#include <string>

#include "attest/base/bytes.hpp"
#include "attest/base/clock.hpp"
#include "keyservice/http_message.hpp"
#include "keyservice/sigv4.hpp"
#include "policy/kms_key_arn.hpp"

namespace concordat::keyservice {

enum class KmsErrc {
  bad_argument = 1,
  reply_malformed,
  reply_too_large,
  reply_wrong_key,
  reply_has_plaintext,
  access_denied,
  invalid_ciphertext,
  incorrect_key,
  key_unavailable,
  request_invalid,
  throttled,
  service_unavailable,
  credentials_refused,
  service_error,
  unreachable,
};
[[nodiscard]] base::CodeInfo describe(KmsErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(KmsErrc) {
  return "kms";
}
[[nodiscard]] inline boost::system::error_code make_error_code(KmsErrc e) {
  return base::enum_code(e);
}

// What to do after a failed call.
enum class KmsRetry { never, after_backoff, with_fresh_credentials };
[[nodiscard]] KmsRetry kms_retry(const base::Error& error) noexcept;

using policy::KmsKeyArn;

// kms.REGION.amazonaws.com, in both partitions. The TLS certificate must name it; nothing else ever
// chooses the endpoint.
[[nodiscard]] std::string kms_host(const KmsKeyArn& key);

// Bound into the ciphertext by KMS as additional authenticated data; logged in clear by CloudTrail.
using EncryptionContext = std::map<std::string, std::string>;
// {"concordat:realm": realm, "concordat:root-generation": decimal}: one blob per realm and
// generation, so that the parent cannot serve another realm's or an older root.
[[nodiscard]] EncryptionContext root_encryption_context(std::string_view realm_id,
                                                        std::uint64_t generation);

// KMS takes attestation documents up to this size; ours are at most 16 KiB.
inline constexpr std::size_t kMaxAttestationDocument = 262144;
// Limits of CiphertextBlob and CiphertextForRecipient in the API's model.
inline constexpr std::size_t kMaxCiphertextBlob = 6144;
inline constexpr std::size_t kMaxCiphertextForRecipient = 6144;
// A reply holds at most the two, base64, and short members.
inline constexpr std::size_t kMaxKmsReply = 32 * 1024;

// Unsigned requests. `document`: an attestation document of purpose kms_recipient, whose public key
// is the RSA-2048 key that the reply is to be encrypted to. GenerateDataKey asks for 32 bytes.
// Fail with bad_argument when the document or the blob is empty or too large.
[[nodiscard]] base::Result<HttpRequest> generate_data_key_request(const KmsKeyArn& key,
                                                                  const EncryptionContext& context,
                                                                  base::BytesView document);
[[nodiscard]] base::Result<HttpRequest> decrypt_request(const KmsKeyArn& key,
                                                        const EncryptionContext& context,
                                                        base::BytesView document,
                                                        base::BytesView ciphertext_blob);
// Signs for the key's region and service kms.
void sign_kms_request(HttpRequest& request, const KmsKeyArn& key, const AwsCredentials& credentials,
                      base::UnixMillis now);

struct GeneratedDataKey {
  base::Bytes ciphertext_blob;           // for the store; Decrypt takes it back
  base::Bytes ciphertext_for_recipient;  // CMS, see cms.hpp
};
// Any status but 200 becomes the matching KmsErrc. `pinned` is the key that was asked for.
[[nodiscard]] base::Result<GeneratedDataKey> parse_generate_data_key_reply(const KmsKeyArn& pinned,
                                                                           const HttpReply& reply);
// CiphertextForRecipient.
[[nodiscard]] base::Result<base::Bytes> parse_decrypt_reply(const KmsKeyArn& pinned,
                                                            const HttpReply& reply);

}  // namespace concordat::keyservice

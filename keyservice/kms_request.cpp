#include <nlohmann/json.hpp>

#include "keyservice/kms.hpp"
#include "policy/root_context.hpp"

namespace concordat::keyservice {
namespace {

using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

Status check_size(std::string_view what, BytesView bytes, std::size_t max) {
  if (!bytes.empty() && bytes.size() <= max) return {};
  return Error(KmsErrc::bad_argument, std::string(what) + " has " + std::to_string(bytes.size()) +
                                          " bytes, want 1 to " + std::to_string(max));
}

// A context that is not UTF-8 would make the serializer throw, and KMS refuses it anyway.
Result<std::string> to_text(const nlohmann::json& body) {
  try {
    return body.dump();
  } catch (const nlohmann::json::type_error& e) {
    return Error(KmsErrc::bad_argument, e.what());
  }
}

Result<HttpRequest> request(const KmsKeyArn& key, std::string_view operation,
                            const EncryptionContext& context, BytesView document,
                            nlohmann::json body) {
  CONCORDAT_CHECK(check_size("the attestation document", document, kMaxAttestationDocument));
  body["KeyId"] = key.text();
  if (!context.empty()) body["EncryptionContext"] = context;
  body["Recipient"] = {{"KeyEncryptionAlgorithm", "RSAES_OAEP_SHA_256"},
                       {"AttestationDocument", base::to_base64(document)}};
  CONCORDAT_TRY(std::string text, to_text(body));
  return HttpRequest{"POST",
                     "/",
                     {{"host", kms_host(key)},
                      {"content-type", "application/x-amz-json-1.1"},
                      {"x-amz-target", "TrentService." + std::string(operation)}},
                     std::move(text)};
}

}  // namespace

std::string kms_host(const KmsKeyArn& key) {
  return "kms." + key.region() + ".amazonaws.com";
}

EncryptionContext root_encryption_context(std::string_view realm_id, std::uint64_t generation) {
  return {{std::string(policy::kRealmContextKey), std::string(realm_id)},
          {std::string(policy::kGenerationContextKey), std::to_string(generation)}};
}

Result<HttpRequest> generate_data_key_request(const KmsKeyArn& key,
                                              const EncryptionContext& context,
                                              BytesView document) {
  return request(key, "GenerateDataKey", context, document, {{"KeySpec", "AES_256"}});
}

Result<HttpRequest> decrypt_request(const KmsKeyArn& key, const EncryptionContext& context,
                                    BytesView document, BytesView ciphertext_blob) {
  CONCORDAT_CHECK(check_size("the ciphertext blob", ciphertext_blob, kMaxCiphertextBlob));
  return request(key, "Decrypt", context, document,
                 {{"CiphertextBlob", base::to_base64(ciphertext_blob)},
                  {"EncryptionAlgorithm", "SYMMETRIC_DEFAULT"}});
}

void sign_kms_request(HttpRequest& request, const KmsKeyArn& key, const AwsCredentials& credentials,
                      base::UnixMillis now) {
  sigv4_sign(request, credentials, {key.region(), "kms"}, now);
}

}  // namespace concordat::keyservice

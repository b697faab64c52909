#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "attest/base/json.hpp"
#include "keyservice/kms.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::Error;
using base::Result;
using nlohmann::json;

constexpr std::size_t kMaxDepth = 8;

// One object, with distinct names throughout: two readers could take different ones of a repeated
// name. Members that are not read may be there, since AWS adds some from time to time.
Result<json> read_object(const HttpReply& reply) {
  if (reply.body.size() > kMaxKmsReply) {
    return Error(KmsErrc::reply_too_large, std::to_string(reply.body.size()) + " bytes");
  }
  auto object = base::parse_strict_json(reply.body, kMaxDepth);
  if (!object) return Error(KmsErrc::reply_malformed, object.error().to_string());
  if (!object->is_object()) return Error(KmsErrc::reply_malformed, "not a JSON object");
  return object;
}

const std::string* find_text(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

Result<Bytes> blob(const json& object, const char* name, std::size_t max) {
  const std::string* text = find_text(object, name);
  if (text == nullptr) {
    return Error(KmsErrc::reply_malformed, std::string("no string ") + name);
  }
  auto bytes = base::from_base64(*text);
  if (!bytes || bytes->empty() || bytes->size() > max) {
    return Error(KmsErrc::reply_malformed,
                 std::string(name) + " is not base64 of 1 to " + std::to_string(max) + " bytes");
  }
  return std::move(*bytes);
}

// "Plaintext" is null, empty or absent when KMS honoured Recipient. Anything else went over the
// wire in clear of the enclave's key: a KMS that does not know Recipient, or not KMS.
bool has_plaintext(const json& object) {
  const auto found = object.find("Plaintext");
  return found != object.end() && !found->is_null() && *found != "";
}

struct ServiceError {
  std::string_view name;
  KmsErrc code;
};
constexpr std::array kServiceErrors{
    ServiceError{"AccessDeniedException", KmsErrc::access_denied},
    ServiceError{"InvalidCiphertextException", KmsErrc::invalid_ciphertext},
    ServiceError{"IncorrectKeyException", KmsErrc::incorrect_key},
    ServiceError{"NotFoundException", KmsErrc::key_unavailable},
    ServiceError{"DisabledException", KmsErrc::key_unavailable},
    ServiceError{"KMSInvalidStateException", KmsErrc::key_unavailable},
    ServiceError{"InvalidKeyUsageException", KmsErrc::key_unavailable},
    ServiceError{"ValidationException", KmsErrc::request_invalid},
    ServiceError{"SerializationException", KmsErrc::request_invalid},
    ServiceError{"InvalidArnException", KmsErrc::request_invalid},
    ServiceError{"ThrottlingException", KmsErrc::throttled},
    ServiceError{"LimitExceededException", KmsErrc::throttled},
    ServiceError{"TooManyRequestsException", KmsErrc::throttled},
    ServiceError{"KMSInternalException", KmsErrc::service_unavailable},
    ServiceError{"DependencyTimeoutException", KmsErrc::service_unavailable},
    ServiceError{"KeyUnavailableException", KmsErrc::service_unavailable},
    ServiceError{"InternalFailure", KmsErrc::service_unavailable},
    ServiceError{"ServiceUnavailable", KmsErrc::service_unavailable},
    ServiceError{"ServiceUnavailableException", KmsErrc::service_unavailable},
    ServiceError{"UnrecognizedClientException", KmsErrc::credentials_refused},
    ServiceError{"InvalidClientTokenId", KmsErrc::credentials_refused},
    ServiceError{"ExpiredTokenException", KmsErrc::credentials_refused},
    ServiceError{"RequestExpired", KmsErrc::credentials_refused},
    ServiceError{"InvalidSignatureException", KmsErrc::credentials_refused},
    ServiceError{"IncompleteSignatureException", KmsErrc::credentials_refused},
    ServiceError{"MissingAuthenticationTokenException", KmsErrc::credentials_refused},
};

// "com.amazonaws.kms#AccessDeniedException:http://..." -> "AccessDeniedException".
std::string_view bare_name(std::string_view type) {
  if (const auto hash = type.rfind('#'); hash != std::string_view::npos) {
    type.remove_prefix(hash + 1);
  }
  return type.substr(0, type.find(':'));
}

// Chosen by the other end: only printable ASCII, and not much of it.
std::string printable(std::string_view text) {
  constexpr std::size_t kMax = 200;
  std::string out;
  for (const char c : text.substr(0, kMax))
    out += c >= ' ' && c <= '~' ? c : '?';
  return out;
}

KmsErrc code_of(std::string_view name, unsigned status) {
  const auto row = std::ranges::find(kServiceErrors, name, &ServiceError::name);
  if (row != kServiceErrors.end()) return row->code;
  if (status >= 500) return KmsErrc::service_unavailable;
  return status == 429 ? KmsErrc::throttled : KmsErrc::service_error;
}

Error service_error(const HttpReply& reply) {
  const Result<json> parsed = read_object(reply);
  const json object = parsed ? *parsed : json::object();
  const std::string* type = find_text(object, "__type");
  const std::string_view name =
      bare_name(type ? std::string_view(*type) : find_header(reply.headers, "x-amzn-errortype"));
  const std::string* message = find_text(object, "message");
  if (message == nullptr) message = find_text(object, "Message");
  return Error(code_of(name, reply.status), "status " + std::to_string(reply.status) + " " +
                                                printable(name) +
                                                (message ? ": " + printable(*message) : ""));
}

// What both operations' replies must fulfil.
Result<json> accepted_members(const KmsKeyArn& pinned, const HttpReply& reply) {
  if (reply.status != 200) return service_error(reply);
  CONCORDAT_TRY(json object, read_object(reply));
  if (has_plaintext(object)) return Error(KmsErrc::reply_has_plaintext);
  const std::string* key = find_text(object, "KeyId");
  if (key == nullptr) return Error(KmsErrc::reply_malformed, "no string KeyId");
  if (*key != pinned.text()) {
    return Error(KmsErrc::reply_wrong_key, "want " + pinned.text() + ", got " + printable(*key));
  }
  return object;
}

}  // namespace

base::CodeInfo describe(KmsErrc code) noexcept {
  switch (code) {
    case KmsErrc::bad_argument:
      return {"bad_argument", "the KMS request cannot be made"};
    case KmsErrc::reply_malformed:
      return {"reply_malformed", "the KMS reply is malformed"};
    case KmsErrc::reply_too_large:
      return {"reply_too_large", "the KMS reply is too large"};
    case KmsErrc::reply_wrong_key:
      return {"reply_wrong_key", "the KMS reply is for another key"};
    case KmsErrc::reply_has_plaintext:
      return {"reply_has_plaintext", "the KMS reply carries a plaintext, so it is refused"};
    case KmsErrc::access_denied:
      return {"access_denied", "KMS denies access"};
    case KmsErrc::invalid_ciphertext:
      return {"invalid_ciphertext", "KMS cannot open the ciphertext"};
    case KmsErrc::incorrect_key:
      return {"incorrect_key", "the ciphertext is of another KMS key"};
    case KmsErrc::key_unavailable:
      return {"key_unavailable", "the KMS key does not exist or cannot be used"};
    case KmsErrc::request_invalid:
      return {"request_invalid", "KMS finds the request invalid"};
    case KmsErrc::throttled:
      return {"throttled", "KMS asks to call less often"};
    case KmsErrc::service_unavailable:
      return {"service_unavailable", "KMS is not available"};
    case KmsErrc::credentials_refused:
      return {"credentials_refused", "KMS refuses the credentials or their signature"};
    case KmsErrc::service_error:
      return {"service_error", "KMS answers with an error"};
    case KmsErrc::unreachable:
      return {"kms_unreachable", "no exchange with KMS came about"};
  }
  return {"unknown", "unknown KMS error"};
}

KmsRetry kms_retry(const Error& error) noexcept {
  if (error.is(KmsErrc::throttled) || error.is(KmsErrc::service_unavailable) ||
      error.is(KmsErrc::unreachable)) {
    return KmsRetry::after_backoff;
  }
  return error.is(KmsErrc::credentials_refused) ? KmsRetry::with_fresh_credentials
                                                : KmsRetry::never;
}

Result<GeneratedDataKey> parse_generate_data_key_reply(const KmsKeyArn& pinned,
                                                       const HttpReply& reply) {
  CONCORDAT_TRY(const json object, accepted_members(pinned, reply));
  GeneratedDataKey out;
  CONCORDAT_TRY(out.ciphertext_blob, blob(object, "CiphertextBlob", kMaxCiphertextBlob));
  CONCORDAT_TRY(out.ciphertext_for_recipient,
                blob(object, "CiphertextForRecipient", kMaxCiphertextForRecipient));
  return out;
}

Result<Bytes> parse_decrypt_reply(const KmsKeyArn& pinned, const HttpReply& reply) {
  CONCORDAT_TRY(const json object, accepted_members(pinned, reply));
  return blob(object, "CiphertextForRecipient", kMaxCiphertextForRecipient);
}

}  // namespace concordat::keyservice

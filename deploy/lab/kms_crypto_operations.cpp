// The operations that use keys, with Recipient or without.
#include "attest/base/random.hpp"
#include "attest/base/secret_access.hpp"
#include "deploy/lab/ciphertext_blob.hpp"
#include "deploy/lab/cms_seal.hpp"
#include "deploy/lab/kms_call.hpp"

namespace concordat::lab {
namespace {

using base::Bytes;
using base::Error;
using base::JsonObject;
using base::Result;
using base::SecretBytes;
using base::Status;
using nlohmann::json;

// Limits of the API's model.
constexpr std::uint64_t kMaxRandom = 1024;
constexpr std::size_t kMaxContext = 8192;
constexpr std::string_view kRecipientAlgorithm = "RSAES_OAEP_SHA_256";
constexpr std::string_view kSymmetric = "SYMMETRIC_DEFAULT";

Error validation(std::string detail) {
  return Error(ServiceErrc::validation, std::move(detail));
}

Result<Bytes> blob(JsonObject& body, std::string_view key, std::size_t max) {
  CONCORDAT_TRY(const std::string text, body.get_text(key));
  CONCORDAT_TRY(Bytes bytes, base::from_base64(text));
  if (bytes.empty() || bytes.size() > max) {
    return validation(body.place_of(key) + ": want 1 to " + std::to_string(max) + " bytes");
  }
  return bytes;
}

std::string base64_of(const SecretBytes& plaintext) {
  return base::to_base64(plaintext.expose(base::SecretAccess{}));
}

Status check_algorithm(JsonObject& body) {
  CONCORDAT_TRY(const auto algorithm, body.find_text("EncryptionAlgorithm"));
  if (algorithm.value_or(std::string(kSymmetric)) == kSymmetric) return {};
  return validation("EncryptionAlgorithm: want SYMMETRIC_DEFAULT");
}

// KeySpec or NumberOfBytes, one of the two.
Result<std::size_t> data_key_size(JsonObject& body) {
  CONCORDAT_TRY(const auto spec, body.find_text("KeySpec"));
  const bool counted = body.find("NumberOfBytes") != nullptr;
  if (counted == spec.has_value()) return validation("want either KeySpec or NumberOfBytes");
  if (counted) {
    CONCORDAT_TRY(const std::uint64_t size, body.get_uint("NumberOfBytes", 1, kMaxRandom));
    return static_cast<std::size_t>(size);
  }
  if (*spec == "AES_256") return std::size_t{32};
  if (*spec == "AES_128") return std::size_t{16};
  return validation("KeySpec: want AES_256 or AES_128");
}

}  // namespace

Result<keyservice::EncryptionContext> KmsCall::read_context(JsonObject& body,
                                                            std::string_view member) {
  keyservice::EncryptionContext context;
  if (body.find(member) == nullptr) return context;
  CONCORDAT_TRY(JsonObject object, body.get_object(member));
  std::size_t size = 0;
  for (const std::string& name : object.keys()) {
    CONCORDAT_TRY(std::string value, object.get_text(name));
    size += name.size() + value.size();
    context[name] = std::move(value);
  }
  if (size > kMaxContext) return validation(body.place_of(member) + ": too large");
  return context;
}

Status KmsCall::read_recipient(JsonObject& body) {
  if (body.find("Recipient") == nullptr) return {};
  CONCORDAT_TRY(JsonObject object, body.get_object("Recipient"));
  CONCORDAT_TRY(const std::string algorithm, object.get_text("KeyEncryptionAlgorithm"));
  if (algorithm != kRecipientAlgorithm) {
    return validation("Recipient.KeyEncryptionAlgorithm: want " + std::string(kRecipientAlgorithm));
  }
  CONCORDAT_TRY(const Bytes document,
                blob(object, "AttestationDocument", keyservice::kMaxAttestationDocument));
  auto claims = settings_.verify_recipient(document, now_);
  if (!claims) {
    return validation("Recipient.AttestationDocument is not valid: " + claims.error().to_string());
  }
  if (const auto key = parse_recipient_public_key(claims->public_key); !key) {
    return validation("Recipient.AttestationDocument: " + key.error().to_string());
  }
  recipient_ = std::move(*claims);
  return {};
}

ConditionKeys KmsCall::conditions(const keyservice::EncryptionContext& context) const {
  ConditionKeys out{{"kms:encryptionalgorithm", {std::string(kSymmetric)}}};
  for (const auto& [name, value] : context) {
    out["kms:encryptioncontextkeys"].push_back(name);
    // Two names that differ in case alone are one condition key, and both must do.
    out[condition_key_name("kms:EncryptionContext:" + name)].push_back(value);
  }
  if (!recipient_) return out;
  for (const auto& [index, value] : recipient_->pcrs) {
    out["kms:recipientattestation:pcr" + std::to_string(index)] = {value.hex()};
    if (index == 0) out["kms:recipientattestation:imagesha384"] = {value.hex()};
  }
  return out;
}

Fault KmsCall::take_fault() {
  if (settings_.fault == Fault::none || settings_.fault_count == 0) return Fault::none;
  --settings_.fault_count;
  return settings_.fault;
}

Status KmsCall::put_plaintext(Json& reply, SecretBytes plaintext) {
  if (!recipient_) {
    reply["Plaintext"] = base64_of(plaintext);
    return {};
  }
  const Fault fault = take_fault();
  if (fault == Fault::throttle) return Error(ServiceErrc::throttling);
  if (fault == Fault::other_plaintext) plaintext = SecretBytes::random(plaintext.size());
  if (fault == Fault::wrong_key_id) {
    reply["KeyId"] = "arn:aws:kms:" + settings_.region + ":" + settings_.account +
                     ":key/00000000-0000-4000-8000-000000000000";
  }
  if (fault == Fault::plaintext) {
    reply["Plaintext"] = base64_of(plaintext);
    return {};
  }
  CONCORDAT_TRY(Bytes sealed, seal_for_recipient(recipient_->public_key, plaintext));
  if (fault == Fault::garbage) base::SystemRandom().fill(sealed);
  reply["CiphertextForRecipient"] = base::to_base64(sealed);
  return {};
}

KmsCall::Reply KmsCall::encrypt(JsonObject& body) {
  CONCORDAT_TRY(const LabKey* key, named_key(body));
  CONCORDAT_CHECK(check_algorithm(body));
  CONCORDAT_TRY(const auto context, read_context(body));  // no Recipient: Encrypt takes none
  CONCORDAT_TRY(Bytes plaintext, blob(body, "Plaintext", kMaxPlaintext));
  const SecretBytes secret = SecretBytes::take(plaintext);
  CONCORDAT_CHECK(authorize(*key, "Encrypt", conditions(context)));
  return Json{{"KeyId", arn_of(*key)},
              {"EncryptionAlgorithm", kSymmetric},
              {"CiphertextBlob", base::to_base64(seal_blob(*key, arn_of(*key), context, secret))}};
}

Result<const LabKey*> KmsCall::sealing_key(JsonObject& body, std::string_view member,
                                           base::BytesView sealed) {
  CONCORDAT_TRY(const auto named, body.find_text(member));
  if (named) return find_key(*named);
  CONCORDAT_TRY(const std::string id, blob_key_id(sealed));
  return find_key(id);
}

KmsCall::Reply KmsCall::decrypt(JsonObject& body) {
  CONCORDAT_TRY(const Bytes sealed, blob(body, "CiphertextBlob", keyservice::kMaxCiphertextBlob));
  CONCORDAT_CHECK(check_algorithm(body));
  CONCORDAT_TRY(const LabKey* key, sealing_key(body, "KeyId", sealed));
  CONCORDAT_TRY(const auto context, read_context(body));
  CONCORDAT_CHECK(read_recipient(body));
  CONCORDAT_CHECK(authorize(*key, "Decrypt", conditions(context)));
  CONCORDAT_TRY(SecretBytes plaintext, open_blob(*key, arn_of(*key), context, sealed));
  Json reply{{"KeyId", arn_of(*key)}, {"EncryptionAlgorithm", kSymmetric}};
  CONCORDAT_CHECK(put_plaintext(reply, std::move(plaintext)));
  return reply;
}

// Two permissions, each under the context of its side; the plaintext stays inside.
KmsCall::Reply KmsCall::re_encrypt(JsonObject& body) {
  CONCORDAT_TRY(const Bytes sealed, blob(body, "CiphertextBlob", keyservice::kMaxCiphertextBlob));
  CONCORDAT_TRY(const LabKey* from, sealing_key(body, "SourceKeyId", sealed));
  CONCORDAT_TRY(const std::string destination, body.get_text("DestinationKeyId"));
  CONCORDAT_TRY(const auto old_context, read_context(body, "SourceEncryptionContext"));
  CONCORDAT_TRY(const auto new_context, read_context(body, "DestinationEncryptionContext"));
  CONCORDAT_CHECK(authorize(*from, "ReEncryptFrom", conditions(old_context)));
  CONCORDAT_TRY(const LabKey* to, find_key(destination));
  CONCORDAT_CHECK(authorize(*to, "ReEncryptTo", conditions(new_context)));
  CONCORDAT_TRY(const SecretBytes secret, open_blob(*from, arn_of(*from), old_context, sealed));
  return Json{
      {"SourceKeyId", arn_of(*from)},
      {"KeyId", arn_of(*to)},
      {"SourceEncryptionAlgorithm", kSymmetric},
      {"DestinationEncryptionAlgorithm", kSymmetric},
      {"CiphertextBlob", base::to_base64(seal_blob(*to, arn_of(*to), new_context, secret))}};
}

KmsCall::Reply KmsCall::generate_data_key_without_plaintext(JsonObject& body) {
  CONCORDAT_TRY(const LabKey* key, named_key(body));
  CONCORDAT_TRY(const std::size_t size, data_key_size(body));
  CONCORDAT_TRY(const auto context, read_context(body));
  CONCORDAT_CHECK(authorize(*key, "GenerateDataKeyWithoutPlaintext", conditions(context)));
  const Bytes sealed = seal_blob(*key, arn_of(*key), context, SecretBytes::random(size));
  return Json{{"KeyId", arn_of(*key)}, {"CiphertextBlob", base::to_base64(sealed)}};
}

KmsCall::Reply KmsCall::generate_data_key(JsonObject& body) {
  CONCORDAT_TRY(const LabKey* key, named_key(body));
  CONCORDAT_TRY(const std::size_t size, data_key_size(body));
  CONCORDAT_TRY(const auto context, read_context(body));
  CONCORDAT_CHECK(read_recipient(body));
  CONCORDAT_CHECK(authorize(*key, "GenerateDataKey", conditions(context)));
  SecretBytes plaintext = SecretBytes::random(size);
  const Bytes sealed = seal_blob(*key, arn_of(*key), context, plaintext);
  Json reply{{"KeyId", arn_of(*key)}, {"CiphertextBlob", base::to_base64(sealed)}};
  CONCORDAT_CHECK(put_plaintext(reply, std::move(plaintext)));
  return reply;
}

// No key, so no key policy: any principal of the account may.
KmsCall::Reply KmsCall::generate_random(JsonObject& body) {
  CONCORDAT_TRY(const std::uint64_t size, body.get_uint("NumberOfBytes", 1, kMaxRandom));
  CONCORDAT_CHECK(read_recipient(body));
  Json reply = Json::object();
  CONCORDAT_CHECK(put_plaintext(reply, SecretBytes::random(size)));
  return reply;
}

}  // namespace concordat::lab

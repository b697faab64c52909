// One authenticated call of the local KMS, and its operations. Internal to concordat_lab_kms_core.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "attest/base/json.hpp"
#include "deploy/lab/kms_core.hpp"
#include "deploy/lab/kms_service_error.hpp"
#include "keyservice/kms.hpp"

namespace concordat::lab {

class KmsCall {
 public:
  KmsCall(KmsSettings& settings, KeyTable& keys, const LabPrincipal& principal,
          base::UnixMillis now)
      : settings_(settings), keys_(keys), principal_(principal), now_(now) {}

  // `operation` without "TrentService.", `body` an object.
  [[nodiscard]] base::Result<nlohmann::json> run(std::string_view operation,
                                                 const nlohmann::json& body);

  // For the log, filled in as far as the call came.
  [[nodiscard]] const std::string& key_arn() const noexcept { return key_arn_; }
  [[nodiscard]] std::string enclave() const { return recipient_ ? recipient_->module_id : ""; }

 private:
  using Json = nlohmann::json;
  using Reply = base::Result<Json>;
  struct Operation;
  static const Operation* find_operation(std::string_view name);

  // kms_operations.cpp
  [[nodiscard]] Reply create_key(base::JsonObject& body);
  [[nodiscard]] Reply describe_key(base::JsonObject& body);
  [[nodiscard]] Reply list_keys(base::JsonObject& body);
  [[nodiscard]] Reply get_key_policy(base::JsonObject& body);
  [[nodiscard]] Reply put_key_policy(base::JsonObject& body);
  [[nodiscard]] Reply create_grant(base::JsonObject& body);
  // kms_crypto_operations.cpp
  [[nodiscard]] Reply encrypt(base::JsonObject& body);
  [[nodiscard]] Reply decrypt(base::JsonObject& body);
  [[nodiscard]] Reply re_encrypt(base::JsonObject& body);
  [[nodiscard]] Reply generate_data_key(base::JsonObject& body);
  [[nodiscard]] Reply generate_data_key_without_plaintext(base::JsonObject& body);
  [[nodiscard]] Reply generate_random(base::JsonObject& body);

  [[nodiscard]] std::string arn_of(const LabKey& key) const;
  [[nodiscard]] base::Result<const LabKey*> find_key(const std::string& id_or_arn);
  [[nodiscard]] base::Result<const LabKey*> named_key(base::JsonObject& body);
  // The key of a ciphertext: as named in `member`, else as the ciphertext itself says.
  [[nodiscard]] base::Result<const LabKey*> sealing_key(base::JsonObject& body,
                                                        std::string_view member,
                                                        base::BytesView sealed);
  // What a condition of a key policy can ask of any call about a key.
  [[nodiscard]] ConditionKeys about_the_call() const;
  [[nodiscard]] base::Status authorize(const LabKey& key, std::string_view action,
                                       ConditionKeys keys = {}) const;
  [[nodiscard]] base::Result<KeyPolicy> checked_policy(base::JsonObject& body,
                                                       const std::string& text) const;
  [[nodiscard]] Json metadata(const LabKey& key) const;

  // Absent is empty.
  [[nodiscard]] static base::Result<keyservice::EncryptionContext> read_context(
      base::JsonObject& body, std::string_view member = "EncryptionContext");
  // Into recipient_; absent is fine.
  [[nodiscard]] base::Status read_recipient(base::JsonObject& body);
  // The condition keys that come of a context and of the recipient.
  [[nodiscard]] ConditionKeys conditions(const keyservice::EncryptionContext& context) const;
  // Puts the plaintext into the reply: in clear, or sealed for the recipient.
  [[nodiscard]] base::Status put_plaintext(Json& reply, base::SecretBytes plaintext);
  [[nodiscard]] Fault take_fault();

  KmsSettings& settings_;
  KeyTable& keys_;
  const LabPrincipal& principal_;
  base::UnixMillis now_;
  std::string key_arn_;
  std::optional<RecipientClaims> recipient_;
};

}  // namespace concordat::lab

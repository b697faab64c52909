// A local KMS in memory, an enclave of the lab to call it from, and a key for its custodian.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "attest/custom_root.hpp"
#include "attest/mint.hpp"
#include "deploy/lab/kms_core.hpp"
#include "deploy/lab/recipient_check.hpp"
#include "deploy/lab/software_nsm.hpp"
#include "keyservice/kms.hpp"
#include "keyservice/recipient_key.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::test {

inline base::SecretBytes secret_text(std::string text) {
  return base::SecretBytes::take({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

inline const base::UnixMillis kNow = base::parse_rfc3339("2026-01-15T12:00:00Z").value();

// PCR0 of the images below: forty-eight times the same byte.
inline attest::PcrValue pcr(std::uint8_t byte) {
  return attest::PcrValue::from(base::Bytes(attest::PcrValue::kSize, byte)).value();
}

class LabKms : public testing::Test {
 protected:
  static inline const char* const kAccount = "111122223333";
  static inline const char* const kInstance = "arn:aws:iam::111122223333:role/lab-instance";
  static inline const char* const kAdmin = "arn:aws:iam::111122223333:user/lab-admin";
  // Of the account, with whatever IAM gives.
  static inline const char* const kStranger = "arn:aws:iam::111122223333:role/stranger";

  LabKms() { restart(lab::Fault::none); }

  // A new server process over the same state.
  void restart(lab::Fault fault, unsigned count = ~0u) {
    keys_.emplace(lab::KeyTable::open(folder_.path() / "keys").value());
    lab::KmsSettings settings;
    settings.principals.push_back({kAdmin, credentials("AKIAADMIN", "")});
    settings.principals.push_back({kInstance, credentials("ASIAINSTANCE", "token")});
    settings.principals.push_back({kStranger, credentials("AKIASTRANGER", "")});
    settings.verify_recipient = verify_recipient_;
    settings.fault = fault;
    settings.fault_count = count;
    core_.emplace(std::move(settings), *keys_, log_);
  }

  static keyservice::AwsCredentials credentials(std::string id, std::string token) {
    return {std::move(id), secret_text("secret"), std::move(token)};
  }

  lab::SoftwareNsm enclave(std::uint8_t image, bool debug = false) {
    lab::EnclaveIdentity identity;
    identity.role_arn = kInstance;
    identity.pcr0 = pcr(image);
    identity.pcr1 = pcr(0x11);
    identity.pcr2 = pcr(0x22);
    identity.debug = debug;
    return lab::SoftwareNsm(*pki_, identity, [this] { return now_; });
  }

  // A kms_recipient document for `key`, made now.
  base::Bytes document(lab::SoftwareNsm& nsm, const keyservice::RecipientKey& key) {
    return attest::mint(nsm, {.purpose = attest::Purpose::kms_recipient,
                              .items = {},
                              .nonce = std::nullopt,
                              .public_key = base::to_bytes(key.public_key_der())})
        .value();
  }

  keyservice::HttpRequest signed_request(std::string_view operation, const nlohmann::json& body,
                                         const std::string& access_key, const std::string& token) {
    keyservice::HttpRequest request{"POST",
                                    "/",
                                    {{"host", "kms.us-east-1.amazonaws.com"},
                                     {"content-type", "application/x-amz-json-1.1"},
                                     {"x-amz-target", "TrentService." + std::string(operation)}},
                                    body.dump()};
    keyservice::sigv4_sign(request, credentials(access_key, token), {"us-east-1", "kms"}, now_);
    return request;
  }

  // As the administrator. {"__type": ...} on failure, as on the wire.
  nlohmann::json admin(std::string_view operation, const nlohmann::json& body) {
    const auto reply = core_->handle(signed_request(operation, body, "AKIAADMIN", ""), now_);
    const auto out = nlohmann::json::parse(reply.body);
    EXPECT_EQ(reply.status == 200, !out.contains("__type")) << reply.body;
    return out;
  }
  nlohmann::json instance(std::string_view operation, const nlohmann::json& body) {
    return nlohmann::json::parse(
        core_->handle(signed_request(operation, body, "ASIAINSTANCE", "token"), now_).body);
  }
  nlohmann::json stranger(std::string_view operation, const nlohmann::json& body) {
    return nlohmann::json::parse(
        core_->handle(signed_request(operation, body, "AKIASTRANGER", ""), now_).body);
  }

  // The administrator manages; the instance may only use, attested as `image`.
  std::string custodian_policy(std::uint8_t image) {
    const auto account = "arn:aws:iam::" + std::string(kAccount) + ":root";
    return nlohmann::json{
        {"Version", "2012-10-17"},
        {"Statement",
         {{{"Sid", "Admin"},
           {"Effect", "Allow"},
           {"Principal", {{"AWS", kAdmin}}},
           {"Action", {"kms:PutKeyPolicy", "kms:GetKeyPolicy", "kms:DescribeKey", "kms:Encrypt"}},
           {"Resource", "*"}},
          {{"Sid", "Custodian"},
           {"Effect", "Allow"},
           {"Principal", {{"AWS", kInstance}}},
           {"Action", {"kms:Decrypt", "kms:GenerateDataKey"}},
           {"Resource", "*"},
           {"Condition",
            {{"StringEqualsIgnoreCase",
              {{"kms:RecipientAttestation:ImageSha384", pcr(image).hex()},
               {"kms:EncryptionContext:concordat:realm", "r1"}}}}}},
          {{"Sid", "NeverUnattested"},
           {"Effect", "Deny"},
           {"Principal", "*"},
           {"Action", {"kms:Decrypt", "kms:GenerateDataKey", "kms:ReEncrypt*", "kms:CreateGrant"}},
           {"Resource", "*"},
           {"Condition", {{"Null", {{"kms:RecipientAttestation:PCR0", "true"}}}}}}}}}
        .dump();
  }

  keyservice::KmsKeyArn create_key(const std::string& policy) {
    const auto made = admin("CreateKey", {{"Policy", policy}});
    return keyservice::KmsKeyArn::parse(made.at("KeyMetadata").value("Arn", "")).value();
  }

  // The production client's request, as the enclave makes and signs it, answered.
  keyservice::HttpReply call(keyservice::HttpRequest request, const keyservice::KmsKeyArn& key) {
    keyservice::sign_kms_request(request, key, credentials("ASIAINSTANCE", "token"), now_);
    return core_->handle(request, now_);
  }

  test::TemporaryFolder folder_;
  base::UnixMillis now_ = kNow;
  std::unique_ptr<lab::Pki> pki_ = lab::Pki::create(kNow).value();
  // As of the next restart.
  lab::VerifyRecipient verify_recipient_ =
      lab::verify_recipient_under(attest::trust_anchors_from_root(pki_->root_der()).value());
  std::vector<nlohmann::json> log_lines_;
  base::Logger log_{
      "test", [this](std::string_view line) { log_lines_.push_back(nlohmann::json::parse(line)); }};
  std::optional<lab::KeyTable> keys_;
  std::optional<lab::KmsCore> core_;
};

}  // namespace concordat::test

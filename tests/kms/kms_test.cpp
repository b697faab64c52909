// Requests, replies and refusals of the KMS client.
#include "keyservice/kms.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace concordat::keyservice {
namespace {

using base::as_bytes;
using base::Bytes;
using nlohmann::json;

constexpr const char* kArn =
    "arn:aws:kms:eu-west-1:111122223333:key/12345678-90ab-cdef-1234-567890abcdef";

const KmsKeyArn kKey = KmsKeyArn::parse(kArn).value();

TEST(KmsHost, IsTheRegionsInBothPartitions) {
  EXPECT_EQ(kms_host(kKey), "kms.eu-west-1.amazonaws.com");
  const auto gov = KmsKeyArn::parse(
      "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/mrk-1234567890abcdef1234567890abcdef");
  EXPECT_EQ(kms_host(gov.value()), "kms.us-gov-west-1.amazonaws.com");
}

TEST(KmsRequest, GenerateDataKeyNamesKeyContextAndRecipient) {
  const auto request =
      generate_data_key_request(kKey, root_encryption_context("r1", 7), as_bytes("doc"));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->method, "POST");
  EXPECT_EQ(request->target, "/");
  EXPECT_EQ(find_header(request->headers, "host"), "kms.eu-west-1.amazonaws.com");
  EXPECT_EQ(find_header(request->headers, "content-type"), "application/x-amz-json-1.1");
  EXPECT_EQ(find_header(request->headers, "x-amz-target"), "TrentService.GenerateDataKey");
  EXPECT_EQ(json::parse(request->body),
            json::parse(R"({"KeyId":")" + std::string(kArn) + R"(","KeySpec":"AES_256",
              "EncryptionContext":{"concordat:realm":"r1","concordat:root-generation":"7"},
              "Recipient":{"KeyEncryptionAlgorithm":"RSAES_OAEP_SHA_256",
                           "AttestationDocument":"ZG9j"}})"));
}

TEST(KmsRequest, DecryptAlwaysNamesTheKey) {
  const auto request =
      decrypt_request(kKey, root_encryption_context("r1", 7), as_bytes("doc"), as_bytes("blob"));
  ASSERT_TRUE(request);
  EXPECT_EQ(find_header(request->headers, "x-amz-target"), "TrentService.Decrypt");
  EXPECT_EQ(json::parse(request->body),
            json::parse(R"({"KeyId":")" + std::string(kArn) + R"(","CiphertextBlob":"YmxvYg==",
              "EncryptionAlgorithm":"SYMMETRIC_DEFAULT",
              "EncryptionContext":{"concordat:realm":"r1","concordat:root-generation":"7"},
              "Recipient":{"KeyEncryptionAlgorithm":"RSAES_OAEP_SHA_256",
                           "AttestationDocument":"ZG9j"}})"));
}

TEST(KmsRequest, RefusesWhatKmsWouldRefuse) {
  const Bytes large(kMaxCiphertextBlob + 1, 1);
  const Bytes huge(kMaxAttestationDocument + 1, 1);
  EXPECT_TRUE(generate_data_key_request(kKey, {}, {}).error().is(KmsErrc::bad_argument));
  EXPECT_TRUE(generate_data_key_request(kKey, {}, huge).error().is(KmsErrc::bad_argument));
  EXPECT_TRUE(decrypt_request(kKey, {}, as_bytes("d"), {}).error().is(KmsErrc::bad_argument));
  EXPECT_TRUE(decrypt_request(kKey, {}, as_bytes("d"), large).error().is(KmsErrc::bad_argument));
  EXPECT_TRUE(generate_data_key_request(kKey, {{"k", "\xff"}}, as_bytes("d"))
                  .error()
                  .is(KmsErrc::bad_argument));
}

HttpReply ok(const json& body) {
  return {200, {}, body.dump()};
}
json good_body() {
  return {{"KeyId", kArn},
          {"CiphertextBlob", base::to_base64(as_bytes("blob"))},
          {"CiphertextForRecipient", base::to_base64(as_bytes("cms"))}};
}

// The code with which both parsers refuse `reply`.
base::Error refusal(const HttpReply& reply) {
  const auto generated = parse_generate_data_key_reply(kKey, reply);
  const auto decrypted = parse_decrypt_reply(kKey, reply);
  EXPECT_FALSE(generated);
  EXPECT_FALSE(decrypted);
  EXPECT_EQ(generated.error().code(), decrypted.error().code());
  return decrypted.error();
}

TEST(KmsReply, AcceptsAndTakesTheTwoBlobs) {
  json body = good_body();
  body["KeyMaterialId"] = "members that AWS adds later are passed over";
  body["Later"] = {{"nested", {1, 2}}};
  const auto generated = parse_generate_data_key_reply(kKey, ok(body));
  ASSERT_TRUE(generated);
  EXPECT_EQ(base::as_text(generated->ciphertext_blob), "blob");
  EXPECT_EQ(base::as_text(generated->ciphertext_for_recipient), "cms");
  body.erase("CiphertextBlob");
  EXPECT_EQ(base::as_text(parse_decrypt_reply(kKey, ok(body)).value()), "cms");
  EXPECT_TRUE(parse_generate_data_key_reply(kKey, ok(body)).error().is(KmsErrc::reply_malformed));
}

TEST(KmsReply, NullOrEmptyPlaintextIsNoPlaintext) {
  for (const json& none : {json(nullptr), json("")}) {
    json body = good_body();
    body["Plaintext"] = none;
    EXPECT_TRUE(parse_decrypt_reply(kKey, ok(body))) << body;
  }
}

TEST(KmsReply, RefusesAnyPlaintext) {
  for (const json& some : {json("AAAA"), json(" "), json(0), json::array(), json::object()}) {
    json body = good_body();
    body["Plaintext"] = some;
    EXPECT_TRUE(refusal(ok(body)).is(KmsErrc::reply_has_plaintext)) << body;
  }
}

TEST(KmsReply, RefusesAnotherKey) {
  json body = good_body();
  for (const std::string key :
       {"12345678-90ab-cdef-1234-567890abcdef",  // not the ARN
        "arn:aws:kms:eu-west-1:111122223333:key/12345678-90ab-cdef-1234-567890abcdee",
        "arn:aws:kms:eu-west-1:999922223333:key/12345678-90ab-cdef-1234-567890abcdef", ""}) {
    body["KeyId"] = key;
    EXPECT_TRUE(refusal(ok(body)).is(KmsErrc::reply_wrong_key)) << key;
  }
  body.erase("KeyId");
  EXPECT_TRUE(refusal(ok(body)).is(KmsErrc::reply_malformed));
}

TEST(KmsReply, BoundsTheCiphertext) {
  json body = good_body();
  body["CiphertextForRecipient"] = base::to_base64(Bytes(kMaxCiphertextForRecipient, 1));
  EXPECT_TRUE(parse_decrypt_reply(kKey, ok(body)));
  body["CiphertextForRecipient"] = base::to_base64(Bytes(kMaxCiphertextForRecipient + 1, 1));
  EXPECT_TRUE(refusal(ok(body)).is(KmsErrc::reply_malformed));
  for (const json& bad : {json(""), json(nullptr), json(7), json("***")}) {
    body["CiphertextForRecipient"] = bad;
    EXPECT_TRUE(refusal(ok(body)).is(KmsErrc::reply_malformed)) << bad;
  }
}

TEST(KmsReply, RefusesWhatIsNotOneStrictObject) {
  EXPECT_TRUE(refusal({200, {}, ""}).is(KmsErrc::reply_malformed));
  EXPECT_TRUE(refusal({200, {}, "[]"}).is(KmsErrc::reply_malformed));
  EXPECT_TRUE(refusal({200, {}, "null"}).is(KmsErrc::reply_malformed));
  const std::string good = good_body().dump();
  EXPECT_TRUE(refusal({200, {}, good.substr(0, good.size() - 1)}).is(KmsErrc::reply_malformed));
  EXPECT_TRUE(refusal({200, {}, R"({"KeyId":"a",)" + good.substr(1)}).is(KmsErrc::reply_malformed));
  EXPECT_TRUE(
      refusal({200, {}, std::string(kMaxKmsReply, ' ') + good}).is(KmsErrc::reply_too_large));
}

struct ErrorRow {
  unsigned status;
  const char* type;
  KmsErrc code;
  KmsRetry retry;
};

TEST(KmsReply, MapsServiceErrors) {
  for (const ErrorRow& row : {
           ErrorRow{400, "AccessDeniedException", KmsErrc::access_denied, KmsRetry::never},
           ErrorRow{400, "com.amazonaws.kms#InvalidCiphertextException",
                    KmsErrc::invalid_ciphertext, KmsRetry::never},
           ErrorRow{400, "IncorrectKeyException", KmsErrc::incorrect_key, KmsRetry::never},
           ErrorRow{400, "NotFoundException", KmsErrc::key_unavailable, KmsRetry::never},
           ErrorRow{400, "KMSInvalidStateException", KmsErrc::key_unavailable, KmsRetry::never},
           ErrorRow{400, "ValidationException", KmsErrc::request_invalid, KmsRetry::never},
           ErrorRow{400, "ThrottlingException", KmsErrc::throttled, KmsRetry::after_backoff},
           ErrorRow{429, "Anything", KmsErrc::throttled, KmsRetry::after_backoff},
           ErrorRow{500, "KMSInternalException", KmsErrc::service_unavailable,
                    KmsRetry::after_backoff},
           ErrorRow{503, "", KmsErrc::service_unavailable, KmsRetry::after_backoff},
           ErrorRow{400, "ExpiredTokenException", KmsErrc::credentials_refused,
                    KmsRetry::with_fresh_credentials},
           ErrorRow{400, "UnrecognizedClientException", KmsErrc::credentials_refused,
                    KmsRetry::with_fresh_credentials},
           ErrorRow{400, "NewException", KmsErrc::service_error, KmsRetry::never},
           ErrorRow{301, "", KmsErrc::service_error, KmsRetry::never},
       }) {
    const base::Error error =
        refusal({row.status, {}, json{{"__type", row.type}, {"message", "why"}}.dump()});
    EXPECT_TRUE(error.is(row.code)) << row.type << ": " << error.to_string();
    EXPECT_EQ(kms_retry(error), row.retry) << row.type;
    EXPECT_THAT(error.to_string(), testing::HasSubstr("why"));
  }
}

TEST(KmsReply, AnErrorStatusNeverYieldsItsBody) {
  EXPECT_TRUE(refusal({400, {}, good_body().dump()}).is(KmsErrc::service_error));
  EXPECT_TRUE(refusal({204, {}, ""}).is(KmsErrc::service_error));
}

TEST(KmsReply, ErrorTypeMayStandInTheHeaderAndTextIsMadePrintable) {
  const base::Error error =
      refusal({400,
               {{"x-amzn-errortype", "AccessDeniedException:http://internal/"}},
               R"({"Message":"a\u0007b\n)" + std::string(1000, 'x') + R"("})"});
  EXPECT_TRUE(error.is(KmsErrc::access_denied));
  EXPECT_THAT(error.detail(), testing::HasSubstr("AccessDeniedException: a?b?xxx"));
  EXPECT_LT(error.detail().size(), 300u);
}

}  // namespace
}  // namespace concordat::keyservice

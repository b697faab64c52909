// The local KMS: what it allows, and everything that it denies. The client is the production one.
#include <gmock/gmock.h>

#include "attest/base/file.hpp"
#include "attest/base/secret_access.hpp"
#include "keyservice/cms.hpp"
#include "tests/kms/lab_kms_fixture.hpp"

namespace concordat::lab {
namespace {

using base::Bytes;
using base::SecretBytes;
using keyservice::decrypt_request;
using keyservice::generate_data_key_request;
using keyservice::KmsErrc;
using keyservice::KmsKeyArn;
using keyservice::parse_decrypt_reply;
using keyservice::parse_generate_data_key_reply;
using keyservice::RecipientKey;
using nlohmann::json;
using test::pcr;
using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr std::uint8_t kCustodian = 0xaa;
constexpr std::uint8_t kOther = 0xbb;

class KmsCoreTest : public test::LabKms {
 protected:
  const keyservice::EncryptionContext context_ = keyservice::root_encryption_context("r1", 1);
  // One for all tests: making it is what takes time.
  static inline const RecipientKey recipient_ = RecipientKey::generate().value();
  SoftwareNsm nsm_ = enclave(kCustodian);
  KmsKeyArn key_ = create_key(custodian_policy(kCustodian));

  Bytes fresh_document() { return document(nsm_, recipient_); }
  base::Result<keyservice::GeneratedDataKey> generate(base::BytesView doc) {
    return parse_generate_data_key_reply(
        key_, call(generate_data_key_request(key_, context_, doc).value(), key_));
  }
  base::Result<Bytes> decrypt(base::BytesView doc, base::BytesView blob,
                              const keyservice::EncryptionContext& context) {
    return parse_decrypt_reply(key_, call(decrypt_request(key_, context, doc, blob).value(), key_));
  }
  SecretBytes open(base::BytesView cms) {
    return open_ciphertext_for_recipient(cms, recipient_).value();
  }
  // A root made before anything was spoilt.
  keyservice::GeneratedDataKey root() { return generate(fresh_document()).value(); }
};

TEST_F(KmsCoreTest, GenesisAndUnsealGiveTheSameRoot) {
  const auto made = root();
  const SecretBytes first = open(made.ciphertext_for_recipient);
  EXPECT_EQ(first.size(), 32u);
  restart(Fault::none);  // keys and policies persist
  const auto again = decrypt(fresh_document(), made.ciphertext_blob, context_);
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_TRUE(open(*again) == first);
}

TEST_F(KmsCoreTest, LogsWhoCalledFromWhichEnclave) {
  ASSERT_TRUE(generate(fresh_document()));
  const json& line = log_lines_.back();
  EXPECT_EQ(line["event"], "kms_request");
  EXPECT_EQ(line["operation"], "GenerateDataKey");
  EXPECT_EQ(line["key"], key_.text());
  EXPECT_EQ(line["principal"], kInstance);
  EXPECT_EQ(line["enclave"], nsm_.module_id());
}

TEST_F(KmsCoreTest, AnotherImageIsDeniedWithThePcrThatDiffers) {
  const auto made = root();
  SoftwareNsm other = enclave(kOther);
  const auto denied = decrypt(document(other, recipient_), made.ciphertext_blob, context_);
  EXPECT_TRUE(denied.error().is(KmsErrc::access_denied));
  EXPECT_THAT(
      std::string(log_lines_.back()["detail"]),
      HasSubstr("ImageSha384 wants " + pcr(kCustodian).hex() + ", found " + pcr(kOther).hex()));
}

TEST_F(KmsCoreTest, WithoutADocumentNothingIsDecrypted) {
  const auto made = root();
  const json reply = instance("Decrypt", {{"KeyId", key_.text()},
                                          {"CiphertextBlob", base::to_base64(made.ciphertext_blob)},
                                          {"EncryptionContext", context_}});
  EXPECT_EQ(reply["__type"], "AccessDeniedException");
  EXPECT_FALSE(reply.contains("Plaintext"));
}

TEST_F(KmsCoreTest, AnotherContextDoesNotOpen) {
  const auto made = root();
  EXPECT_TRUE(
      decrypt(fresh_document(), made.ciphertext_blob, keyservice::root_encryption_context("r1", 2))
          .error()
          .is(KmsErrc::invalid_ciphertext));
  // The policy names the realm.
  EXPECT_TRUE(
      decrypt(fresh_document(), made.ciphertext_blob, keyservice::root_encryption_context("r2", 1))
          .error()
          .is(KmsErrc::access_denied));
}

// IAM compares the names of condition keys without regard to case, KMS those of a context with it.
TEST_F(KmsCoreTest, NamesThatDifferInCaseAloneMustAllMatch) {
  keyservice::EncryptionContext twice = context_;
  twice["Concordat:Realm"] = "r2";
  const auto request = generate_data_key_request(key_, twice, fresh_document()).value();
  EXPECT_TRUE(
      parse_generate_data_key_reply(key_, call(request, key_)).error().is(KmsErrc::access_denied));
}

TEST_F(KmsCoreTest, ATamperedBlobIsRefused) {
  const auto made = root();
  const Bytes doc = fresh_document();
  for (std::size_t at = 0; at < made.ciphertext_blob.size(); at += 3) {
    Bytes blob = made.ciphertext_blob;
    blob[at] ^= 1;
    const auto error = decrypt(doc, blob, context_).error();
    EXPECT_TRUE(error.is(KmsErrc::invalid_ciphertext) || error.is(KmsErrc::incorrect_key)) << at;
  }
  EXPECT_TRUE(decrypt(fresh_document(), base::BytesView(made.ciphertext_blob).first(20), context_)
                  .error()
                  .is(KmsErrc::invalid_ciphertext));
}

TEST_F(KmsCoreTest, TheBlobOfAnotherKeyIsRefused) {
  const auto made = root();
  key_ = create_key(custodian_policy(kCustodian));
  EXPECT_TRUE(
      decrypt(fresh_document(), made.ciphertext_blob, context_).error().is(KmsErrc::incorrect_key));
}

TEST_F(KmsCoreTest, DocumentsThatDoNotVerifyAreRefused) {
  Bytes flipped = fresh_document();
  flipped.back() ^= 1;
  const auto signature = generate(flipped);
  EXPECT_TRUE(signature.error().is(KmsErrc::request_invalid));
  EXPECT_THAT(signature.error().detail(), HasSubstr("signature"));

  const auto foreign_pki = Pki::create(now_).value();
  EnclaveIdentity identity;
  identity.pcr0 = pcr(kCustodian);
  identity.pcr1 = identity.pcr2 = pcr(1);
  SoftwareNsm foreign(*foreign_pki, identity, [this] { return now_; });
  EXPECT_TRUE(generate(document(foreign, recipient_)).error().is(KmsErrc::request_invalid));

  SoftwareNsm debugged = enclave(kCustodian, true);
  EXPECT_TRUE(generate(document(debugged, recipient_)).error().is(KmsErrc::request_invalid));

  EXPECT_TRUE(generate(base::as_bytes("no document")).error().is(KmsErrc::request_invalid));
}

TEST_F(KmsCoreTest, DocumentsHaveFiveMinutes) {
  const Bytes doc = fresh_document();
  now_ = now_ + 5min;
  EXPECT_TRUE(generate(doc));
  now_ = now_ + 1ms;
  EXPECT_TRUE(generate(doc).error().is(KmsErrc::request_invalid));
}

TEST_F(KmsCoreTest, TheDocumentsKeyMustBeRsa2048) {
  const auto sealed_to = [&](const Bytes& public_key) {
    return generate(attest::mint(nsm_, {.purpose = attest::Purpose::kms_recipient,
                                        .items = {},
                                        .nonce = std::nullopt,
                                        .public_key = public_key})
                        .value());
  };
  Bytes cut = base::to_bytes(recipient_.public_key_der());
  cut.pop_back();
  EXPECT_TRUE(sealed_to(cut).error().is(KmsErrc::request_invalid));
  EXPECT_TRUE(sealed_to(Bytes{1}).error().is(KmsErrc::request_invalid));
}

TEST_F(KmsCoreTest, TheClientRefusesEveryFault) {
  const auto made = root();
  struct Row {
    Fault fault;
    KmsErrc code;
  };
  for (const Row& row : {Row{Fault::throttle, KmsErrc::throttled},
                         Row{Fault::plaintext, KmsErrc::reply_has_plaintext},
                         Row{Fault::wrong_key_id, KmsErrc::reply_wrong_key}}) {
    restart(row.fault);
    EXPECT_TRUE(generate(fresh_document()).error().is(row.code));
    EXPECT_TRUE(decrypt(fresh_document(), made.ciphertext_blob, context_).error().is(row.code));
  }
  restart(Fault::garbage);
  const auto garbage = decrypt(fresh_document(), made.ciphertext_blob, context_).value();
  EXPECT_FALSE(open_ciphertext_for_recipient(garbage, recipient_));
}

// What no client can see by itself: this is what the root commitment is for.
TEST_F(KmsCoreTest, AnotherPlaintextLooksLikeARoot) {
  const auto made = root();
  restart(Fault::other_plaintext);
  const auto cms = decrypt(fresh_document(), made.ciphertext_blob, context_);
  ASSERT_TRUE(cms);
  EXPECT_EQ(open(*cms).size(), 32u);
  EXPECT_FALSE(open(*cms) == open(made.ciphertext_for_recipient));
}

TEST_F(KmsCoreTest, AFaultMayEnd) {
  restart(Fault::throttle, 2);
  EXPECT_FALSE(generate(fresh_document()));
  EXPECT_FALSE(generate(fresh_document()));
  EXPECT_TRUE(generate(fresh_document()));
}

TEST_F(KmsCoreTest, SignaturesAreChecked) {
  const auto type = [&](const keyservice::HttpRequest& request, base::UnixMillis at) {
    return json::parse(core_->handle(request, at).body).value("__type", "");
  };
  const auto good = signed_request("ListKeys", json::object(), "AKIAADMIN", "");
  EXPECT_EQ(type(good, now_), "");
  EXPECT_EQ(type(good, now_ + 6min), "InvalidSignatureException");
  auto changed = good;
  changed.body = "{ }";
  EXPECT_EQ(type(changed, now_), "InvalidSignatureException");
  auto unsigned_request = good;
  unsigned_request.headers.pop_back();
  EXPECT_EQ(type(unsigned_request, now_), "MissingAuthenticationTokenException");
  EXPECT_EQ(type(signed_request("ListKeys", json::object(), "AKIANOBODY", ""), now_),
            "UnrecognizedClientException");
  EXPECT_EQ(type(signed_request("ListKeys", json::object(), "ASIAINSTANCE", ""), now_),
            "InvalidSignatureException");
}

TEST_F(KmsCoreTest, EncryptAndDecryptWithoutRecipient) {
  key_ = create_key(KeyPolicy::default_text(kAccount));
  const json sealed = admin("Encrypt", {{"KeyId", key_.key_id()}, {"Plaintext", "aGVsbG8="}});
  EXPECT_EQ(sealed["KeyId"], key_.text());
  const json opened = admin("Decrypt", {{"CiphertextBlob", sealed["CiphertextBlob"]}});
  EXPECT_EQ(opened["Plaintext"], "aGVsbG8=");
  EXPECT_EQ(opened["KeyId"], key_.text());
  EXPECT_EQ(admin("Decrypt", {{"CiphertextBlob", sealed["CiphertextBlob"]},
                              {"EncryptionContext", {{"a", "b"}}}})["__type"],
            "InvalidCiphertextException");
}

TEST_F(KmsCoreTest, ReEncryptionNeedsBothKeysAndTheOldContext) {
  const KmsKeyArn from = create_key(KeyPolicy::default_text(kAccount));
  const KmsKeyArn to = create_key(KeyPolicy::default_text(kAccount));
  const json sealed = admin(
      "Encrypt",
      {{"KeyId", from.text()}, {"Plaintext", "aGVsbG8="}, {"EncryptionContext", {{"a", "b"}}}});
  json order = {{"CiphertextBlob", sealed["CiphertextBlob"]},
                {"DestinationKeyId", to.text()},
                {"DestinationEncryptionContext", {{"c", "d"}}}};
  EXPECT_EQ(admin("ReEncrypt", order)["__type"], "InvalidCiphertextException");
  order["SourceEncryptionContext"] = {{"a", "b"}};
  const json moved = admin("ReEncrypt", order);
  EXPECT_EQ(moved["SourceKeyId"], from.text());
  EXPECT_EQ(moved["KeyId"], to.text());
  EXPECT_EQ(admin("Decrypt", {{"CiphertextBlob", moved["CiphertextBlob"]},
                              {"KeyId", to.text()},
                              {"EncryptionContext", {{"c", "d"}}}})["Plaintext"],
            "aGVsbG8=");
  order["DestinationKeyId"] = key_.text();  // whose policy allows nobody ReEncryptTo
  EXPECT_EQ(admin("ReEncrypt", order)["__type"], "AccessDeniedException");
}

TEST_F(KmsCoreTest, ADataKeyWithoutPlaintextIsSealedAllTheSame) {
  key_ = create_key(KeyPolicy::default_text(kAccount));
  const json made =
      admin("GenerateDataKeyWithoutPlaintext", {{"KeyId", key_.text()}, {"KeySpec", "AES_256"}});
  EXPECT_FALSE(made.contains("Plaintext"));
  const json opened = admin("Decrypt", {{"CiphertextBlob", made["CiphertextBlob"]}});
  EXPECT_EQ(base::from_base64(std::string(opened["Plaintext"])).value().size(), 32u);
}

TEST_F(KmsCoreTest, AGrantIsForItsGranteeAndItsOperations) {
  const std::string for_admin_alone = R"({"Statement":{"Effect":"Allow","Principal":{"AWS":")" +
                                      std::string(kAdmin) +
                                      R"("},"Action":"kms:*","Resource":"*"}})";
  key_ = create_key(for_admin_alone);
  const json sealed = {{"KeyId", key_.text()}, {"Plaintext", "aGVsbG8="}};
  json grant = {
      {"KeyId", key_.text()}, {"GranteePrincipal", kStranger}, {"Operations", {"Encrypt"}}};
  EXPECT_EQ(stranger("CreateGrant", grant)["__type"], "AccessDeniedException");
  EXPECT_EQ(stranger("Encrypt", sealed)["__type"], "AccessDeniedException");
  EXPECT_TRUE(admin("CreateGrant", grant).contains("GrantId"));
  const json blob = stranger("Encrypt", sealed);
  ASSERT_TRUE(blob.contains("CiphertextBlob")) << blob;
  EXPECT_EQ(instance("Encrypt", sealed)["__type"], "AccessDeniedException");
  EXPECT_EQ(stranger("Decrypt", {{"CiphertextBlob", blob["CiphertextBlob"]}})["__type"],
            "AccessDeniedException");
  restart(Fault::none);
  EXPECT_TRUE(stranger("Encrypt", sealed).contains("CiphertextBlob"));
  // What a grant of AWS could be narrowed by is not passed over.
  grant["Constraints"] = {{"EncryptionContextEquals", {{"a", "b"}}}};
  EXPECT_EQ(admin("CreateGrant", grant)["__type"], "ValidationException");
}

TEST_F(KmsCoreTest, DataKeySizes) {
  key_ = create_key(KeyPolicy::default_text(kAccount));
  const auto size = [&](json body) {
    body["KeyId"] = key_.text();
    const json reply = admin("GenerateDataKey", body);
    return reply.contains("Plaintext")
               ? std::to_string(base::from_base64(std::string(reply["Plaintext"])).value().size())
               : std::string(reply["__type"]);
  };
  EXPECT_EQ(size({{"KeySpec", "AES_256"}}), "32");
  EXPECT_EQ(size({{"KeySpec", "AES_128"}}), "16");
  EXPECT_EQ(size({{"NumberOfBytes", 64}}), "64");
  EXPECT_EQ(size(json::object()), "ValidationException");
  EXPECT_EQ(size({{"KeySpec", "AES_256"}, {"NumberOfBytes", 64}}), "ValidationException");
  EXPECT_EQ(size({{"NumberOfBytes", 1025}}), "ValidationException");
  EXPECT_EQ(size({{"KeySpec", "RSA"}}), "ValidationException");
}

TEST_F(KmsCoreTest, PoliciesAreSetReadAndKept) {
  EXPECT_EQ(admin("GetKeyPolicy", {{"KeyId", key_.text()}})["Policy"],
            custodian_policy(kCustodian));
  ASSERT_TRUE(generate(fresh_document()));
  EXPECT_EQ(admin("PutKeyPolicy", {{"KeyId", key_.text()},
                                   {"PolicyName", "default"},
                                   {"Policy", custodian_policy(kOther)}}),
            json::object());
  restart(Fault::none);
  EXPECT_TRUE(generate(fresh_document()).error().is(KmsErrc::access_denied));
  // The instance has no say in it, nor in anything else of the key.
  EXPECT_EQ(instance("PutKeyPolicy", {{"KeyId", key_.text()},
                                      {"Policy", KeyPolicy::default_text(kAccount)}})["__type"],
            "AccessDeniedException");
  EXPECT_EQ(instance("DescribeKey", {{"KeyId", key_.text()}})["__type"], "AccessDeniedException");
  EXPECT_EQ(instance("Encrypt", {{"KeyId", key_.text()}, {"Plaintext", "AA=="}})["__type"],
            "AccessDeniedException");
}

TEST_F(KmsCoreTest, MalformedAndLockingPoliciesAreRefused) {
  for (const std::string& policy :
       {std::string("{}"), std::string("nothing"),
        std::string(R"({"Statement":{"Effect":"Deny","Principal":"*","Action":"kms:*",)"
                    R"("Resource":"*"}})")}) {
    EXPECT_EQ(admin("CreateKey", {{"Policy", policy}})["__type"],
              "MalformedPolicyDocumentException");
    EXPECT_EQ(admin("PutKeyPolicy", {{"KeyId", key_.text()}, {"Policy", policy}})["__type"],
              "MalformedPolicyDocumentException");
  }
  EXPECT_EQ(admin("GetKeyPolicy", {{"KeyId", key_.text()}})["Policy"],
            custodian_policy(kCustodian));
}

TEST_F(KmsCoreTest, RequestsThatMakeNoSense) {
  EXPECT_EQ(admin("ScheduleKeyDeletion", json::object())["__type"], "UnknownOperationException");
  EXPECT_EQ(admin("DescribeKey", {{"KeyId", "none"}})["__type"], "NotFoundException");
  EXPECT_EQ(admin("DescribeKey", json::object())["__type"], "ValidationException");
  EXPECT_EQ(admin("DescribeKey", {{"KeyId", 7}})["__type"], "ValidationException");
  EXPECT_EQ(admin("Decrypt", {{"CiphertextBlob", "*"}})["__type"], "ValidationException");
  EXPECT_EQ(admin("Decrypt", json::array())["__type"], "SerializationException");
  EXPECT_EQ(admin("GenerateRandom", {{"NumberOfBytes", 0}})["__type"], "ValidationException");
  EXPECT_EQ(admin("CreateKey", {{"KeySpec", "RSA_2048"}})["__type"], "ValidationException");
}

TEST_F(KmsCoreTest, GenerateRandomForARecipient) {
  const json reply =
      instance("GenerateRandom", {{"NumberOfBytes", 24},
                                  {"Recipient",
                                   {{"KeyEncryptionAlgorithm", "RSAES_OAEP_SHA_256"},
                                    {"AttestationDocument", base::to_base64(fresh_document())}}}});
  EXPECT_FALSE(reply.contains("Plaintext"));
  EXPECT_EQ(open(base::from_base64(std::string(reply["CiphertextForRecipient"])).value()).size(),
            24u);
}

TEST_F(KmsCoreTest, StateIsForItsOwnerAlone) {
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path() / "keys")) {
    EXPECT_EQ(static_cast<unsigned>(entry.status().permissions()) & 077u, 0u) << entry.path();
  }
  EXPECT_EQ(static_cast<unsigned>(std::filesystem::status(folder_.path() / "keys").permissions()),
            0700u);
}

TEST_F(KmsCoreTest, ADamagedKeyFileStopsTheStart) {
  const auto path = folder_.path() / "keys" / (key_.key_id() + ".key");
  ASSERT_TRUE(base::write_file(path, Bytes(31, 1), 0600));
  EXPECT_FALSE(KeyTable::open(folder_.path() / "keys"));
}

}  // namespace
}  // namespace concordat::lab

// A parent and a KMS that do as a test says, and a count of the calls to them.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "attest/document.hpp"
#include "deploy/lab/cms_seal.hpp"
#include "keyservice/boot.hpp"
#include "keyservice/error.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::test {

using keyservice::AwsCredentials;
using keyservice::HttpReply;
using keyservice::HttpRequest;
using keyservice::KmsErrc;

// Counts the calls to everything outside of the enclave and fails the one that the test chose.
// Calls that the boot repeats go on failing, or the failure would not be seen.
struct Calls {
  int count = 0;
  int failing = -1;
  bool down = false;
  [[nodiscard]] bool fails() { return count++ == failing; }
  [[nodiscard]] bool is_down() {
    if (fails()) down = true;
    return down;
  }
};

class FakeParent final : public keyservice::ParentService {
 public:
  explicit FakeParent(Calls& calls) : calls_(calls) {}
  base::Result<base::Bytes> authority() override { return give(descriptor); }
  base::Result<base::Bytes> policy() override { return give(envelope); }
  base::Result<std::optional<base::Bytes>> freshness() override {
    if (calls_.fails()) return base::Error(keyservice::Errc::parent_failed);
    return statement;
  }
  base::Result<AwsCredentials> credentials() override {
    if (calls_.is_down()) return base::Error(keyservice::Errc::parent_failed);
    ++credentials_given;
    return AwsCredentials{"AKIA", base::SecretBytes::random(40), ""};
  }
  base::Result<std::optional<base::Bytes>> load(const std::string& name) override {
    if (calls_.fails()) return base::Error(keyservice::Errc::parent_failed);
    const auto found = store.find(name);
    return found == store.end() ? std::nullopt : std::optional(found->second);
  }
  base::Status store_new(const std::string& name, base::BytesView content) override {
    if (calls_.fails() || store.contains(name)) return base::Error(keyservice::Errc::store_failed);
    store.emplace(name, base::to_bytes(content));
    return {};
  }
  base::Bytes descriptor, envelope;
  std::optional<base::Bytes> statement;  // of freshness
  std::map<std::string, base::Bytes> store;
  int credentials_given = 0;

 private:
  base::Result<base::Bytes> give(const base::Bytes& what) {
    if (calls_.fails()) return base::Error(keyservice::Errc::parent_failed);
    return what;
  }
  Calls& calls_;
};

// Seals to whoever the document names, as KMS would: the checks of documents are the lab KMS's.
class FakeKms final : public keyservice::KmsService {
 public:
  explicit FakeKms(Calls& calls) : calls_(calls) {}
  base::Result<HttpReply> exchange(const std::string& host, const HttpRequest& request,
                                   base::UnixMillis) override {
    if (calls_.is_down()) return base::Error(KmsErrc::unreachable);
    if (!troubles.empty()) {
      const auto trouble = troubles.front();
      troubles.erase(troubles.begin());
      return trouble;
    }
    EXPECT_EQ(host, "kms.us-east-1.amazonaws.com");
    const nlohmann::json body = nlohmann::json::parse(request.body);
    const auto document =
        base::from_base64(body.at("Recipient").at("AttestationDocument").get<std::string>())
            .value();
    const auto parsed = attest::UnverifiedDocument::parse(document).value();
    nlohmann::json reply = {{"KeyId", key_id}};
    reply["CiphertextForRecipient"] =
        base::to_base64(lab::seal_for_recipient(*parsed.unverified().public_key, root).value());
    if (plaintext) reply["Plaintext"] = base::to_base64(base::Bytes(keyservice::kRootSize, 7));
    if (!body.contains("CiphertextBlob"))
      reply["CiphertextBlob"] = base::to_base64(base::Bytes(64, 3));
    contexts.push_back(body.at("EncryptionContext"));
    return HttpReply{200, {}, reply.dump()};
  }
  std::string key_id = kKmsKey;
  base::SecretBytes root = base::SecretBytes::random(keyservice::kRootSize);
  bool plaintext = false;  // says it in the clear besides
  std::vector<nlohmann::json> contexts;
  // What the first calls come to.
  std::vector<base::Result<HttpReply>> troubles;

 private:
  Calls& calls_;
};

}  // namespace concordat::test

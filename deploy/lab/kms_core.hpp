// The local KMS without its sockets: one signed request in, one reply out. AWS JSON 1.1, operations
// CreateKey, DescribeKey, ListKeys, GetKeyPolicy, PutKeyPolicy, CreateGrant, Encrypt, Decrypt,
// ReEncrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext, GenerateRandom, close enough to
// AWS's that unmodified AWS clients call it.
//
// It plays AWS for a laptop and guards nothing real: a plaintext that AWS would send in a reply
// passes through ordinary memory here. Key material and what is sealed for a Recipient do not.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "attest/base/log.hpp"
#include "attest/pcr.hpp"
#include "deploy/lab/key_table.hpp"
#include "keyservice/http_message.hpp"
#include "keyservice/sigv4.hpp"

namespace concordat::lab {

// Who may sign requests.
struct LabPrincipal {
  std::string arn;
  keyservice::AwsCredentials credentials;
};

// What KMS takes from an attestation document that it has verified.
struct RecipientClaims {
  std::string module_id;
  base::Bytes public_key;  // SubjectPublicKeyInfo as the document has it; empty: none
  std::map<std::uint8_t, attest::PcrValue> pcrs;
};
// Verifies a document at the given time: chain to the trust root, signature, age.
using VerifyRecipient =
    std::function<base::Result<RecipientClaims>(base::BytesView document, base::UnixMillis now)>;

// What a KMS that is not AWS's could answer to a request with Recipient: to show that the enclave
// refuses each of them.
enum class Fault {
  none,
  throttle,         // ThrottlingException
  plaintext,        // Recipient ignored, as emulators do
  wrong_key_id,     // the ARN of another key
  garbage,          // CiphertextForRecipient is noise
  other_plaintext,  // well-formed, and not what was asked for
};
// "throttle", "plaintext", "wrong-key-id", "garbage", "other-plaintext"; nullopt for other names.
[[nodiscard]] std::optional<Fault> parse_fault(std::string_view name);

struct KmsSettings {
  std::string region = "us-east-1";
  std::string account = "111122223333";
  std::vector<LabPrincipal> principals;
  VerifyRecipient verify_recipient;
  Fault fault = Fault::none;
  unsigned fault_count = ~0u;  // how many requests with Recipient it spoils
};

// Not thread-safe. `keys` and `log` outlive it.
class KmsCore {
 public:
  KmsCore(KmsSettings settings, KeyTable& keys, base::Logger& log);

  // Never fails: what goes wrong is a reply with AWS's error. Logs one line "kms_request" a call,
  // which plays CloudTrail: operation, key, principal, enclave, outcome and its reason.
  [[nodiscard]] keyservice::HttpReply handle(const keyservice::HttpRequest& request,
                                             base::UnixMillis now);

  [[nodiscard]] std::string key_arn(std::string_view key_id) const;

 private:
  [[nodiscard]] base::Result<const LabPrincipal*> authenticate(
      const keyservice::HttpRequest& request, base::UnixMillis now) const;

  KmsSettings settings_;
  KeyTable& keys_;
  base::Logger& log_;
};

}  // namespace concordat::lab

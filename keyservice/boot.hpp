// How an enclave of the key service comes up, before it talks to any peer: measured configuration,
// time, policy; and for a custodian its root, by genesis or by unsealing. The order is the security
// argument: PCR16 is bound before anything that the parent says is acted upon.
//
// Blocking on purpose: nothing is served meanwhile. What does I/O stands behind two interfaces, so
// that every step can be made to fail in a test.
#pragma once

#include "attest/authority.hpp"
#include "attest/base/random.hpp"
#include "attest/trusted_clock.hpp"
#include "keyservice/genesis.hpp"
#include "keyservice/http_message.hpp"
#include "keyservice/kms.hpp"
#include "keyservice/recipient_key.hpp"
#include "keyservice/root.hpp"
#include "policy/signed_policy.hpp"

namespace concordat::keyservice {

// What the untrusted parent keeps and hands out. Whatever it answers is checked or sealed.
class ParentService {
 public:
  virtual ~ParentService() = default;
  [[nodiscard]] virtual base::Result<base::Bytes> authority() = 0;  // encoded descriptor
  [[nodiscard]] virtual base::Result<base::Bytes> policy() = 0;     // signed envelope
  // The newest freshness statement; nullopt: it has none.
  [[nodiscard]] virtual base::Result<std::optional<base::Bytes>> freshness() = 0;
  [[nodiscard]] virtual base::Result<AwsCredentials> credentials() = 0;
  // nullopt: nothing under that name.
  [[nodiscard]] virtual base::Result<std::optional<base::Bytes>> load(const std::string& name) = 0;
  // Fails when something is there already.
  [[nodiscard]] virtual base::Status store_new(const std::string& name,
                                               base::BytesView content) = 0;
};

// One HTTPS exchange with KMS; TLS ends inside the enclave. A connection that did not come about or
// did not last is KmsErrc::unreachable.
class KmsService {
 public:
  virtual ~KmsService() = default;
  [[nodiscard]] virtual base::Result<HttpReply> exchange(const std::string& host,
                                                         const HttpRequest& request,
                                                         base::UnixMillis now) = 0;
};

// What genesis does with a KMS that fails for a while (kms_attempts.hpp says when).
struct KmsPause {
  base::RandomSource& random;
  // Says why to whoever watches, and waits.
  std::function<void(const base::Error& why, std::chrono::milliseconds pause)> wait;
};

// What an enclave has before it serves or dials. Wall time comes from `clock` alone.
struct Enclave {
  attest::NsmTransport& nsm;
  ParentService& parent;
  std::function<base::MonotonicMillis()> monotonic;
  attest::TrustedClock clock;
  policy::PolicyInForce policies;

  // Fails without an anchor younger than ten minutes.
  [[nodiscard]] base::Result<base::UnixMillis> now();
};

// Steps 1 to 3: descriptor into PCR16, first anchor of the clock, policy under that authority. A
// policy that wants a freshness statement comes up without one too: it is not usable until one
// comes (policies.at).
[[nodiscard]] base::Result<std::unique_ptr<Enclave>> boot_enclave(
    attest::NsmTransport& nsm, ParentService& parent,
    std::function<base::MonotonicMillis()> monotonic);

// Names under which the parent's store keeps what KMS sealed and what genesis attested.
[[nodiscard]] std::string root_blob_name(std::uint32_t generation);
[[nodiscard]] std::string genesis_document_name(std::uint32_t generation);
inline constexpr const char* kGenesisChallengeName = "genesis-challenge";

// A root is born: KMS GenerateDataKey for the ARN that the policy names, blob and genesis document
// into the store. The root itself is wiped: the next boot unseals it under a policy that pins it.
// Fails when the policy pins a root, names no KMS key, or the store already holds a genesis.
[[nodiscard]] base::Result<GenesisStatement> perform_genesis(Enclave& enclave, KmsService& kms,
                                                             KmsPause& pause);

// The same in parts, for whoever serves meanwhile and has documents minted elsewhere: of the
// generation behind those that the policy pins. Nothing is there before keep_genesis.
struct GenesisOrder {
  policy::PolicyPtr policy;
  base::UnixMillis now;
  base::Bytes document;  // minted for the recipient
  GenesisChallenge challenge;
};
struct MadeRoot {
  GenesisStatement statement;
  base::Bytes blob;  // as KMS sealed it
};
// root_already_pinned: the store holds one that nobody pinned yet, or a part of it; the detail
// names what is to be removed.
[[nodiscard]] base::Status check_no_genesis(ParentService& parent, std::uint32_t generation);
[[nodiscard]] base::Result<MadeRoot> make_root(ParentService& parent, KmsService& kms,
                                               const RecipientKey& recipient,
                                               const GenesisOrder& order);
[[nodiscard]] base::Status keep_genesis(ParentService& parent, const MadeRoot& made,
                                        base::BytesView document);

// KMS Decrypt of the current generation's blob (UnsealOrder: of the one that it names); wrong_root
// unless what comes out matches the commitment that the policy pins. One attempt: RootKeeper
// repeats it for as long as it takes.
[[nodiscard]] base::Result<Root> unseal_root(Enclave& enclave, KmsService& kms);

// What to ask the NSM for, so that KMS answers to `recipient`.
[[nodiscard]] attest::MintRequest recipient_document(const RecipientKey& recipient);

// The same without the enclave's own clock and module, for a thread beside those that serve:
// `document` was minted for `recipient` (Purpose::kms_recipient) at about `now`.
struct UnsealOrder {
  policy::PolicyPtr policy;
  base::UnixMillis now;
  base::Bytes document;
  std::uint32_t generation = 0;  // 0: the policy's current one
};
[[nodiscard]] base::Result<Root> unseal_root(ParentService& parent, KmsService& kms,
                                             const RecipientKey& recipient,
                                             const UnsealOrder& order);

}  // namespace concordat::keyservice

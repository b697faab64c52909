#include "keyservice/boot.hpp"

#include "attest/base/hash.hpp"
#include "keyservice/cms.hpp"
#include "keyservice/error.hpp"
#include "keyservice/kms_attempts.hpp"
#include "policy/root_context.hpp"

namespace concordat::keyservice {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::SecretBytes;

namespace {

using base::Status;
using policy::kFirstRootGeneration;

// Of the root `pinned`, or, null, of the next one.
Result<KmsKeyArn> key_arn(const policy::Policy& policy,
                          const policy::RootGeneration* pinned = nullptr) {
  const auto& arn =
      pinned != nullptr && pinned->kms_key_arn ? pinned->kms_key_arn : policy.model().kms_key_arn;
  if (!arn) return Error(policy::KmsKeyArnErrc::bad_key_arn, "the policy names no KMS key");
  return KmsKeyArn::parse(*arn);
}

Result<Bytes> mint_for(attest::NsmTransport& nsm, const RecipientKey& recipient) {
  return attest::mint(nsm, recipient_document(recipient));
}

// One attested call: a recipient key's document, the signed request, the reply. `build(document)`
// makes the request, `parse(reply)` yields what was asked for.
template <class Build, class Parse>
auto attested_call(ParentService& parent, KmsService& kms, const KmsKeyArn& arn,
                   const Bytes& document, base::UnixMillis now, Build&& build, Parse&& parse)
    -> decltype(parse(std::declval<const HttpReply&>())) {
  CONCORDAT_TRY(const AwsCredentials credentials, parent.credentials());
  CONCORDAT_TRY(HttpRequest request, build(document));
  sign_kms_request(request, arn, credentials, now);
  CONCORDAT_TRY(const HttpReply reply, kms.exchange(kms_host(arn), request, now));
  return parse(reply);
}

// As many attempts as kms_attempts.hpp allows. Repeating is harmless: a data key whose reply was
// lost seals nothing. `attempt` starts anew: with the parent's newest credentials, and evidence of
// now.
template <class Attempt>
auto repeated(Enclave& enclave, KmsPause& pause, const Attempt& attempt) -> decltype(attempt()) {
  KmsAttempts attempts(enclave.monotonic(), pause.random);
  for (;;) {
    auto result = attempt();
    if (result) return result;
    const auto length = attempts.pause_after(result.error(), enclave.monotonic());
    if (!length) return result;
    pause.wait(result.error(), *length);
  }
}

Result<GenesisChallenge> load_challenge(ParentService& parent) {
  CONCORDAT_TRY(const auto stored, parent.load(kGenesisChallengeName));
  if (!stored) {
    return Error(Errc::store_failed, std::string("no ") + kGenesisChallengeName +
                                         " from the signers in the parent's store");
  }
  return GenesisChallenge::from(*stored);
}

}  // namespace

Result<base::UnixMillis> Enclave::now() {
  return clock.now(monotonic());
}

std::string root_blob_name(std::uint32_t generation) {
  return "root-" + std::to_string(generation);
}
std::string genesis_document_name(std::uint32_t generation) {
  return "genesis-" + std::to_string(generation);
}

Result<std::unique_ptr<Enclave>> boot_enclave(attest::NsmTransport& nsm, ParentService& parent,
                                              std::function<base::MonotonicMillis()> monotonic) {
  CONCORDAT_TRY(const Bytes encoded, parent.authority());
  CONCORDAT_TRY(auto descriptor, attest::AuthorityDescriptor::parse(encoded));
  CONCORDAT_CHECK(attest::bind_authority(nsm, descriptor));
  std::unique_ptr<Enclave> enclave(new Enclave{nsm, parent, std::move(monotonic),
                                               attest::TrustedClock(),
                                               policy::PolicyInForce(std::move(descriptor))});
  CONCORDAT_CHECK(attest::anchor_from_nsm(enclave->clock, nsm, enclave->monotonic));
  CONCORDAT_TRY(const base::UnixMillis now, enclave->now());
  CONCORDAT_TRY(const Bytes envelope, parent.policy());
  CONCORDAT_CHECK(enclave->policies.install(envelope, now));
  if (enclave->policies.latest()->model().freshness) {
    // None, an old one, a parent that fails: the policy stays unusable until a good one comes.
    const auto statement = parent.freshness();
    if (statement && *statement) (void)enclave->policies.install_freshness(**statement, now);
  }
  return enclave;
}

Status check_no_genesis(ParentService& parent, std::uint32_t generation) {
  std::string there;
  for (const std::string& name : {root_blob_name(generation), genesis_document_name(generation)}) {
    CONCORDAT_TRY(const auto earlier, parent.load(name));
    if (earlier) there += (there.empty() ? "'" : " and '") + name + "'";
  }
  if (there.empty()) return {};
  return Error(Errc::root_already_pinned,
               "the store holds a genesis that awaits pin-root or was cut short; remove " + there +
                   " to begin anew");
}

Result<MadeRoot> make_root(ParentService& parent, KmsService& kms, const RecipientKey& recipient,
                           const GenesisOrder& order) {
  const policy::Policy& policy = *order.policy;
  const std::uint32_t generation = policy.model().next_root_generation();
  CONCORDAT_TRY(const KmsKeyArn arn, key_arn(policy));
  const EncryptionContext context = root_encryption_context(policy.realm(), generation);
  CONCORDAT_TRY(
      GeneratedDataKey generated,
      attested_call(
          parent, kms, arn, order.document, order.now,
          [&](BytesView document) { return generate_data_key_request(arn, context, document); },
          [&](const HttpReply& reply) { return parse_generate_data_key_reply(arn, reply); }));
  CONCORDAT_TRY(SecretBytes secret,
                open_ciphertext_for_recipient(generated.ciphertext_for_recipient, recipient));
  CONCORDAT_TRY(const Root root, Root::create(generation, std::move(secret)));
  return MadeRoot{{order.challenge, policy.digest(), arn.text(), generation,
                   base::sha256({generated.ciphertext_blob}), root.commitment()},
                  std::move(generated.ciphertext_blob)};
}

Status keep_genesis(ParentService& parent, const MadeRoot& made, BytesView document) {
  const std::uint32_t generation = made.statement.generation;
  // In this order: a document without its blob could be pinned, and nobody could unseal the root.
  CONCORDAT_CHECK(parent.store_new(root_blob_name(generation), made.blob));
  return parent.store_new(genesis_document_name(generation), document);
}

Result<GenesisStatement> perform_genesis(Enclave& enclave, KmsService& kms, KmsPause& pause) {
  CONCORDAT_TRY(const base::UnixMillis now, enclave.now());
  GenesisOrder order;
  CONCORDAT_TRY(order.policy, enclave.policies.at(now));
  if (order.policy->model().current_root() != nullptr) {
    return Error(Errc::root_already_pinned, "genesis would make another");
  }
  CONCORDAT_CHECK(check_no_genesis(enclave.parent, kFirstRootGeneration));
  CONCORDAT_TRY(order.challenge, load_challenge(enclave.parent));
  CONCORDAT_CHECK(key_arn(*order.policy));
  CONCORDAT_TRY(const RecipientKey recipient, RecipientKey::generate());
  CONCORDAT_TRY(const MadeRoot made, repeated(enclave, pause, [&]() -> Result<MadeRoot> {
                  CONCORDAT_TRY(order.now, enclave.now());
                  CONCORDAT_TRY(order.document, mint_for(enclave.nsm, recipient));
                  return make_root(enclave.parent, kms, recipient, order);
                }));
  CONCORDAT_TRY(const Bytes document, attest::mint(enclave.nsm, genesis_document(made.statement)));
  CONCORDAT_CHECK(keep_genesis(enclave.parent, made, document));
  return made.statement;
}

attest::MintRequest recipient_document(const RecipientKey& recipient) {
  attest::MintRequest order;
  order.purpose = attest::Purpose::kms_recipient;
  order.public_key = base::to_bytes(recipient.public_key_der());
  return order;
}

Result<Root> unseal_root(Enclave& enclave, KmsService& kms) {
  UnsealOrder order;
  CONCORDAT_TRY(order.now, enclave.now());
  CONCORDAT_TRY(order.policy, enclave.policies.at(order.now));
  CONCORDAT_TRY(const RecipientKey recipient, RecipientKey::generate());
  CONCORDAT_TRY(order.document, mint_for(enclave.nsm, recipient));
  return unseal_root(enclave.parent, kms, recipient, order);
}

Result<Root> unseal_root(ParentService& parent, KmsService& kms, const RecipientKey& recipient,
                         const UnsealOrder& order) {
  const policy::Policy& policy = *order.policy;
  const policy::RootGeneration* pinned =
      order.generation == 0 ? policy.model().current_root() : policy.model().root(order.generation);
  if (pinned == nullptr && order.generation != 0) {  // a newer policy came meanwhile
    return Error(Errc::not_ready,
                 "generation " + std::to_string(order.generation) + " is pinned no longer");
  }
  if (pinned == nullptr) return Error(Errc::no_root_pinned);
  CONCORDAT_TRY(const auto blob, parent.load(root_blob_name(pinned->generation)));
  if (!blob) {
    return Error(Errc::store_failed,
                 "no '" + root_blob_name(pinned->generation) + "' in the store");
  }
  CONCORDAT_TRY(const KmsKeyArn arn, key_arn(policy, pinned));
  const EncryptionContext context = root_encryption_context(policy.realm(), pinned->generation);
  CONCORDAT_TRY(
      const Bytes sealed,
      attested_call(
          parent, kms, arn, order.document, order.now,
          [&](BytesView document) { return decrypt_request(arn, context, document, *blob); },
          [&](const HttpReply& reply) { return parse_decrypt_reply(arn, reply); }));
  CONCORDAT_TRY(SecretBytes secret, open_ciphertext_for_recipient(sealed, recipient));
  CONCORDAT_TRY(Root root, Root::create(pinned->generation, std::move(secret)));
  CONCORDAT_CHECK(root.check_commitment(pinned->commitment));
  return root;
}

}  // namespace concordat::keyservice

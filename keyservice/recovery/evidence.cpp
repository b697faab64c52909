#include "keyservice/recovery/evidence.hpp"

#include "attest/base/cbor.hpp"
#include "keyservice/recovery/errc.hpp"
#include "policy/evaluate.hpp"

namespace concordat::keyservice::recovery {
namespace {

using attest::Purpose;
using attest::VerifiedClaims;
using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
using base::cbor::Reader;
using base::cbor::Writer;

// RFC 8410: SEQUENCE { SEQUENCE { id-X25519 }, BIT STRING }, the key's 32 bytes last.
constexpr std::array<std::uint8_t, 12> kX25519Spki{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                   0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00};

Result<policy::HolderKey> read_key(BytesView spki) {
  if (spki.size() != kX25519Spki.size() + policy::HolderKey::kSize ||
      !base::equal(spki.first(kX25519Spki.size()), kX25519Spki)) {
    return Error(Errc::document_differs, "public_key is no X25519 key");
  }
  return policy::HolderKey::from(spki.subspan(kX25519Spki.size()));
}

// The digests that follow the domain, which must be exactly these.
Status check_digests(const attest::UserDataItems& items, std::initializer_list<BytesView> wanted) {
  Writer expected;
  for (const BytesView digest : wanted)
    expected.bytes(digest);
  if (items.count == wanted.size() && base::equal(items.encoded, expected.view())) return {};
  return Error(Errc::document_differs, "user_data names another policy, order or set");
}

Result<CustodianEvidence> judge(const VerifiedClaims& claims, const policy::Model& model) {
  const policy::Purpose* const keys = model.purpose(policy::kKeysPurpose);
  std::string reasons;
  for (const std::string& role : keys == nullptr ? std::vector<std::string>() : keys->responder) {
    const policy::Evaluation evaluation =
        policy::evaluate_role(model, role, claims, attest::authority_pcr16(model.authority));
    if (evaluation.verdict) {
      return CustodianEvidence{role, evaluation.image, claims.module_id(), claims.timestamp()};
    }
    reasons += (reasons.empty() ? "" : "; ") + role + ": " + evaluation.verdict.error().to_string();
  }
  return Error(Errc::not_a_custodian,
               reasons.empty() ? "policy lets no role answer \"keys\"" : reasons);
}

}  // namespace

attest::MintRequest set_document(const policy::SignedOrder<policy::MakeOrder>& order,
                                 const RecoverySet& set) {
  Writer items;
  items.bytes(set.policy_digest().view()).bytes(order.digest.view()).bytes(set.digest().view());
  attest::MintRequest request;
  request.purpose = Purpose::recovery_set;
  request.items = {std::move(items).take(), 3};
  request.nonce = base::to_bytes(order.order.challenge.view());
  return request;
}

attest::MintRequest target_document(const policy::RecoveryChallenge& challenge,
                                    const policy::PolicyDigest& policy,
                                    const base::hpke::PublicKey& key) {
  Writer items;
  items.bytes(policy.view());
  attest::MintRequest request;
  request.purpose = Purpose::recovery_target;
  request.items = {std::move(items).take(), 1};
  request.nonce = base::to_bytes(challenge.view());
  Bytes spki(kX25519Spki.begin(), kX25519Spki.end());
  base::append(spki, key.view());
  request.public_key = std::move(spki);
  return request;
}

Result<CustodianEvidence> verify_set_document(const VerifiedClaims& claims,
                                              const policy::Model& model,
                                              const policy::SignedOrder<policy::MakeOrder>& order,
                                              const RecoverySet& set) {
  CONCORDAT_TRY(const auto items, attest::check_purpose(Purpose::recovery_set, claims));
  if (!base::equal(*claims.nonce(), order.order.challenge.view())) {
    return Error(Errc::document_differs, "it answers another challenge");
  }
  CONCORDAT_CHECK(
      check_digests(items, {order.order.policy.view(), order.digest.view(), set.digest().view()}));
  if (set.id() != order.order.set || set.generation() != order.order.generation ||
      set.realm() != order.order.realm || set.policy_digest() != order.order.policy ||
      set.replaces() != order.order.replaces) {
    return Error(Errc::set_differs, "the set is not what the order asked for");
  }
  return judge(claims, model);
}

Result<TargetEvidence> verify_target_document(const VerifiedClaims& claims,
                                              const policy::Model& model,
                                              const policy::PolicyDigest& policy,
                                              base::UnixMillis now) {
  CONCORDAT_TRY(const auto items, attest::check_purpose(Purpose::recovery_target, claims));
  CONCORDAT_CHECK(check_digests(items, {policy.view()}));
  if (now - claims.timestamp() >= kTargetLife || claims.timestamp() - now > kClockSkew) {
    return Error(Errc::document_too_old, "made at " + base::format_rfc3339(claims.timestamp()) +
                                             ", now is " + base::format_rfc3339(now));
  }
  TargetEvidence out;
  CONCORDAT_TRY(out.custodian, judge(claims, model));
  CONCORDAT_TRY(out.key, read_key(*claims.public_key()));
  CONCORDAT_TRY(out.challenge, policy::RecoveryChallenge::from(*claims.nonce()));
  return out;
}

}  // namespace concordat::keyservice::recovery

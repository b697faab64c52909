#include "peer/judge.hpp"

#include "attest/document.hpp"
#include "attest/verify.hpp"

namespace concordat::peer {
namespace {

using base::Bytes;
using base::Error;
using base::Result;
using base::Status;

attest::Purpose mint_purpose(const HandshakeContext& context, policy::Side side) {
  if (context.session) {
    return side == policy::Side::initiator ? attest::Purpose::session_initiator
                                           : attest::Purpose::session_responder;
  }
  return side == policy::Side::initiator ? attest::Purpose::handshake_initiator
                                         : attest::Purpose::handshake_responder;
}

template <class T>
std::optional<base::BytesView> view(const std::optional<T>& field) {
  return field ? std::optional<base::BytesView>(*field) : std::nullopt;
}

Status check_statement(const HandshakeContext& context, const Expected& expected,
                       const Statement& statement) {
  if (statement.transcript != expected.transcript) return Error(Errc::transcript_mismatch);
  if (statement.purpose != expected.purpose) {
    return Error(Errc::statement_mismatch, "purpose '" + statement.purpose + "'");
  }
  if (statement.policy != context.reference()) {
    return Error(Errc::statement_mismatch,
                 "policy serial " + std::to_string(statement.policy.serial));
  }
  for (const auto& [name, value] : statement.extensions) {
    if (!context.peer_extensions.contains(name)) return Error(Errc::unknown_extension, name);
  }
  return {};
}

Result<policy::AdmittedPeer> admit(const HandshakeContext& context, const Expected& expected,
                                   const Statement& statement,
                                   const attest::VerifiedClaims& claims) {
  if (context.session) return context.session->admit(statement, expected.peer_side, claims);
  const policy::Question question{context.role, statement.role, expected.purpose,
                                  expected.peer_side, context.operator_key};
  return policy::admit(*context.policy, question, claims, context.own_pcr16);
}

}  // namespace

PolicyReference HandshakeContext::reference() const {
  return session ? session->descriptor : policy_reference(*policy);
}

PolicyReference policy_reference(const policy::Policy& policy) {
  return {policy.serial(), policy.digest()};
}

Result<Judged> judge(const HandshakeContext& context, const Expected& expected,
                     base::BytesView document, base::UnixMillis now, base::Bytes* genuine) {
  CONCORDAT_CHECK(context.policy_usable(now));
  CONCORDAT_TRY(const auto parsed, attest::UnverifiedDocument::parse(document));
  attest::LiveExpectations live;
  live.now = now;
  live.max_age = context.policy->document_max_age();
  live.nonce = expected.nonce.view();
  CONCORDAT_TRY(const attest::VerifiedClaims claims,
                attest::verify_live(parsed, *context.anchors, *context.chain_cache, live));
  if (genuine != nullptr) *genuine = base::to_bytes(document);
  CONCORDAT_TRY(const attest::UserDataItems items,
                attest::check_purpose(
                    mint_purpose(context, expected.peer_side),
                    {view(claims.user_data()), view(claims.nonce()), view(claims.public_key())}));
  if (!base::equal(*claims.public_key(), EphemeralKey::subject_public_key_info(expected.key))) {
    return Error(Errc::key_not_attested);
  }
  if (items.count != kStatementItems) {
    return Error(Errc::malformed_message, "statement of " + std::to_string(items.count) + " items");
  }
  CONCORDAT_TRY(Statement statement, decode_statement(items.encoded));
  CONCORDAT_CHECK(check_statement(context, expected, statement));
  auto peer = admit(context, expected, statement, claims);
  if (!peer) {
    return Error(peer.error().code(), "as role '" + statement.role + "': " + peer.error().detail());
  }
  if (context.also_admit) CONCORDAT_CHECK(context.also_admit(*peer));
  return Judged{*std::move(peer), std::move(statement.extensions), base::to_bytes(document)};
}

Result<Judged> judge(const HandshakeContext& context, const Expected& expected,
                     const OperatorProof& proof, base::UnixMillis now) {
  CONCORDAT_CHECK(context.policy_usable(now));
  if (context.session || !context.also_admit_operator ||
      expected.peer_side != policy::Side::initiator) {
    return Error(Errc::operators_not_served);
  }
  const Bytes message = operator_message(proof.key, expected.transcript);
  CONCORDAT_TRY(policy::AdmittedOperator admitted,
                policy::admit_operator(*context.policy, {context.role, expected.purpose, proof.key,
                                                         message, proof.signature}));
  CONCORDAT_CHECK(context.also_admit_operator(admitted));
  return Judged{std::move(admitted), {}, {}};
}

attest::MintRequest own_document(const HandshakeContext& context, const Expected& as_seen_by_peer) {
  const Statement statement{as_seen_by_peer.transcript, as_seen_by_peer.purpose, context.role,
                            context.reference(), context.extensions};
  attest::MintRequest request;
  request.purpose = mint_purpose(context, as_seen_by_peer.peer_side);
  request.items = {encode_statement(statement), kStatementItems};
  request.nonce = base::to_bytes(as_seen_by_peer.nonce.view());
  request.public_key = EphemeralKey::subject_public_key_info(as_seen_by_peer.key);
  return request;
}

}  // namespace concordat::peer

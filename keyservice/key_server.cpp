#include "keyservice/key_server.hpp"

#include <sodium.h>

#include "attest/base/secret_access.hpp"
#include "policy/grants.hpp"
#include "policy/key_pattern.hpp"

namespace concordat::keyservice {

using base::Result;
using base::SecretAccess;
using base::SecretBytes;

namespace {

// Keys of the first form have one version; rotation will count up from here.
constexpr std::uint32_t kFirstVersion = 1;

}  // namespace

Signature sign_ed25519(const SecretBytes& seed, std::uint32_t version, base::BytesView message) {
  Signature out;
  out.version = version;
  SecretBytes secret = SecretBytes::zeroed(crypto_sign_SECRETKEYBYTES);
  const auto secret_key = secret.expose_mutable(SecretAccess{});
  crypto_sign_seed_keypair(out.public_key.mutable_view().data(), secret_key.data(),
                           seed.expose(SecretAccess{}).data());
  crypto_sign_detached(out.signature.mutable_view().data(), nullptr, message.data(), message.size(),
                       secret_key.data());
  return out;
}

ServedRequest KeyServer::serve(const policy::Policy& policy, const policy::AdmittedPeer& peer,
                               base::BytesView record, base::UnixMillis now) const {
  ServedRequest served;
  const auto request = decode_request(record);
  if (!request) {
    served.outcome = request.error();
    served.response = encode(Response{request_id_of(record), failure_of(request.error())});
    return served;
  }
  served.operation = request->operation();
  served.key_name = request->key_name();
  auto body = answer(policy, peer, *request, now);
  if (!body) served.outcome = body.error();
  if (body) {
    std::visit(
        [&served](const auto& answer) {
          if constexpr (requires { answer.version; }) served.version = answer.version;
        },
        *body);
  }
  served.response = encode(
      Response{request->id, body ? *std::move(body) : ResponseBody(failure_of(body.error()))});
  return served;
}

base::Status KeyServer::check_root(const policy::Policy& policy) const {
  if (!root_) return base::Error(Errc::not_ready, "the root is not unsealed");
  const policy::RootGeneration* pinned = policy.model().current_root();
  if (pinned == nullptr || pinned->generation != root_->generation()) {
    return base::Error(Errc::wrong_root, "the policy pins another generation than " +
                                             std::to_string(root_->generation()));
  }
  return root_->check_commitment(pinned->commitment);
}

Result<ResponseBody> KeyServer::answer(const policy::Policy& policy,
                                       const policy::AdmittedPeer& peer, const Request& request,
                                       base::UnixMillis now) const {
  // Admission is for one purpose under one policy: neither carries over to another.
  if (peer.purpose() != policy::kKeysPurpose || peer.side() != policy::Side::initiator) {
    return base::Error(Errc::not_ready, "the channel is for another purpose");
  }
  if (peer.policy_digest() != policy.digest()) {
    return base::Error(Errc::not_ready, "the channel was made under another policy; dial again");
  }
  CONCORDAT_CHECK(check_root(policy));
  const std::string& name = request.key_name();
  CONCORDAT_CHECK(policy::check_key_name(name));
  if (const auto* sign = std::get_if<SignRequest>(&request.body)) {
    CONCORDAT_CHECK(policy::find_grant(policy, peer.role(), name, policy::Operation::sign, now));
    const SecretBytes seed = root_->derive(KeyUse::ed25519_seed, name, kFirstVersion);
    return ResponseBody(sign_ed25519(seed, kFirstVersion, sign->message));
  }
  CONCORDAT_CHECK(policy::find_grant(policy, peer.role(), name, policy::Operation::get, now));
  return ResponseBody(
      ReleasedKey{kFirstVersion, root_->derive(KeyUse::secret, name, kFirstVersion)});
}

}  // namespace concordat::keyservice

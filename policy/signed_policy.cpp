#include "policy/signed_policy.hpp"

#include "policy/cross_check.hpp"
#include "policy/finding.hpp"
#include "policy/parse.hpp"

namespace concordat::policy {

base::Result<PolicyPtr> SignedPolicy::verify(base::BytesView envelope,
                                             const attest::AuthorityDescriptor& authority,
                                             base::UnixMillis now) {
  CONCORDAT_TRY(const Envelope parsed, Envelope::parse(envelope));
  CONCORDAT_CHECK(verify_envelope(parsed, kPolicyPayloadType, authority));
  CONCORDAT_TRY(Model model, load_policy(base::as_text(parsed.payload)));
  if (model.authority != authority.digest()) {
    return base::Error(SignatureErrc::authority_differs,
                       "the policy names " + model.authority.hex() + ", this authority is " +
                           authority.digest().hex());
  }
  if (model.realm != authority.realm()) {
    return base::Error(SignatureErrc::realm_differs, "the policy names " + quote(model.realm) +
                                                         ", this authority's realm is " +
                                                         quote(authority.realm()));
  }
  if (const auto office = signer_in_office(model, authority)) {
    return base::Error(PolicyErrc::key_reused, office->pointer + " is a signer's key");
  }
  const PolicyDigest digest = base::sha256({parsed.payload});
  const PolicyPtr policy(new Policy(std::move(model), digest, base::to_bytes(envelope)));
  CONCORDAT_CHECK(policy->valid_at(now));
  return policy;
}

base::Result<Installation> PolicyInForce::install(base::BytesView envelope, base::UnixMillis now) {
  CONCORDAT_TRY(PolicyPtr offered, SignedPolicy::verify(envelope, authority_, now));
  if (policy_) {
    const std::string serials = "offered serial " + std::to_string(offered->serial()) +
                                ", in force " + std::to_string(policy_->serial());
    if (offered->serial() < policy_->serial()) {
      return base::Error(SignatureErrc::serial_lower, serials);
    }
    if (offered->serial() == policy_->serial()) {
      if (offered->digest() == policy_->digest()) return Installation::already_in_force;
      return base::Error(
          SignatureErrc::serial_conflict,
          serials + "; digests " + offered->digest().hex() + " and " + policy_->digest().hex());
    }
  }
  policy_ = std::move(offered);
  return Installation::replaced;
}

base::Result<PolicyPtr> PolicyInForce::at(base::UnixMillis now) const {
  if (!policy_) return base::Error(SignatureErrc::no_policy, "none was installed yet");
  CONCORDAT_CHECK(policy_->valid_at(now));
  return policy_;
}

}  // namespace concordat::policy

#include "policy/signed_policy.hpp"

#include "policy/authority_succession.hpp"
#include "policy/cross_check.hpp"
#include "policy/errc.hpp"
#include "policy/finding.hpp"
#include "policy/limits.hpp"
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

base::Status PolicySnapshot::usable_at(base::UnixMillis now) const {
  if (!policy) return base::Error(SignatureErrc::no_policy, "none was installed yet");
  return policy::usable_at(*policy, confirmed, now);
}

namespace {

// The authority may have been changed, perhaps to signers that this one does not know: then waiting
// for another policy helps nobody.
base::Error with_what_to_redo(const base::Error& error) {
  if (error.is(SignatureErrc::authority_differs)) {
    return base::Error(error.code(), error.detail() + "; " + std::string(kRedoForEnclave));
  }
  if (error.is(SignatureErrc::too_few_signatures)) {
    return base::Error(error.code(),
                       error.detail() + "; if others sign now: " + std::string(kRedoForEnclave));
  }
  return error;
}

}  // namespace

base::Result<Installation> PolicyInForce::install(base::BytesView envelope, base::UnixMillis now) {
  auto verified = SignedPolicy::verify(envelope, authority_, now);
  if (!verified) return with_what_to_redo(verified.error());
  PolicyPtr offered = *std::move(verified);
  if (const PolicyPtr& ours = in_force_.policy) {
    const std::string serials = "offered serial " + std::to_string(offered->serial()) +
                                ", in force " + std::to_string(ours->serial());
    if (offered->serial() < ours->serial()) {
      return base::Error(SignatureErrc::serial_lower, serials);
    }
    if (offered->serial() == ours->serial()) {
      if (offered->digest() == ours->digest()) return Installation::already_in_force;
      return base::Error(
          SignatureErrc::serial_conflict,
          serials + "; digests " + offered->digest().hex() + " and " + ours->digest().hex());
    }
  }
  in_force_ = {std::move(offered), std::nullopt};
  statement_.clear();
  const base::Bytes early = std::exchange(early_statement_, {});
  // Whatever is wrong with it: the policy stands without, and at() says that it lacks one.
  if (!early.empty()) (void)install_freshness(early, now);
  return Installation::replaced;
}

base::Result<Installation> PolicyInForce::install_freshness(base::BytesView envelope,
                                                            base::UnixMillis now) {
  if (!in_force_.policy) return base::Error(SignatureErrc::no_policy, "none was installed yet");
  const auto statement = FreshnessStatement::verify(envelope, *in_force_.policy, now);
  if (!statement) {
    if (envelope.size() <= limits::kStatementBytes) early_statement_ = base::to_bytes(envelope);
    return statement.error();
  }
  if (in_force_.confirmed) {
    if (statement->time() == *in_force_.confirmed) return Installation::already_in_force;
    if (statement->time() < *in_force_.confirmed) {
      return base::Error(FreshnessErrc::older,
                         "offered " + base::format_rfc3339(statement->time()) + ", at hand " +
                             base::format_rfc3339(*in_force_.confirmed));
    }
  }
  statement_ = base::to_bytes(envelope);
  in_force_.confirmed = statement->time();
  return Installation::replaced;
}

base::Result<PolicyPtr> PolicyInForce::at(base::UnixMillis now) const {
  CONCORDAT_CHECK(in_force_.usable_at(now));
  return in_force_.policy;
}

}  // namespace concordat::policy

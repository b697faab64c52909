#include "peer/party.hpp"

#include "policy/errc.hpp"

namespace concordat::peer {

base::Result<HandshakeContext> Party::context() const {
  HandshakeContext context;
  const policy::PolicySnapshot& in_force = policies->snapshot();
  if (!in_force.policy) return base::Error(policy::SignatureErrc::no_policy);
  context.policy = in_force.policy;
  context.policy_confirmed = in_force.confirmed;
  context.role = role;
  context.operator_key = operator_key;
  context.own_pcr16 = own_pcr16;
  context.anchors = anchors;
  context.chain_cache = chain_cache;
  context.random = random;
  context.also_admit = also_admit;
  context.also_admit_operator = also_admit_operator;
  context.envelope_bytes = envelope_bytes;
  return context;
}

base::Status Party::offer_policy(base::BytesView envelope) {
  CONCORDAT_TRY(const Now now, clock());
  CONCORDAT_TRY(const policy::Installation done, policies->install(envelope, now.wall));
  if (done == policy::Installation::replaced && policy_changed) policy_changed();
  return {};
}

}  // namespace concordat::peer

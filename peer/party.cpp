#include "peer/party.hpp"

namespace concordat::peer {

base::Result<HandshakeContext> Party::context(const Now& now) const {
  CONCORDAT_TRY(policy::PolicyPtr policy, policies->at(now.wall));
  HandshakeContext context;
  context.policy = std::move(policy);
  context.role = role;
  context.own_pcr16 = own_pcr16;
  context.anchors = anchors;
  context.chain_cache = chain_cache;
  context.random = random;
  return context;
}

base::Status Party::offer_policy(base::BytesView envelope) {
  CONCORDAT_TRY(const Now now, clock());
  CONCORDAT_TRY(const policy::Installation done, policies->install(envelope, now.wall));
  if (done == policy::Installation::replaced && policy_changed) policy_changed();
  return {};
}

}  // namespace concordat::peer

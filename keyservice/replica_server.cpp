#include "keyservice/replica_server.hpp"

#include "policy/replicas.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;
using base::Status;

namespace {

Status check_channel(const policy::Policy& policy, const policy::AdmittedPeer& peer) {
  if (peer.purpose() != policy::kReplicaPurpose || peer.side() != policy::Side::initiator) {
    return Error(Errc::not_ready, "the channel is for another purpose");
  }
  if (peer.policy_digest() != policy.digest()) {
    return Error(Errc::not_ready, "the channel was made under another policy; dial again");
  }
  return {};
}

Result<GivenRoot> give(Custody& custody, const policy::Policy& policy,
                       const policy::AdmittedPeer& peer, const RootRequest& request) {
  CONCORDAT_CHECK(check_channel(policy, peer));
  CONCORDAT_CHECK(custody.check(policy));
  const Root* const root = custody.root(request.generation);
  if (root == nullptr) {
    return Error(Errc::wrong_root, "generation " + std::to_string(request.generation) +
                                       " is asked for, " +
                                       std::to_string(custody.root().generation()) + " is there");
  }
  CONCORDAT_CHECK(root->check_commitment(request.commitment.view()));
  const auto head = custody.head();
  if (!head) return Error(Errc::not_ready, "no head of the journal");
  // By another than the one that seals now nobody vouches for anything.
  return GivenRoot{head->generation == root->generation() ? *head : vouch_for(*root, {}),
                   root->prk()};
}

}  // namespace

ServedReplica answer_replica(Custody& custody, const policy::Policy& policy,
                             const policy::AdmittedPeer& peer, base::BytesView record) {
  ServedReplica served;
  served.id = request_id_of(record);
  const auto request = decode_root_request(record);
  if (request) served.generation = request->generation;
  auto given = request ? give(custody, policy, peer, *request) : Result<GivenRoot>(request.error());
  if (given) {
    served.response = encode(RootAnswer{served.id, *std::move(given)});
  } else {
    refuse(served, given.error());
  }
  return served;
}

void refuse(ServedReplica& served, const Error& why) {
  served.response.wipe();
  served.outcome = why;
  served.response = encode(RootAnswer{served.id, failure_of(why)});
}

Result<ReceivedRoot> take_root(const RootRequest& request, const base::SecretBytes& record) {
  CONCORDAT_TRY(RootAnswer answer, decode_root_answer(record));
  if (answer.id != request.id) {
    return Error(Errc::malformed_response, "to request " + std::to_string(answer.id));
  }
  if (const auto* failure = std::get_if<Failure>(&answer.body)) {
    return Error(Errc::no_replica, failure->code + ": " + failure->detail);
  }
  auto& given = std::get<GivenRoot>(answer.body);
  CONCORDAT_TRY(Root root, Root::from_prk(request.generation, std::move(given.prk)));
  CONCORDAT_CHECK(root.check_commitment(request.commitment.view()));
  CONCORDAT_CHECK(check_vouched(root, given.head));
  return ReceivedRoot{std::move(root), given.head};
}

}  // namespace concordat::keyservice

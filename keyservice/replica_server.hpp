// The custodian's answer to another one that asks for the root: whether policy admits it, whether
// this one is well, and then the root with the journal's head. No I/O, no clock.
//
// What whoever owns both parents gains: nothing but delay. The root goes to an enclave that the
// same signed policy admits as a custodian, over keys that only it has; the parents choose who asks
// whom and when, and can let nobody ask.
#pragma once

#include "keyservice/custody.hpp"
#include "keyservice/replica_messages.hpp"
#include "policy/evaluate.hpp"

namespace concordat::keyservice {

// What happened, for log and audit; the secret is in `response` alone.
struct ServedReplica {
  std::uint64_t id = 0;  // of the request
  base::SecretBytes response;
  std::uint32_t generation = 0;  // that was asked for
  base::Status outcome;
};

// `policy`: in force now. Refused, besides what is wrong with the request: a channel for another
// purpose or under another policy (not_ready), another root than this policy pins (wrong_root), and
// by whom serves nobody itself: without root or keyring (not_ready), on a store that lacks what was
// seen of it (rolled_back, forked), whose head would be none to go on from.
[[nodiscard]] ServedReplica answer_replica(Custody& custody, const policy::Policy& policy,
                                           const policy::AdmittedPeer& peer,
                                           base::BytesView record);

// In place of an answer that may not go out; wipes it.
void refuse(ServedReplica& served, const base::Error& why);

// The root out of an answer to `request`; what it is worth is the asker's to check:
// malformed_response, wrong_root unless it is the one that was asked for, head_forged unless the
// head is vouched for under it; what the other refused with, as no_replica.
struct ReceivedRoot {
  Root root;
  VouchedHead head;
};
[[nodiscard]] base::Result<ReceivedRoot> take_root(const RootRequest& request,
                                                   const base::SecretBytes& record);

}  // namespace concordat::keyservice

#include "keyservice/key_server.hpp"

#include <algorithm>

#include "keyservice/keyring/key_errc.hpp"
#include "keyservice/keyring/state/errc.hpp"
#include "keyservice/request_grants.hpp"
#include "keyservice/session_shares.hpp"
#include "policy/finding.hpp"

namespace concordat::keyservice {

using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

// One request on its way, which may have to wait for the store.
struct KeyServer::Call {
  policy::PolicyPtr policy;
  peer::Now now;
  Request request;
  std::string role;                   // the peer's
  std::vector<policy::Grants> needs;  // request_grants.hpp
  base::UnixMillis until;
  ServedRequest served;
  Done done;
  RunGate::Place place;  // while a run waits for the store
};

void KeyServer::serve(policy::PolicyPtr policy, const policy::AdmittedPeer& peer,
                      base::BytesView record, const peer::Now& now, Done done) {
  const auto call = std::make_shared<Call>();
  call->policy = std::move(policy);
  call->now = now;
  call->done = std::move(done);
  guarded(call, [&] { begin(call, peer, record); });
}

void KeyServer::refuse(BytesView record, const Error& why, Done done) {
  const auto call = std::make_shared<Call>();
  call->done = std::move(done);
  guarded(call, [&] {
    call->request.id = request_id_of(record);
    if (const auto request = decode_request(record)) {
      call->served.operation = operation_name(request->body);
      call->served.key_name = key_name(request->body);
    }
    finish(call, why);
  });
}

template <class Body>
void KeyServer::guarded(const CallPtr& call, const Body& body) {
  lifetime_.guard(body, [call] { finish(call, Error(Errc::out_of_memory)); })();
}

void KeyServer::begin(const CallPtr& call, const policy::AdmittedPeer& peer,
                      base::BytesView record) {
  call->request.id = request_id_of(record);
  auto request = decode_request(record);
  if (!request) return finish(call, request.error());
  call->request = *std::move(request);
  call->served.operation = operation_name(call->request.body);
  call->served.key_name = key_name(call->request.body);
  if (const auto* const run = std::get_if<CountRunRequest>(&call->request.body)) {
    return count_run(call, peer, *run);
  }
  if (const Status judged = judge(*call, peer); !judged) return finish(call, judged.error());
  count(call, 0, 0);
}

Status KeyServer::judge_peer(const Call& call, const policy::AdmittedPeer& peer) const {
  // Admission is for one purpose under one policy: neither carries over to another.
  if (peer.purpose() != policy::kKeysPurpose || peer.side() != policy::Side::initiator) {
    return Error(Errc::not_ready, "the channel is for another purpose");
  }
  if (peer.policy_digest() != call.policy->digest()) {
    return Error(Errc::not_ready, "the channel was made under another policy; dial again");
  }
  return custody_.check(*call.policy);
}

Status KeyServer::judge(Call& call, const policy::AdmittedPeer& peer) const {
  CONCORDAT_CHECK(judge_peer(call, peer));
  call.role = peer.role();
  CONCORDAT_CHECK(check_share_key(call));
  CONCORDAT_TRY(call.needs,
                needed_grants(*call.policy, peer.role(), call.request.body, call.now.wall));
  call.until = std::min(call.now.wall + kReleaseLifetime, call.policy->valid_until());
  return {};
}

// Whatever a policy grants: a pattern that is too wide opens no other role's shares, and fills no
// other role's part of the keyring.
Status KeyServer::check_share_key(const Call& call) {
  const std::string_view name = key_name(call.request.body);
  if (!name.starts_with(kSessionShares) || name.starts_with(session_shares_of(call.role)))
    return {};
  return Error(policy::AdmissionErrc::not_granted,
               policy::quote(name) + " is for shares of another role than " + call.role);
}

void KeyServer::count_run(const CallPtr& call, const policy::AdmittedPeer& peer,
                          const CountRunRequest& asked) {
  if (const Status judged = judge_peer(*call, peer); !judged) return finish(call, judged.error());
  const policy::SessionRule* const rule =
      policy::session_rule(call->policy->model(), asked.name, asked.protocol);
  if (rule == nullptr || std::ranges::find(rule->own_roles, peer.role()) == rule->own_roles.end()) {
    return finish(call,
                  Error(policy::AdmissionErrc::session_unknown,
                        asked.name + ", protocol " + asked.protocol + ", role " + peer.role()));
  }
  // Where policy limits nothing, nothing is written, as of a grant without a limit.
  if (!rule->runs_per_input) return finish(call, ResponseBody(RunCounted{}));
  RunOfInput run{peer.role(), asked.input, asked.run};
  const RunCounts& runs = custody_.keyring().keys().runs();
  const Status judged_run = runs.judge(run, *rule->runs_per_input);
  if (judged_run) return count_new_run(call, std::move(run), *rule->runs_per_input);
  if (!judged_run.error().is(KeyStateErrc::unchanged)) return finish(call, judged_run.error());
  finish(call, ResponseBody(RunCounted{runs.runs_of(run.role, run.input)}));
}

void KeyServer::count_new_run(const CallPtr& call, RunOfInput run, std::uint64_t limit) {
  auto place = runs_.enter(run.role, call->now.monotonic);
  if (!place) return finish(call, place.error());
  call->place = *std::move(place);
  const auto counted = [this, call](const Result<std::uint64_t>& runs) {
    call->place.reset();
    if (!runs) return finish(call, runs.error());
    // As in perform().
    if (const Status able = custody_.check(*call->policy); !able) return finish(call, able.error());
    finish(call, ResponseBody(RunCounted{*runs}));
  };
  custody_.keyring().count_run(std::move(run), limit, lifetime_.guard(counted, [call] {
    finish(call, Error(Errc::out_of_memory));
  }));
}

// One after the other, so that a need which is refused costs no use of a later one; among those
// that would do, the first that has uses left.
void KeyServer::count(const CallPtr& call, std::size_t need, std::size_t candidate) {
  if (need == call->needs.size()) return record_share_key(call);
  const policy::Grant& grant = *call->needs[need][candidate];
  const auto granted = [this, call, need, &grant] {
    if (grant.expires) call->until = std::min(call->until, *grant.expires);
    count(call, need + 1, 0);
  };
  if (!grant.use_limit) return granted();
  const auto counted = [this, call, need, candidate, granted](const Status& status) {
    if (status) return granted();
    const bool is_used_up = status.error().is(KeyStateErrc::use_limit_reached);
    if (is_used_up && candidate + 1 < call->needs[need].size()) {
      return count(call, need, candidate + 1);
    }
    finish(call, status.error());
  };
  // The server may be gone when the store answers, and memory may be.
  custody_.keyring().uses().use(
      identity_of(grant), *grant.use_limit,
      lifetime_.guard(counted, [call] { finish(call, Error(Errc::out_of_memory)); }));
}

// Without a record a name stands for other bytes once the root was replaced: nothing that is sealed
// so would open again.
void KeyServer::record_share_key(const CallPtr& call) {
  const auto* const asked = std::get_if<EncryptRequest>(&call->request.body);
  if (asked == nullptr || !asked->name.starts_with(kSessionShares)) {
    return finish(call, perform(*call));
  }
  if (const Status ready = custody_.check(*call->policy); !ready) {
    return finish(call, ready.error());
  }
  const auto recorded = [this, call](const Result<KeySummary>& key) {
    if (!key) return finish(call, key.error());
    // Made by somebody else, who may know its bytes or have them given out.
    if (key->type != KeyType::derived || key->exportable) {
      return finish(call, Error(KeyErrc::other_key_type, "made by an operator"));
    }
    finish(call, perform(*call));
  };
  custody_.keyring().create_once(
      {asked->name, KeyType::derived, false, call->now.wall, {}},
      {session_shares_of(call->role), kMaxShareKeys},
      lifetime_.guard(recorded, [call] { finish(call, Error(Errc::out_of_memory)); }));
}

Result<ResponseBody> KeyServer::perform(const Call& call) {
  // What was so before the store was asked may no longer be.
  CONCORDAT_CHECK(custody_.check(*call.policy));
  return operations_.perform(call.request.body, call.until);
}

void KeyServer::finish(const CallPtr& call, Result<ResponseBody> body) {
  const Done done = std::exchange(call->done, nullptr);
  if (!done) return;  // answered before: what was late found no memory, or what was early did not
  ServedRequest served = std::move(call->served);
  served.id = call->request.id;
  try {
    answer(served, call->request.id, body);
  } catch (const std::bad_alloc&) {
    refuse_for_shortage(served, call->request.id);
  }
  done(std::move(served));
}

void KeyServer::answer(ServedRequest& served, std::uint64_t id, const Result<ResponseBody>& body) {
  if (!body) served.outcome = body.error();
  if (body) {
    std::visit(
        [&served](const auto& answer) {
          if constexpr (requires { answer.version; }) served.version = answer.version;
        },
        *body);
  }
  served.response = body ? encode(id, *body) : encode(id, ResponseBody(failure_of(body.error())));
}

void KeyServer::refuse_for_shortage(ServedRequest& served, std::uint64_t id) {
  const Error why(Errc::out_of_memory);
  served.outcome = why;
  try {
    served.response = encode(id, ResponseBody(failure_of(why)));
  } catch (const std::bad_alloc&) {  // not even that
    served.response.wipe();
  }
}

}  // namespace concordat::keyservice

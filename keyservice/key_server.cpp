#include "keyservice/key_server.hpp"

#include <algorithm>

#include "keyservice/keyring/state/errc.hpp"
#include "policy/key_pattern.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;
using base::Status;

// One request on its way, which may have to wait for the store.
struct KeyServer::Call {
  policy::PolicyPtr policy;
  base::UnixMillis now;
  Request request;
  // What must be granted, each by one of these: the operation, and of a key that is wrapped `get`,
  // because whoever can open the envelope has it then.
  std::vector<policy::Grants> needs;
  base::UnixMillis until;
  ServedRequest served;
  Done done;
};

void KeyServer::serve(policy::PolicyPtr policy, const policy::AdmittedPeer& peer,
                      base::BytesView record, base::UnixMillis now, Done done) {
  const auto call = std::make_shared<Call>();
  call->policy = std::move(policy);
  call->now = now;
  call->done = std::move(done);
  auto request = decode_request(record);
  if (!request) {
    call->request.id = request_id_of(record);
    return finish(call, request.error());
  }
  call->request = *std::move(request);
  call->served.operation = policy::to_string(operation_of(call->request.body));
  call->served.key_name = key_name(call->request.body);
  if (const Status judged = judge(*call, peer); !judged) return finish(call, judged.error());
  count(call, 0, 0);
}

Status KeyServer::judge(Call& call, const policy::AdmittedPeer& peer) const {
  // Admission is for one purpose under one policy: neither carries over to another.
  if (peer.purpose() != policy::kKeysPurpose || peer.side() != policy::Side::initiator) {
    return Error(Errc::not_ready, "the channel is for another purpose");
  }
  if (peer.policy_digest() != call.policy->digest()) {
    return Error(Errc::not_ready, "the channel was made under another policy; dial again");
  }
  CONCORDAT_CHECK(custody_.check(*call.policy));
  const auto need = [&](std::string_view name, policy::Operation operation) -> Status {
    CONCORDAT_TRY(auto grants,
                  policy::find_grants(*call.policy, peer.role(), name, operation, call.now));
    call.needs.push_back(std::move(grants));
    return {};
  };
  const RequestBody& body = call.request.body;
  CONCORDAT_CHECK(need(key_name(body), operation_of(body)));
  const auto* wrap = std::get_if<WrapRequest>(&body);
  const auto* other = wrap == nullptr ? nullptr : std::get_if<KeyReference>(&wrap->what);
  if (other != nullptr) CONCORDAT_CHECK(need(other->name, policy::Operation::get));
  call.until = std::min(call.now + kReleaseLifetime, call.policy->valid_until());
  return {};
}

// One after the other, so that a need which is refused costs no use of a later one; among those
// that would do, the first that has uses left.
void KeyServer::count(const CallPtr& call, std::size_t need, std::size_t candidate) {
  if (need == call->needs.size()) return finish(call, perform(*call));
  const policy::Grant& grant = *call->needs[need][candidate];
  const auto granted = [this, call, need, &grant] {
    if (grant.expires) call->until = std::min(call->until, *grant.expires);
    count(call, need + 1, 0);
  };
  if (!grant.use_limit) return granted();
  custody_.keyring().uses().use(identity_of(grant), *grant.use_limit,
                                [this, call, need, candidate, granted](const Status& counted) {
                                  if (counted) return granted();
                                  const bool is_used_up =
                                      counted.error().is(KeyStateErrc::use_limit_reached);
                                  if (is_used_up && candidate + 1 < call->needs[need].size()) {
                                    return count(call, need, candidate + 1);
                                  }
                                  finish(call, counted.error());
                                });
}

Result<ResponseBody> KeyServer::perform(const Call& call) {
  // What was so before the store was asked may no longer be.
  CONCORDAT_CHECK(custody_.check(*call.policy));
  try {
    return operations_.perform(call.request.body, call.until);
  } catch (const std::bad_alloc&) {
    return Error(Errc::out_of_memory);
  }
}

void KeyServer::finish(const CallPtr& call, Result<ResponseBody> body) {
  ServedRequest served = std::move(call->served);
  if (!body) served.outcome = body.error();
  if (body) {
    std::visit(
        [&served](const auto& answer) {
          if constexpr (requires { answer.version; }) served.version = answer.version;
        },
        *body);
  }
  served.response = body ? encode(call->request.id, *body)
                         : encode(call->request.id, ResponseBody(failure_of(body.error())));
  call->done(std::move(served));
}

}  // namespace concordat::keyservice

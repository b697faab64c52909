#include "keyservice/admin_server.hpp"

#include "attest/base/cbor.hpp"
#include "keyservice/error.hpp"
#include "keyservice/journal/errc.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;
using base::Status;

namespace {

using Answer = std::unique_ptr<AdminAnswer>;

template <class Request>
concept ChangesKey = requires(KeyAdministration administration, Request request) {
  administration.change(std::move(request), base::UnixMillis(), KeyAdministration::OnKey());
};

template <class Request>
concept ChangesGeneration = requires(KeyAdministration administration, Request request) {
  administration.change(request, KeyAdministration::OnGeneration());
};

base::Bytes number_item(std::uint32_t number) {
  base::cbor::Writer out;
  out.uint(number);
  return std::move(out).take();
}

std::string generation_told(std::uint32_t generation) {
  return "root generation " + std::to_string(generation);
}

// The version that a change is about, where the request names it.
template <class Change>
std::uint32_t version_of(const Change& change) {
  if constexpr (requires { change.minimum; }) {
    return change.minimum;
  } else if constexpr (requires { change.version; }) {
    return change.version;
  } else {
    return 0;
  }
}

}  // namespace

// One request on its way, which may have to wait for the store.
struct AdminServer::Call {
  policy::PolicyPtr policy;
  std::string who;
  base::UnixMillis now;
  std::uint64_t id = 0;
  ServedAdmin served;
  Done done;
  Announce announce;
};

void AdminServer::serve(policy::PolicyPtr policy, const policy::AdmittedOperator& who,
                        base::BytesView record, base::UnixMillis now, Done done,
                        Announce announce) {
  const auto call = std::make_shared<Call>();
  call->policy = std::move(policy);
  call->who = who.name();
  call->now = now;
  call->done = std::move(done);
  call->announce = std::move(announce);
  call->id = request_id_of(record);
  try {
    begin(call, who, record);
  } catch (const std::bad_alloc&) {
    finish(call, Error(Errc::out_of_memory));
  }
}

void AdminServer::begin(const CallPtr& call, const policy::AdmittedOperator& who,
                        base::BytesView record) {
  auto request = decode_admin_request(record);
  if (!request) return finish(call, request.error());
  call->served.operation = request->operation();
  call->served.key_name = request->key_name();
  if (const Status judged = judge(*call, who); !judged) return finish(call, judged.error());
  std::visit(
      [&]<class Body>(Body& body) {
        if constexpr (ChangesKey<Body> || ChangesGeneration<Body>) {
          announce(call, std::move(body));
        } else {
          answer(call, body);
        }
      },
      request->body);
}

Status AdminServer::judge(const Call& call, const policy::AdmittedOperator& who) const {
  // Admission is for one purpose under one policy: neither carries over to another.
  if (who.purpose() != policy::kAdminPurpose) {
    return Error(Errc::not_ready, "the channel is for another purpose");
  }
  if (who.policy_digest() != call.policy->digest()) {
    return Error(Errc::not_ready, "the channel was made under another policy; dial again");
  }
  return {};
}

void AdminServer::answer(const CallPtr& call, const StatusRequest&) {
  const auto status = status_();
  if (!status) return finish(call, status.error());
  finish(call, one_record(encode_last(call->id, 1, encode(*status))));
}

void AdminServer::answer(const CallPtr& call, const ListKeysRequest& request) {
  finish(call, list_keys({custody_, call->policy, call->id}, request.pattern));
}

void AdminServer::answer(const CallPtr& call, const DescribeKeyRequest& request) {
  finish(call, describe_key({custody_, call->policy, call->id}, request.name));
}

void AdminServer::answer(const CallPtr& call, const RewrapRequest& request) {
  if (const Status ready = custody_.check(*call->policy); !ready) {
    return finish(call, ready.error());
  }
  const auto made = administration_.rewrap(request);
  if (!made) return finish(call, made.error());
  call->served.key_name = made->name;
  call->served.version = made->version;
  finish(call, one_record(encode_last(call->id, kRewrappedItems, encode(*made))));
}

Result<std::uint32_t> AdminServer::audit_log_generation() const {
  CONCORDAT_TRY(const CustodianStatus status, status_());
  return status.audit_log.root_generation;
}

void AdminServer::answer(const CallPtr& call, const RootStatusRequest&) {
  if (const Status held = custody_.check_root(*call->policy); !held) {
    return finish(call, held.error());
  }
  const auto audit_log = audit_log_generation();
  if (!audit_log) return finish(call, audit_log.error());
  finish(call, one_record(encode_last(call->id, 1,
                                      encode(root_status(custody_, *call->policy, *audit_log)))));
}

void AdminServer::answer(const CallPtr& call, const RetireRootRequest& request) {
  call->served.told = generation_told(request.generation);
  if (const Status ready = custody_.check(*call->policy); !ready) {
    return finish(call, ready.error());
  }
  const auto audit_log = audit_log_generation();
  if (!audit_log) return finish(call, audit_log.error());
  const Status spare = check_retirement(custody_, *audit_log, request.generation);
  if (!spare) return finish(call, spare.error());
  finish(call, one_record(encode_last(call->id, 1, number_item(request.generation))));
}

void AdminServer::answer(const CallPtr& call, const MakeRootRequest& request) {
  if (!make_root_) return finish(call, Error(Errc::not_ready, "no roots are made"));
  if (const Status ready = custody_.check(*call->policy); !ready) {
    return finish(call, ready.error());
  }
  const auto challenge = GenesisChallenge::from(request.challenge);
  if (!challenge) return finish(call, challenge.error());
  call->served.told = generation_told(call->policy->model().next_root_generation());
  make_root_(*challenge, call->policy, [call](Result<base::Bytes> document) {
    if (!document) return finish(call, document.error());
    try {
      base::cbor::Writer item;
      item.bytes(*document);
      finish(call, one_record(encode_last(call->id, 1, item.view())));
    } catch (const std::bad_alloc&) {
      finish(call, Error(Errc::out_of_memory));
    }
  });
}

template <recovery::DeskRequest Request>
void AdminServer::answer(const CallPtr& call, const Request& request) {
  if (recovery_ == nullptr) return finish(call, Error(Errc::not_ready, "no recovery is served"));
  const auto tell = [call](const recovery::DeskEvent& event) {
    std::string& told = call->served.told;
    if (!told.empty()) told += "; ";
    told += recovery::described(event);
  };
  const recovery::Desk::Context context{call->policy, call->now, call->who, tell};
  recovery_->serve(request, context, [call](Result<base::Bytes> item) {
    if (!item) return finish(call, item.error());
    try {
      finish(call, one_record(encode_last(call->id, 1, *item)));
    } catch (const std::bad_alloc&) {
      finish(call, Error(Errc::out_of_memory));
    }
  });
}

template <class Change>
void AdminServer::announce(const CallPtr& call, Change change) {
  if (const Status ready = custody_.check(*call->policy); !ready) {
    return finish(call, ready.error());
  }
  call->served.version = version_of(change);
  if constexpr (ChangesGeneration<Change>) {
    call->served.told = generation_told(change.generation);
  }
  if (!call->announce) return this->change(call, std::move(change));
  const auto held = std::make_shared<Change>(std::move(change));
  const auto go_on = [this, call, held](const Status& announced) {
    if (!announced) return finish(call, announced.error());
    this->change(call, std::move(*held));
  };
  const Announce tell = std::exchange(call->announce, nullptr);
  tell(call->served, lifetime_.guard(go_on, [call] { finish(call, Error(Errc::out_of_memory)); }));
}

template <class Change>
void AdminServer::change(const CallPtr& call, Change change) {
  // What was so before it was announced may no longer be.
  if (const Status ready = custody_.check(*call->policy); !ready) {
    return finish(call, ready.error());
  }
  if constexpr (ChangesGeneration<Change>) {
    administration_.change(change, [call](Result<std::uint32_t> generation) {
      if (!generation) return finish(call, generation.error());
      try {
        finish(call, one_record(encode_last(call->id, 1, number_item(*generation))));
      } catch (const std::bad_alloc&) {
        finish(call, Error(journal::Errc::outcome_unknown));
      }
    });
  } else {
    change_key(call, std::move(change));
  }
}

template <class Change>
void AdminServer::change_key(const CallPtr& call, Change change) {
  constexpr bool kMakesVersion = std::is_same_v<Change, CreateKeyRequest> ||
                                 std::is_same_v<Change, ImportKeyRequest> ||
                                 std::is_same_v<Change, RotateKeyRequest>;
  // Of this call alone: the server may be gone when it runs.
  administration_.change(std::move(change), call->now, [call](Result<KeySummary> changed) {
    if (!changed) return finish(call, changed.error());
    if (kMakesVersion) call->served.version = changed->newest_version;
    const ShownKey shown{*std::move(changed), true};
    try {
      finish(call, one_record(encode_last(call->id, 1, encode(shown))));
    } catch (const std::bad_alloc&) {  // it is done, and only the words for it are lacking
      finish(call, Error(journal::Errc::outcome_unknown));
    }
  });
}

void AdminServer::finish(const CallPtr& call, Result<Answer> answer) {
  const Done done = std::exchange(call->done, nullptr);
  if (!done) return;  // answered before, for want of memory
  ServedAdmin served = std::move(call->served);
  served.id = call->id;
  try {
    if (!answer) served.outcome = answer.error();
    served.answer = answer ? *std::move(answer)
                           : one_record(encode_failure(call->id, failure_of(answer.error())));
  } catch (const std::bad_alloc&) {
    refuse_for_shortage(served, call->id, answer ? Error(Errc::out_of_memory) : answer.error());
  }
  done(std::move(served));
}

// With the code alone.
void AdminServer::refuse_for_shortage(ServedAdmin& served, std::uint64_t id, const Error& why) {
  const Error bare(why.code());
  served.outcome = bare;
  try {
    served.answer = one_record(encode_failure(id, failure_of(bare)));
  } catch (const std::bad_alloc&) {  // not even that
    served.answer = nullptr;
  }
}

}  // namespace concordat::keyservice

// The custodian's answer to one request of one admitted operator. No I/O, no clock.
#pragma once

#include "keyservice/admin_answer.hpp"
#include "keyservice/custodian_status.hpp"
#include "keyservice/genesis.hpp"
#include "keyservice/key_administration.hpp"
#include "keyservice/recovery/desk.hpp"
#include "keyservice/root_status.hpp"
#include "policy/operators.hpp"

namespace concordat::keyservice {

// What happened, for the log, and what the operator is owed. Never key bytes.
struct ServedAdmin {
  std::uint64_t id = 0;   // of the request, as far as that is known
  std::string operation;  // empty when not understood
  std::string key_name;   // or the pattern of names; empty where it is of no key
  // That was made or changed, or the new minimum; 0: the whole key, or none.
  std::uint32_t version = 0;
  // What it came to, of recovery shares: which set, whose share.
  std::string told;
  base::Status outcome;
  // A refusal is one, too; none: there was no memory even to refuse, and the channel must end.
  std::unique_ptr<AdminAnswer> answer;
};

class AdminServer {
 public:
  using StatusSource = std::function<base::Result<CustodianStatus>()>;
  using Done = std::function<void(ServedAdmin)>;
  // Told before anything is changed, and of what; `go_on` with success, at once or later, lets it
  // be done, with an error it is refused so. May throw for want of memory.
  using Announce =
      std::function<void(const ServedAdmin& asked, std::function<void(base::Status)> go_on)>;
  // `custody` outlives this and every answer.
  AdminServer(Custody& custody, StatusSource status)
      : custody_(custody), administration_(custody), status_(std::move(status)) {}

  // Recovery shares, too, from now on; without it they are refused. Outlives this and every answer.
  void serve_recovery(recovery::Desk& desk) noexcept { recovery_ = &desk; }

  // Makes a root of the next generation, which nobody holds before it is pinned, and gives its
  // genesis document; calls back once, or not when it is stopped.
  using MakeRoot = std::function<void(const GenesisChallenge& challenge, policy::PolicyPtr policy,
                                      std::function<void(base::Result<base::Bytes>)> done)>;
  // Without it none is made.
  void make_roots_by(MakeRoot make) { make_root_ = std::move(make); }

  // `policy`: in force now. The operator was admitted for "admin" under that very one, or is
  // answered not_ready. `done`, which must not throw, runs once and before this returns, unless a
  // change has to be recorded in the store first: then whenever that is, whether or not this server
  // is still there; never when the root goes before it, or this server while it is announced.
  void serve(policy::PolicyPtr policy, const policy::AdmittedOperator& who, base::BytesView record,
             base::UnixMillis now, Done done, Announce announce = {});

 private:
  struct Call;
  using CallPtr = std::shared_ptr<Call>;

  void begin(const CallPtr& call, const policy::AdmittedOperator& who, base::BytesView record);
  static void refuse_for_shortage(ServedAdmin& served, std::uint64_t id, const base::Error& why);
  static void finish(const CallPtr& call, base::Result<std::unique_ptr<AdminAnswer>> answer);
  [[nodiscard]] base::Status judge(const Call& call, const policy::AdmittedOperator& who) const;
  void answer(const CallPtr& call, const StatusRequest& request);
  void answer(const CallPtr& call, const ListKeysRequest& request);
  void answer(const CallPtr& call, const DescribeKeyRequest& request);
  void answer(const CallPtr& call, const RewrapRequest& request);
  void answer(const CallPtr& call, const RootStatusRequest& request);
  void answer(const CallPtr& call, const MakeRootRequest& request);
  void answer(const CallPtr& call, const RetireRootRequest& request);
  [[nodiscard]] base::Result<std::uint32_t> audit_log_generation() const;
  template <recovery::DeskRequest Request>
  void answer(const CallPtr& call, const Request& request);
  template <class Change>
  void announce(const CallPtr& call, Change change);
  template <class Change>
  void change(const CallPtr& call, Change change);
  template <class Change>
  void change_key(const CallPtr& call, Change change);

  Custody& custody_;
  KeyAdministration administration_;
  StatusSource status_;
  journal::Lifetime lifetime_;
  recovery::Desk* recovery_ = nullptr;
  MakeRoot make_root_;
};

}  // namespace concordat::keyservice

// The custodian's answer to one request of one admitted worker: whether policy grants it, whether
// uses are left, and then the operation; and the count of its sessions' runs. No I/O, no clock.
#pragma once

#include "keyservice/journal/lifetime.hpp"
#include "keyservice/key_operations.hpp"
#include "keyservice/run_gate.hpp"
#include "peer/judge.hpp"
#include "policy/evaluate.hpp"

namespace concordat::keyservice {

// What happened, for log and metrics; never key bytes.
struct ServedRequest {
  std::uint64_t id = 0;        // of the request, as far as that is known
  base::SecretBytes response;  // empty: there was no memory even to refuse; its channel must end
  std::string operation;       // empty when not understood
  std::string key_name;
  std::uint32_t version = 0;  // of the key that was used; 0: of none, or not told
  base::Status outcome;
};

class KeyServer {
 public:
  using Done = std::function<void(ServedRequest)>;

  // `custody` outlives this.
  explicit KeyServer(Custody& custody) : custody_(custody), operations_(custody) {}

  // `policy`: in force now, not the one of the peer's handshake, so that a grant withdrawn since is
  // withdrawn for live channels too. Every request gets a response; a refusal says which grant is
  // missing. `done`, which must not throw, runs once and before this returns, unless a use, run
  // or key has to be recorded in the store first; it never runs when the root or this server goes
  // before that.
  void serve(policy::PolicyPtr policy, const policy::AdmittedPeer& peer, base::BytesView record,
             const peer::Now& now, Done done);
  // The response that says so, without a look at policy and keys.
  void refuse(base::BytesView record, const base::Error& why, Done done);

 private:
  struct Call;
  using CallPtr = std::shared_ptr<Call>;

  void begin(const CallPtr& call, const policy::AdmittedPeer& peer, base::BytesView record);
  // Want of memory in it is the answer.
  template <class Body>
  void guarded(const CallPtr& call, const Body& body);
  [[nodiscard]] base::Status judge_peer(const Call& call, const policy::AdmittedPeer& peer) const;
  [[nodiscard]] base::Status judge(Call& call, const policy::AdmittedPeer& peer) const;
  // not_granted for a key of another role's shares (session_shares.hpp).
  [[nodiscard]] static base::Status check_share_key(const Call& call);
  // By the rule of the run's session: session_unknown where none lets the peer's role take part.
  // What was counted before costs no entry and no place.
  void count_run(const CallPtr& call, const policy::AdmittedPeer& peer,
                 const CountRunRequest& asked);
  void count_new_run(const CallPtr& call, RunOfInput run, std::uint64_t limit);
  void count(const CallPtr& call, std::size_t need, std::size_t candidate);
  // The key of a session share has one before anything is sealed with it.
  void record_share_key(const CallPtr& call);
  [[nodiscard]] base::Result<ResponseBody> perform(const Call& call);
  static void finish(const CallPtr& call, base::Result<ResponseBody> body);
  static void answer(ServedRequest& served, std::uint64_t id,
                     const base::Result<ResponseBody>& body);
  static void refuse_for_shortage(ServedRequest& served, std::uint64_t id);

  Custody& custody_;
  KeyOperations operations_;
  RunGate runs_;
  journal::Lifetime lifetime_;
};

}  // namespace concordat::keyservice

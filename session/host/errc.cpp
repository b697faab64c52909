#include "session/host/errc.hpp"

namespace concordat::session::host {

base::CodeInfo describe(Errc code) noexcept {
  switch (code) {
    case Errc::cancelled:
      return {"run_cancelled", "the run was called off here"};
    case Errc::run_stopped:
      return {"run_stopped", "the run stopped without a result"};
    case Errc::party_convicted:
      return {"party_convicted", "there is proof that a party broke the protocol"};
    case Errc::policy_refuses:
      return {"policy_refuses_party", "a newer policy does not admit a party of the run"};
    case Errc::policy_changed:
      return {"policy_changed", "a newer policy came while the session formed"};
    case Errc::too_many_runs:
      return {"too_many_runs", "this enclave takes part in as many runs as it can"};
    case Errc::run_under_way:
      return {"run_under_way", "a run of this session is under way in this enclave"};
    case Errc::unknown_session:
      return {"unknown_session", "no run of this session is under way here"};
    case Errc::malformed_order:
      return {"malformed_order", "what came on the control channel is no order of a run"};
    case Errc::order_too_large:
      return {"order_too_large", "a part of the order is larger than it may be"};
    case Errc::other_role:
      return {"other_role", "the descriptor seats this enclave in another role than its own"};
    case Errc::run_not_counted:
      return {"run_not_counted", "no custodian counted the run of this input, so none of it moves"};
    case Errc::result_waiting:
      return {"result_waiting",
              "an earlier run of this session has a result that its operator did not fetch"};
    case Errc::out_of_memory:
      return {"out_of_memory", "no memory left; this run ends, the others go on"};
    case Errc::no_answer:
      return {"no_answer", "the enclave ended the control channel without telling the outcome"};
  }
  return {"unknown", "unknown error of a session's host"};
}

}  // namespace concordat::session::host

#include "keyservice/error.hpp"

namespace concordat::keyservice {

base::CodeInfo describe(Errc code) noexcept {
  switch (code) {
    case Errc::malformed_request:
      return {"malformed_request", "request not understood"};
    case Errc::unknown_operation:
      return {"unknown_operation", "operation not known"};
    case Errc::message_too_large:
      return {"message_too_large", "message larger than allowed"};
    case Errc::not_ready:
      return {"not_ready", "not ready to serve"};
    case Errc::root_missing:
      return {"root_missing", "the custodian has no root yet"};
    case Errc::malformed_response:
      return {"malformed_response", "response not understood"};
    case Errc::custodian_unreachable:
      return {"custodian_unreachable", "no channel to the custodian"};
    case Errc::custodian_not_serving:
      return {"custodian_not_serving", "the custodian is there and does not serve"};
    case Errc::refused_by_custodian:
      return {"refused_by_custodian", "the custodian refused"};
    case Errc::overloaded:
      return {"overloaded", "too many requests at once; try later"};
    case Errc::timed_out:
      return {"timed_out", "no answer in time"};
    case Errc::no_root_pinned:
      return {"no_root_pinned", "the policy pins no root: only genesis is possible"};
    case Errc::root_already_pinned:
      return {"root_already_pinned", "there is a root already"};
    case Errc::wrong_root:
      return {"wrong_root", "what KMS returned does not match the pinned commitment"};
    case Errc::generation_not_held:
      return {"generation_not_held",
              "the store, or what a peer saw of it, goes on under a root generation that is not "
              "held: nobody can say what the state is"};
    case Errc::generation_not_taken_over:
      return {"generation_not_taken_over",
              "the journal is of an older root generation than the policy's current one"};
    case Errc::generation_needed:
      return {"generation_needed", "something still leans on this root generation"};
    case Errc::malformed_head:
      return {"malformed_head", "a head of the journal that is not understood"};
    case Errc::head_forged:
      return {"head_forged", "a head of the journal that no custodian under this root vouched for"};
    case Errc::no_replica:
      return {"no_replica", "no other custodian gave the root"};
    case Errc::out_of_memory:
      return {"out_of_memory", "no memory left for this request; try later"};
    case Errc::store_failed:
      return {"store_failed", "the parent's store failed"};
    case Errc::parent_failed:
      return {"parent_failed", "the parent's service failed"};
    case Errc::bad_setting:
      return {"bad_setting", "a setting of the parent's configuration is not understood"};
    case Errc::run_rate_exceeded:
      return {"run_rate_exceeded", "the role has runs counted faster than it may; try later"};
  }
  return {"unknown", "unknown key service error"};
}

}  // namespace concordat::keyservice

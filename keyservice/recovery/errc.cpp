#include "keyservice/recovery/errc.hpp"

namespace concordat::keyservice::recovery {

base::CodeInfo describe(Errc code) noexcept {
  switch (code) {
    case Errc::no_holders:
      return {"no_recovery_holders", "the policy names no recovery holders"};
    case Errc::too_many_holders:
      return {"too_many_recovery_holders", "a set of shares is for fewer holders"};
    case Errc::other_generation:
      return {"other_generation", "another root generation is meant"};
    case Errc::set_malformed:
      return {"recovery_set_malformed", "not a set of recovery shares"};
    case Errc::set_differs:
      return {"recovery_set_differs", "another set of shares is meant"};
    case Errc::set_does_not_open:
      return {"recovery_set_does_not_open", "the shares do not open what the set holds"};
    case Errc::not_a_custodian:
      return {"not_a_custodian", "the document is of no enclave that may answer \"keys\""};
    case Errc::document_differs:
      return {"recovery_document_differs", "the document says something else"};
    case Errc::document_too_old:
      return {"recovery_document_too_old", "the document is not from the time that counts"};
    case Errc::not_begun:
      return {"restoring_not_begun",
              "this custodian attested to no key; begin with `recovery attest`"};
    case Errc::under_way:
      return {"restoring_under_way",
              "a key was attested to, or shares are in; only `--anew` gives them up"};
    case Errc::not_started:
      return {"restoring_not_started", "this custodian was given no order to restore"};
    case Errc::key_expired:
      return {"recovery_key_expired", "the key that was attested to counts no longer"};
    case Errc::has_root:
      return {"has_root", "this custodian has its root"};
    case Errc::contribution_malformed:
      return {"contribution_malformed", "not a contribution"};
    case Errc::contribution_not_for_this:
      return {"contribution_not_for_this", "the contribution is for another order or target"};
    case Errc::contribution_not_authentic:
      return {"contribution_not_authentic",
              "not from the holder whose name it bears; nobody is to blame for it"};
    case Errc::not_a_holder:
      return {"not_a_holder", "the policy in force names no such holder"};
    case Errc::share_wrong:
      return {"share_wrong", "the holder's share does not match the set"};
    case Errc::share_repeated:
      return {"share_repeated", "the holder's share is here already"};
  }
  return {"unknown", "unknown recovery error"};
}

}  // namespace concordat::keyservice::recovery

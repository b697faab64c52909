#include "keyservice/keyring/state/errc.hpp"

namespace concordat::keyservice {

base::CodeInfo describe(KeyStateErrc code) noexcept {
  switch (code) {
    case KeyStateErrc::malformed_change:
      return {"malformed_change", "a change of the keyring is not understood"};
    case KeyStateErrc::malformed_state:
      return {"malformed_state", "a snapshot of the keyring is not understood"};
    case KeyStateErrc::key_unknown:
      return {"key_unknown", "the keyring has no record of this key"};
    case KeyStateErrc::key_exists:
      return {"key_exists", "a key of this name exists"};
    case KeyStateErrc::key_destroyed:
      return {"key_destroyed", "the key was destroyed; its name is never used again"};
    case KeyStateErrc::key_disabled:
      return {"key_disabled", "the key is disabled"};
    case KeyStateErrc::version_unknown:
      return {"version_unknown", "the key has no such version"};
    case KeyStateErrc::version_destroyed:
      return {"version_destroyed", "this version of the key was destroyed"};
    case KeyStateErrc::version_disabled:
      return {"version_disabled", "this version of the key is disabled"};
    case KeyStateErrc::version_below_minimum:
      return {"version_below_minimum", "this version of the key is older than its minimum"};
    case KeyStateErrc::version_differs:
      return {"version_differs", "the key's newest version is another one than expected"};
    case KeyStateErrc::material_differs:
      return {"material_differs", "origin or size of the material is not one of this type of key"};
    case KeyStateErrc::too_many:
      return {"too_many", "the keyring holds no more of these"};
    case KeyStateErrc::use_limit_reached:
      return {"use_limit_reached", "the grant's uses are used up"};
    case KeyStateErrc::runs_used_up:
      return {"runs_used_up", "policy allows no further run over this input"};
    case KeyStateErrc::uses_differ:
      return {"uses_differ", "a reservation of uses does not follow from the one before"};
    case KeyStateErrc::uses_not_recorded:
      return {"uses_not_recorded", "the use could not be counted durably, so it is not allowed"};
    case KeyStateErrc::too_many_waiting:
      return {"too_many_waiting", "too many uses wait to be counted; try later"};
    case KeyStateErrc::unchanged:
      return {"unchanged", "it is so already"};
    case KeyStateErrc::generation_differs:
      return {"generation_differs", "another root generation stands there"};
    case KeyStateErrc::log_handed_over:
      return {"log_handed_over", "the audit log was handed to a log key already, elsewhere"};
  }
  return {"unknown", "unknown keyring error"};
}

}  // namespace concordat::keyservice

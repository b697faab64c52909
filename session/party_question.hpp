// What policy is asked about a party of a session.
#pragma once

#include "policy/evaluate.hpp"
#include "session/descriptor.hpp"

namespace concordat::session {

// By a realm whose part in it is `own_role`'s. Views into the arguments.
[[nodiscard]] inline policy::PartyQuestion question_about(const DescriptorFields& fields,
                                                          const PartyEntry& party,
                                                          std::string_view own_role) {
  return {fields.id, fields.protocol, own_role, party.realm, party.role, party.authority};
}

}  // namespace concordat::session

// An operator's machine.
#pragma once

#include "tests/keyservice/side.hpp"

namespace concordat::test {

struct OperatorSide {
  OperatorSide(TestWorld& world, const policy::SignerKey& key)
      : policies(world.authority.descriptor()) {
    party.operator_key = key;
    belong(party, world, policies);
  }
  policy::PolicyInForce policies;
  peer::Party party;
};

}  // namespace concordat::test

// An enclave of the key service with what its program would put together, for tests that run
// several in one process.
#pragma once

#include "peer/nsm_worker_io.hpp"
#include "peer/party.hpp"
#include "tests/support/party_fixture.hpp"

namespace concordat::test {

// What every party of a world has of it.
inline void belong(peer::Party& party, TestWorld& world, policy::PolicyInForce& policies) {
  party.own_pcr16 = world.authority.descriptor().pcr16();
  party.anchors = &world.anchors;
  party.chain_cache = &world.cache;
  party.random = &world.random;
  party.policies = &policies;
  party.clock = [&world]() -> base::Result<peer::Now> { return world.now(); };
}

struct Side {
  Side(TestWorld& world, boost::asio::io_context& io, const std::string& image,
       const std::string& role)
      : enclave(world, image, role),
        policies(world.authority.descriptor()),
        nsm(enclave.nsm(), io, peer::kMaxHalfOpen) {
    party.role = role;
    belong(party, world, policies);
  }
  TestEnclave enclave;
  policy::PolicyInForce policies;
  peer::Party party;
  peer::NsmWorker nsm;
};

}  // namespace concordat::test

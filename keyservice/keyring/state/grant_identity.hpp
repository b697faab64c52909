// Which uses count together. A grant's counter belongs to who may do what with which keys: role,
// key pattern, set of operations.
//
//   identity = SHA-256(CBOR ["concordat/grant/1", role, pattern, [names of operations, in the order
//   of policy/model.hpp]])
//
// It survives a new serial, another order of grants or operations, another limit and another
// expiry: raising a limit by ten gives ten more uses and lowering it takes what was used into
// account, while no edit that keeps these three begins again from zero. Whoever signs another role,
// pattern or set of operations signs another grant, which is counted anew. Two grants of one policy
// with the same identity share one counter: together they allow what the larger limit says.
#pragma once

#include "attest/base/bytes.hpp"
#include "attest/base/cbor.hpp"
#include "policy/model.hpp"

namespace concordat::keyservice {

using GrantIdentity = base::FixedBytes<struct GrantIdentityTag, 32>;

[[nodiscard]] GrantIdentity identity_of(const policy::Grant& grant);

// As a byte string of CBOR.
[[nodiscard]] base::Result<GrantIdentity> read_grant(base::cbor::Reader& reader);

}  // namespace concordat::keyservice

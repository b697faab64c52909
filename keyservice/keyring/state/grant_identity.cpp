#include "keyservice/keyring/state/grant_identity.hpp"

#include <algorithm>

#include "attest/base/cbor_fixed.hpp"
#include "attest/base/hash.hpp"

namespace concordat::keyservice {

GrantIdentity identity_of(const policy::Grant& grant) {
  std::vector<policy::Operation> operations = grant.operations;
  std::ranges::sort(operations);
  base::cbor::Writer out;
  out.array(4).text("concordat/grant/1").text(grant.role).text(grant.keys);
  out.array(operations.size());
  for (const policy::Operation operation : operations)
    out.text(policy::to_string(operation));
  return GrantIdentity::from(base::sha256({out.view()}).view()).value();
}

base::Result<GrantIdentity> read_grant(base::cbor::Reader& reader) {
  return read_fixed<GrantIdentity>(reader);
}

}  // namespace concordat::keyservice

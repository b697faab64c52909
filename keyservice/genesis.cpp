#include "keyservice/genesis.hpp"

#include "attest/base/cbor.hpp"

namespace concordat::keyservice {

attest::MintRequest genesis_document(const GenesisStatement& statement) {
  base::cbor::Writer items;
  items.bytes(statement.challenge.view()).bytes(statement.policy_digest.view());
  items.text(statement.key_arn).uint(statement.generation);
  items.bytes(statement.blob_digest.view()).bytes(statement.commitment.view());
  attest::MintRequest request;
  request.purpose = attest::Purpose::genesis;
  request.items = {std::move(items).take(), 6};
  return request;
}

}  // namespace concordat::keyservice

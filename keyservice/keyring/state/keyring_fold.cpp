#include "keyservice/keyring/state/keyring_fold.hpp"

namespace concordat::keyservice {

base::Status KeyringFold::apply(const base::SecretBytes& content) {
  CONCORDAT_TRY(Change change, decode_change(content));
  return table_.apply(std::move(change));
}

base::Status KeyringFold::load(const base::SecretBytes& piece) {
  return loader_->load(piece);
}

base::Status KeyringFold::commit_load() {
  CONCORDAT_TRY(table_, loader_->finish());
  loader_.reset();
  return {};
}

}  // namespace concordat::keyservice

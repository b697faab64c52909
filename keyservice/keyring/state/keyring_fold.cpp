#include "keyservice/keyring/state/keyring_fold.hpp"

namespace concordat::keyservice {

base::Status KeyringFold::apply(const base::SecretBytes& content,
                                const journal::SealedUnder& sealed) {
  CONCORDAT_TRY(Change change, decode_change(content));
  const bool is_of_a_key = !std::holds_alternative<ReserveUses>(change) &&
                           !std::holds_alternative<HandOverLog>(change) &&
                           !std::holds_alternative<CountRun>(change);
  CONCORDAT_CHECK(table_.apply(std::move(change), sealed));
  if (is_of_a_key && changed_) changed_();
  return {};
}

base::Status KeyringFold::load(const base::SecretBytes& piece) {
  return loader_->load(piece);
}

base::Status KeyringFold::commit_load() {
  CONCORDAT_TRY(table_, loader_->finish());
  loader_.reset();
  if (changed_) changed_();
  return {};
}

void KeyringFold::clear() noexcept {
  table_ = KeyTable();
  loader_.reset();
  if (changed_) changed_();
}

}  // namespace concordat::keyservice

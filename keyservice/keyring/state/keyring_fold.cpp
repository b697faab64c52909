#include "keyservice/keyring/state/keyring_fold.hpp"

#include "keyservice/keyring/state/errc.hpp"

namespace concordat::keyservice {

base::Status KeyringFold::apply(const base::SecretBytes& content) {
  CONCORDAT_TRY(Change change, decode_change(content));
  const bool is_of_a_key = !std::holds_alternative<ReserveUses>(change) &&
                           !std::holds_alternative<CountRun>(change);
  CONCORDAT_CHECK(table_.apply(std::move(change)));
  if (is_of_a_key && changed_) changed_();
  return {};
}

// Nothing but the entry that says so lets another generation in.
base::Status KeyringFold::take_over(const base::SecretBytes& content, std::uint32_t generation) {
  CONCORDAT_TRY(const Change change, decode_change(content));
  const auto* const taken = std::get_if<TakeOver>(&change);
  if (taken == nullptr || taken->generation != generation) {
    return base::Error(KeyStateErrc::generation_differs,
                       "generation " + std::to_string(generation) +
                           " seals, and does not take over");
  }
  return apply(content);
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

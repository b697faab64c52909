#include "keyservice/custody.hpp"

#include "keyservice/error.hpp"
#include "keyservice/journal/errc.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;
using base::Status;

void Custody::take(Root root, std::string realm) {
  wipe();
  journal::Keys keys;
  keys.current = root.generation();
  keys.by_generation.emplace(root.generation(), root.journal_key());
  auto keyring = std::make_unique<Keyring>(
      store_, journal::Sealer(std::move(realm), std::move(keys), random_));
  keyring->on_change([this] {
    if (changed_) changed_();
  });
  root_ = std::move(root);
  last_load_ = {};
  keyring_ = std::move(keyring);
}

void Custody::wipe() noexcept {
  if (keyring_ && keyring_->journal().is_loaded()) watch_.keep_own(keyring_->journal().head());
  keyring_.reset();
  head_.reset();
  looking_.reset();
  root_.reset();
  if (changed_) changed_();
}

Status Custody::check_root(const policy::Policy& policy) const {
  if (!root_) return Error(Errc::not_ready, "the root is not unsealed");
  const policy::RootGeneration* pinned = policy.model().current_root();
  if (pinned == nullptr || pinned->generation != root_->generation()) {
    return Error(Errc::wrong_root,
                 "the policy pins another generation than " + std::to_string(root_->generation()));
  }
  return root_->check_commitment(pinned->commitment);
}

Status Custody::check(const policy::Policy& policy) {
  CONCORDAT_CHECK(check_root(policy));
  if (keyring_->journal().is_loaded()) return watch_.check(keyring_->journal());
  return Error(Errc::not_ready,
               last_load_ ? "the keyring is being loaded"
                          : "the keyring is not loaded: " + last_load_.error().to_string());
}

void Custody::load(journal::Journal::Done done) {
  const auto loaded = [this, done = std::move(done)](Status status) {
    try {
      last_load_ = status;
    } catch (const std::bad_alloc&) {
      last_load_ = Error(Errc::out_of_memory);
    }
    done(std::move(status));
  };
  keyring_->journal().is_loaded() ? keyring_->refresh(loaded) : keyring_->load(loaded);
}

std::optional<VouchedHead> Custody::head() {
  // Nobody is told one that may be a fork's: it would take the place of the head that shows it.
  if (!root_ || !keyring_->journal().is_loaded() || !watch_.check(keyring_->journal())) {
    return std::nullopt;
  }
  const journal::Head& head = keyring_->journal().head();
  if (!head_ || head_->head != head) head_ = vouch_for(*root_, head);
  return head_;
}

std::vector<VouchedHead> Custody::heads_for_custodians() {
  std::vector<VouchedHead> out;
  if (!root_) return out;
  if (const auto own = head()) {
    out.push_back(*own);
    return out;
  }
  for (const journal::Head& missing : watch_.missing_ends())
    out.push_back(vouch_for(*root_, missing));
  return out;
}

void Custody::take_seen(const VouchedHead& seen, journal::Journal::Done then) {
  // Another generation's tag cannot be checked, and a policy that pins another root is the
  // authority's word that things begin anew.
  if (seen.generation != root_->generation()) return then({});
  if (const Status vouched = check_vouched(*root_, seen); !vouched) return then(vouched);
  watch_.take_seen(seen.head);
  const journal::Journal& journal = keyring_->journal();
  // Where it is still being loaded, check looks at both when it is there.
  if (!journal.is_loaded() || watch_.check(journal)) return then({});
  // One at a time is enough: whoever comes later waits for the later one.
  const auto look = std::make_shared<bool>(false);
  looking_ = look;
  load([this, look, then = std::move(then)](const Status& loaded) {
    *look = true;
    if (!loaded) return then(loaded);
    // What came since may be later than what was read: the look for that one tells.
    const bool is_latest = looking_.lock() == look;
    then(is_latest ? watch_.check(keyring_->journal()) : Status());
  });
}

Result<KeyInUse> Custody::in_use(std::string_view name, const UsableVersion& version) const {
  KeyInUse key{name, version.type, version.version, version.material, nullptr, version.exportable};
  if (key.type != KeyType::derived) return key;
  if (version.root_generation != root_->generation()) {
    return Error(
        journal::Errc::unknown_generation,
        described(key) + " comes from root generation " + std::to_string(version.root_generation));
  }
  key.root = &*root_;
  return key;
}

Result<KeyInUse> Custody::for_making(std::string_view name) const {
  CONCORDAT_TRY(const UsableVersion newest, keyring_->for_making(name, implicit_generation()));
  return in_use(name, newest);
}

Result<KeyInUse> Custody::for_reading(std::string_view name, std::uint32_t version) const {
  if (version == 0) return for_making(name);
  CONCORDAT_TRY(const UsableVersion usable,
                keyring_->for_reading(name, version, implicit_generation()));
  return in_use(name, usable);
}

}  // namespace concordat::keyservice

#include "keyservice/custody.hpp"

#include <algorithm>

#include "keyservice/error.hpp"
#include "keyservice/journal/errc.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;
using base::Status;

namespace {

Error not_held(const VouchedHead& seen) {
  return {Errc::generation_not_held, "generation " + std::to_string(seen.generation) +
                                         ", under which position " +
                                         std::to_string(seen.head.position) + " was seen"};
}

}  // namespace

void Custody::take(Root root, std::string realm) {
  const std::uint32_t generation = root.generation();
  if (keyring_ && realm == realm_ && !roots_.contains(generation)) {
    pinned_.insert(generation);
    roots_.emplace(generation, std::move(root));
    keyring_->take(keys());
    return;
  }
  wipe();
  lowest_ = current_ = generation;
  pinned_ = {generation};
  Roots roots;
  roots.emplace(generation, std::move(root));
  roots_.swap(roots);
  realm_ = std::move(realm);
  auto keyring = std::make_unique<Keyring>(store_, journal::Sealer(realm_, keys(), random_));
  keyring->on_change([this] {
    if (changed_) changed_();
  });
  last_load_ = {};
  keyring_ = std::move(keyring);
}

void Custody::pin(const policy::Policy& policy) {
  if (roots_.empty()) return;
  const auto& pinned = policy.model().root_generations;
  std::erase_if(roots_, [&](const auto& held) {
    const auto found = std::ranges::find(pinned, held.first, &policy::RootGeneration::generation);
    return found == pinned.end() || !held.second.check_commitment(found->commitment);
  });
  if (roots_.empty()) return wipe();
  pinned_.clear();
  for (const policy::RootGeneration& each : pinned)
    pinned_.insert(each.generation);
  // What the authority pins no more says nothing: things begin anew.
  std::erase_if(unjudged_.all(), [this](const UnjudgedHead& head) {
    return !pinned_.contains(head.seen.generation);
  });
  lowest_ = pinned.front().generation;
  current_ = policy.model().current_root()->generation;
  head_.reset();
  keyring_->take(keys());
  if (changed_) changed_();
}

journal::Keys Custody::keys() const {
  journal::Keys out{lowest_, current_, {}};
  for (const auto& [generation, root] : roots_)
    out.by_generation.emplace(generation, root.journal_key());
  return out;
}

void Custody::wipe() noexcept {
  if (keyring_ && keyring_->journal().is_loaded()) watch_.keep_own(keyring_->journal().head());
  keyring_.reset();
  head_.reset();
  looking_.reset();
  roots_.clear();
  if (changed_) changed_();
}

const Root* Custody::root(std::uint32_t generation) const noexcept {
  const auto found = roots_.find(generation);
  return found == roots_.end() ? nullptr : &found->second;
}

const Root& Custody::root() const noexcept {
  const Root* const sealing = root(keyring_->journal().generation());
  return sealing != nullptr ? *sealing : roots_.rbegin()->second;
}

bool Custody::is_under_current() const noexcept {
  return root(current_) != nullptr && keyring_->journal().is_loaded() &&
         keyring_->journal().generation() >= current_;
}

const Root& Custody::current_root() const noexcept {
  const Root* const current = root(current_);
  return current != nullptr ? *current : roots_.rbegin()->second;
}

Status Custody::check_root(const policy::Policy& policy) const {
  if (roots_.empty()) return Error(Errc::not_ready, "the root is not unsealed");
  const auto& pinned = policy.model().root_generations;
  for (const auto& [generation, root] : roots_) {
    const auto found = std::ranges::find(pinned, generation, &policy::RootGeneration::generation);
    if (found == pinned.end()) {
      return Error(Errc::wrong_root,
                   "the policy pins another generation than " + std::to_string(generation));
    }
    CONCORDAT_CHECK(root.check_commitment(found->commitment));
  }
  return {};
}

Status Custody::check(const policy::Policy& policy) {
  CONCORDAT_CHECK(check_root(policy));
  const journal::Journal& journal = keyring_->journal();
  if (!journal.is_loaded()) {
    return Error(Errc::not_ready,
                 last_load_ ? "the keyring is being loaded"
                            : "the keyring is not loaded: " + last_load_.error().to_string());
  }
  // The store has more, under a root that is not held: this state is an older one.
  if (!last_load_ && last_load_.error().is(journal::Errc::unknown_generation)) {
    return Error(Errc::generation_not_held, last_load_.error().detail());
  }
  if (journal.generation() < policy.model().current_root()->generation) {
    return Error(Errc::generation_not_taken_over,
                 "generation " + std::to_string(journal.generation()) + " seals it");
  }
  CONCORDAT_CHECK(watch_.check(journal));
  return check_unjudged();
}

Status Custody::check_unjudged() const {
  if (unjudged_.empty()) return {};
  const auto lacks_root = [this](const UnjudgedHead& head) {
    return root(head.seen.generation) == nullptr;
  };
  const auto& all = unjudged_.all();
  const auto found = std::ranges::find_if(all, lacks_root);
  if (found == all.end()) return Error(Errc::not_ready, "what peers saw is still to be compared");
  return not_held(found->seen);
}

Status Custody::check_unneeded(std::uint32_t generation) const {
  const auto needed = [&](const std::string& by) {
    return Error(Errc::generation_needed, "generation " + std::to_string(generation) + ": " + by);
  };
  if (generation == current_) return needed("the policy calls it current");
  if (!keyring_->journal().is_loaded()) return needed("the keyring is not loaded");
  if (generation >= keyring_->journal().generation()) return needed("no later one has taken over");
  if (const std::size_t versions = keyring_->keys().versions_from(generation); versions != 0) {
    return needed(std::to_string(versions) + " versions of derived keys come from it");
  }
  if (implicit_generation() == generation) return needed("names without a record come from it");
  if (keyring_->journal().needs_older_generation()) {
    return needed("the journal has no snapshot under a later one");
  }
  return {};
}

void Custody::load(journal::Journal::Done done) {
  const auto loaded = [this, done = std::move(done)](Status status) {
    try {
      last_load_ = status;
    } catch (const std::bad_alloc&) {
      last_load_ = Error(Errc::out_of_memory);
    }
    if (status) judge_heads();
    done(std::move(status));
  };
  keyring_->journal().is_loaded() ? keyring_->refresh(loaded) : keyring_->load(loaded);
}

std::optional<VouchedHead> Custody::head() {
  // Nobody is told one that may be a fork's: it would take the place of the head that shows it.
  if (roots_.empty() || !keyring_->journal().is_loaded() || !unjudged_.empty() ||
      !watch_.check(keyring_->journal())) {
    return std::nullopt;
  }
  // By whom else, once it has taken over, nobody is believed.
  const Root* const sealing = root(keyring_->journal().generation());
  if (sealing == nullptr) return std::nullopt;
  const journal::Head& head = keyring_->journal().head();
  if (!head_ || head_->head != head) head_ = vouch_for(*sealing, head);
  return head_;
}

std::vector<VouchedHead> Custody::heads_for_custodians() {
  std::vector<VouchedHead> out;
  if (roots_.empty()) return out;
  if (const auto own = head()) {
    out.push_back(*own);
    return out;
  }
  // What others said is told with their tag: by a root that is replaced later, it says no more than
  // it did. Of what this one read itself it is sure, so by the newest.
  out = watch_.missing_ends();
  if (const auto own = watch_.missing_own())
    out.push_back(vouch_for(roots_.rbegin()->second, *own));
  return out;
}

Result<Custody::Standing> Custody::standing_of(const VouchedHead& seen) const {
  const Root* const voucher = root(seen.generation);
  if (voucher != nullptr) {
    CONCORDAT_CHECK(check_vouched(*voucher, seen));
  } else if (has_root() && !pinned_.contains(seen.generation)) {
    return Standing::says_nothing;  // the authority's word that things begin anew
  }
  const bool is_loaded = has_root() && keyring_->journal().is_loaded();
  if (seen.head.position == 0) {  // nothing was seen
    return voucher != nullptr && is_loaded ? Standing::counts : Standing::says_nothing;
  }
  if (!is_loaded) return Standing::unjudged;
  const journal::Journal& journal = keyring_->journal();
  const Status found = journal.check_seen(seen.head);
  // From where on an older one does not count is known when the current one has taken over.
  if (seen.generation < current_ && journal.generation() < current_) {
    return found ? Standing::says_nothing : Standing::unjudged;
  }
  const bool is_no_news = found || found.error().is(journal::Errc::head_too_old);
  if (seen.generation < journal.generation()) {
    CONCORDAT_CHECK(check_replaced(seen, is_no_news));
    return Standing::says_nothing;
  }
  if (voucher != nullptr) return Standing::counts;
  // Whoever vouched for it: it asks for nothing that is not there.
  const bool is_of_now = seen.generation == journal.generation();
  return found || (is_of_now && is_no_news) ? Standing::says_nothing : Standing::unjudged;
}

// Whoever knows a root that was replaced may invent heads under it, anywhere: what the journal has
// by the word of the later one is all that there was under this one.
Status Custody::check_replaced(const VouchedHead& seen, bool is_no_news) const {
  const std::string where = "position " + std::to_string(seen.head.position);
  if (seen.head.position >= keyring_->journal().generation_since()) {
    return Error(Errc::head_forged, where + ", where a later generation had taken over");
  }
  if (is_no_news) return {};
  return Error(Errc::head_forged, where + ", with an entry that no later generation took over");
}

void Custody::take_seen(const VouchedHead& seen, const std::string& reporter,
                        journal::Journal::Done then) {
  const auto standing = standing_of(seen);
  if (!standing) return then(standing.error());
  if (*standing == Standing::says_nothing) return then({});
  if (*standing == Standing::counts) return compare(seen, std::move(then));
  unjudged_.keep(reporter, seen, std::move(then));
  tell_unjudged();
}

void Custody::tell_unjudged() {
  if (!has_root()) return;
  const auto is_due = [this](const UnjudgedHead& head) {
    return !head.is_told && root(head.seen.generation) == nullptr;
  };
  // Whoever is told may bring others.
  for (;;) {
    const auto due = std::ranges::find_if(unjudged_.all(), is_due);
    if (due == unjudged_.all().end()) return;
    due->is_told = true;
    const auto then = due->then;
    then(not_held(due->seen));
  }
}

void Custody::judge_heads() {
  try {
    // Whether anybody is served now or not: a fork is never forgotten again.
    (void)watch_.check(keyring_->journal());
    for (UnjudgedHead& head : unjudged_.all()) {
      const auto standing = standing_of(head.seen);
      if (standing && *standing == Standing::unjudged) continue;
      head.is_compared = standing && *standing == Standing::counts;
      if (head.is_compared) watch_.take_seen(head.seen);
      head.verdict = standing ? Status() : Status(standing.error());
    }
    const auto judged = std::make_shared<UnjudgedHeads::List>();
    *judged = unjudged_.take_judged();
    const auto tell = [judged](bool is_compared, const Status& found) {
      for (const UnjudgedHead& head : *judged) {
        if (head.is_compared == is_compared) head.then(is_compared ? found : *head.verdict);
      }
    };
    tell(false, {});
    tell_unjudged();
    if (std::ranges::none_of(*judged, &UnjudgedHead::is_compared)) return;
    check_or_look([tell](const Status& found) { tell(true, found); });
  } catch (const std::bad_alloc&) {  // what was not judged is with the next load
  }
}

void Custody::compare(const VouchedHead& seen, journal::Journal::Done then) {
  watch_.take_seen(seen);
  check_or_look(std::move(then));
}

// What was read may be of before the head that somebody saw.
void Custody::check_or_look(journal::Journal::Done then) {
  if (watch_.check(keyring_->journal())) return then({});
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
  key.root = root(version.root_generation);
  if (key.root == nullptr) {
    return Error(
        journal::Errc::unknown_generation,
        described(key) + " comes from root generation " + std::to_string(version.root_generation));
  }
  return key;
}

Result<KeyInUse> Custody::for_making(std::string_view name) const {
  CONCORDAT_TRY(const UsableVersion newest, keyring_->for_making(name));
  return in_use(name, newest);
}

Result<KeyInUse> Custody::for_reading(std::string_view name, std::uint32_t version) const {
  if (version == 0) return for_making(name);
  CONCORDAT_TRY(const UsableVersion usable, keyring_->for_reading(name, version));
  return in_use(name, usable);
}

}  // namespace concordat::keyservice

// What a serving custodian holds: its root generations, and the keyring under them. Neither is
// there before a root was unsealed, and both go together. No clock, no timer: when to load the
// keyring, and when again, is the caller's to say (custody_keeper_io.hpp).
//
// Which generation seals the journal, vouches for its head and makes new derived keys is the
// journal's own word (journal/chain.hpp): the one that took over last. The policy's word is which
// generations there are, and from which on the journal must have been taken over: under any older
// one nothing is served, for whoever got hold of that could have written it.
//
// Heads that peers saw are compared with the store. Those that cannot be judged yet are kept until
// they can be, and while there is one nothing is served: whoever keeps back the root under which
// one is vouched for gains nothing by it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "keyservice/head_record.hpp"
#include "keyservice/head_watch.hpp"
#include "keyservice/keyring/state/keyring.hpp"
#include "keyservice/root.hpp"
#include "keyservice/unjudged_heads.hpp"
#include "policy/policy.hpp"

namespace concordat::keyservice {

class Custody {
 public:
  // Both outlive this; `store` holds the keyring's journal.
  Custody(journal::Store& store, base::RandomSource& random) : store_(store), random_(random) {}

  [[nodiscard]] bool has_root() const noexcept { return !roots_.empty(); }
  // Of the generation that seals now; where that one is not held, of the newest, so that there is
  // one to tell people of: nothing is made or sealed with it. Only with a root.
  [[nodiscard]] const Root& root() const noexcept;
  // That the policy pins as current, or the newest that is held. Only with a root.
  [[nodiscard]] const Root& current_root() const noexcept;
  // That the policy's current root is held, the journal was read, and that generation or a later
  // one seals it: before, whoever got hold of an older root may have written what it says.
  [[nodiscard]] bool is_under_current() const noexcept;
  // Null where it is not held.
  [[nodiscard]] const Root* root(std::uint32_t generation) const noexcept;
  using Roots = std::map<std::uint32_t, Root>;
  [[nodiscard]] const Roots& roots() const noexcept { return roots_; }
  // Takes a root: another generation beside those that are there, or else in place of all, with a
  // keyring of `realm` that is still to be loaded. Which of several counts for what, `pin` says.
  void take(Root root, std::string realm);
  // Forgets what `policy` does not pin, by generation and commitment, everything if that was all,
  // and goes by its word from now on.
  void pin(const policy::Policy& policy);
  // Forgets root, keyring and every key. Completions of the keyring that are still waited for never
  // come.
  void wipe() noexcept;
  // Told when keys changed, were loaded or are gone: what was made of them is to be forgotten, at
  // once and without calling back.
  void on_change(std::function<void()> handler) { changed_ = std::move(handler); }

  // That there is a root and `policy` pins every one that is held: a root that was replaced serves
  // nobody. That one is lacking is no error here. not_ready, wrong_root.
  [[nodiscard]] base::Status check_root(const policy::Policy& policy) const;
  // The same, that the keyring was loaded (not_ready with why it was not) and is not behind entries
  // under a root that is not held (generation_not_held), that it is under the generation that the
  // policy calls current or a later one (generation_not_taken_over), that the
  // store holds what peers saw of it (HeadWatch::check): on another state nothing is decided; and
  // that all of that was judged (generation_not_held where its root is lacking, or not_ready).
  [[nodiscard]] base::Status check(const policy::Policy& policy);

  // That the journal was read and its store holds what was seen of it, all of which was judged,
  // whatever generation seals: what does not wait for a taking over may be written. Only with a
  // root.
  [[nodiscard]] bool may_change_journal() {
    return keyring_->journal().is_loaded() && unjudged_.empty() &&
           watch_.check(keyring_->journal());
  }

  // What became of the last load; success before the first.
  [[nodiscard]] const base::Status& last_load() const noexcept { return last_load_; }

  // Loads the keyring, or takes in what other custodians wrote since, and judges heads that were
  // kept. `done` does not run when the root goes meanwhile. Only with a root.
  void load(journal::Journal::Done done);
  // The journal's head for peers to remember; none before the keyring was loaded, or on a store
  // that lacks what was seen of it.
  [[nodiscard]] std::optional<VouchedHead> head();
  // For another custodian: the journal's head, or, where there is none to tell, what was seen of
  // the store and is not there: whoever reads another copy of it is to know.
  [[nodiscard]] std::vector<VouchedHead> heads_for_custodians();
  // What a peer remembers of it. `then` runs at once, or, where the store may have more than was
  // read of it, after a look; not when the root goes meanwhile. head_forged, at once and for
  // nothing; otherwise what check says since, or nothing where a later head has come that is looked
  // for. What cannot be judged yet is kept, and `then` runs when it was, after a load; before that
  // it is told generation_not_held, once, where that is why. `reporter`: who brought it; of one
  // there are few (UnjudgedHeads), of how many is the caller's to bound.
  void take_seen(const VouchedHead& seen, const std::string& reporter, journal::Journal::Done then);
  [[nodiscard]] std::size_t unjudged_heads() const noexcept { return unjudged_.size(); }
  // A look is under way: what is asked now had better wait.
  [[nodiscard]] bool is_looking() const noexcept {
    const auto look = looking_.lock();
    return look && !*look;
  }
  // Only with a root.
  [[nodiscard]] Keyring& keyring() noexcept { return *keyring_; }

  // As the keyring's, with the root that a derived version comes from: unknown_generation where
  // that one is not held. Points into the keyring: lives until its next change. Only with a root.
  [[nodiscard]] base::Result<KeyInUse> for_making(std::string_view name) const;
  // Version 0: the newest.
  [[nodiscard]] base::Result<KeyInUse> for_reading(std::string_view name,
                                                   std::uint32_t version) const;
  // A version that is not asked for by its state: what it was made with can be looked at.
  [[nodiscard]] base::Result<KeyInUse> in_use(std::string_view name,
                                              const UsableVersion& version) const;
  // Whose derived keys names without a record stand for. Only with a root.
  [[nodiscard]] std::uint32_t implicit_generation() const noexcept {
    return keyring_->keys().implicit_generation();
  }
  // How many versions of derived keys come from it, and are not destroyed. Only with a root.
  [[nodiscard]] std::size_t versions_from(std::uint32_t generation) const {
    return keyring_->keys().versions_from(generation);
  }
  [[nodiscard]] const journal::Journal& journal() const noexcept { return keyring_->journal(); }
  // What a retirement of `generation` would take away: generation_needed, with what.
  [[nodiscard]] base::Status check_unneeded(std::uint32_t generation) const;

  [[nodiscard]] base::RandomSource& random() const noexcept { return random_; }

 private:
  journal::Store& store_;
  base::RandomSource& random_;
  [[nodiscard]] journal::Keys keys() const;
  enum class Standing {
    counts,        // the store must have it
    says_nothing,  // of a generation that is pinned no more, or what the journal has anyway
    unjudged,      // nobody can say yet
  };
  // head_forged: by its tag, or check_replaced.
  [[nodiscard]] base::Result<Standing> standing_of(const VouchedHead& seen) const;
  // Of a generation that another one has replaced. head_forged: where that one had taken over, or
  // with another entry than the journal has there.
  [[nodiscard]] base::Status check_replaced(const VouchedHead& seen, bool is_no_news) const;
  void compare(const VouchedHead& seen, journal::Journal::Done then);
  void check_or_look(journal::Journal::Done then);
  // As far as they can be now, and what is waited for; tells those who brought them.
  void judge_heads();
  // Those who brought them why they cannot be, where that is for want of a root and is news.
  void tell_unjudged();
  [[nodiscard]] base::Status check_unjudged() const;

  Roots roots_;
  std::string realm_;
  std::uint32_t lowest_ = 0;   // that policy pins
  std::uint32_t current_ = 0;  // and that it calls so
  std::set<std::uint32_t> pinned_;
  std::unique_ptr<Keyring> keyring_;
  base::Status last_load_;
  std::optional<VouchedHead> head_;
  HeadWatch watch_;              // what was seen of the store stays true, whatever root is held
  UnjudgedHeads unjudged_;       // and so does what is still to be judged
  std::weak_ptr<bool> looking_;  // whether it is over; gone with whoever would have told
  std::function<void()> changed_;
};

}  // namespace concordat::keyservice

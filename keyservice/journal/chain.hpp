// A state and the head of the entries that made it. Entries enter one by one, each verified in its
// place before the state sees it. No I/O.
//
// Each entry is sealed under the root generation of the one before it, or under a later one, which
// takes over by that entry: for good, so that whoever knows an older root can add nothing any more.
#pragma once

#include <optional>
#include <vector>

#include "keyservice/journal/fold.hpp"
#include "keyservice/journal/sealer.hpp"

namespace concordat::keyservice::journal {

class Chain {
 public:
  // `fold` outlives this.
  Chain(Fold& fold, Sealer sealer);

  [[nodiscard]] const Head& head() const noexcept { return head_; }
  // Under which the next entry is sealed.
  [[nodiscard]] std::uint32_t generation() const noexcept {
    return generation_ != 0 ? generation_ : sealer_.first_generation();
  }
  // The same and that of the last entry.
  [[nodiscard]] SealedUnder next_sealed() const noexcept { return {generation(), generation_}; }
  // Position of the entry by which it took over; 0: no other came before it.
  [[nodiscard]] std::uint64_t generation_since() const noexcept { return since_; }
  [[nodiscard]] const Sealer& sealer() const noexcept { return sealer_; }
  void take(Keys keys) { sealer_.take(std::move(keys)); }

  // The entry behind the head, as the store gave it. Refusals as of Sealer::open;
  // generation_passed, content_refused when it opens and the state refuses it.
  [[nodiscard]] base::Status follow(const Record& record);
  // One's own entry, when the store acknowledged it.
  [[nodiscard]] base::Status acknowledge(const base::Sha256Digest& hash,
                                         const base::SecretBytes& content,
                                         std::uint32_t generation);

  // nullopt: in the future, or too long ago (kRememberedHeads).
  [[nodiscard]] std::optional<base::Sha256Digest> hash_at(std::uint64_t position) const;
  // Whether a head that somebody saw is one of this chain: rolled_back when this chain has not come
  // that far, forked when it had another one there, head_too_old when it cannot say.
  [[nodiscard]] base::Status check_seen(const Head& seen) const;

  // What a snapshot says of itself; the state's own pieces are load()ed into the fold.
  struct Manifest {
    std::uint32_t chunks = 0;
    std::vector<base::Sha256Digest> earlier;  // hashes before the head's own, oldest first
    std::uint64_t since = 0;                  // Chain::generation_since
  };
  [[nodiscard]] Manifest manifest(std::uint32_t chunks) const;
  [[nodiscard]] Fold& fold() noexcept { return fold_; }
  // Commits what was loaded: this is the chain up to `head` now. A chain that has entries goes on
  // only where the manifest has its last one: forked, head_too_old. `generation`: that the snapshot
  // was sealed under; generation_passed where this chain is further.
  [[nodiscard]] base::Status restart(const Head& head, const Manifest& manifest,
                                     std::uint32_t generation);
  // Nothing at all again.
  void clear() noexcept;

 private:
  void advance(const base::Sha256Digest& hash) noexcept;
  [[nodiscard]] base::Status check_generation(const Place& place, std::uint32_t generation) const;
  [[nodiscard]] base::Status check_own(const Head& head, const Manifest& manifest) const;

  Fold& fold_;
  Sealer sealer_;
  Head head_;
  std::uint32_t generation_ = 0;  // of the last entry; 0: there is none
  std::uint64_t since_ = 0;
  std::uint64_t oldest_ = 1;                    // position of the oldest hash remembered
  std::vector<base::Sha256Digest> remembered_;  // a ring: that of a position at its remainder
};

[[nodiscard]] base::SecretBytes encode(const Chain::Manifest& manifest);
[[nodiscard]] base::Result<Chain::Manifest> decode_manifest(const base::SecretBytes& content);

}  // namespace concordat::keyservice::journal

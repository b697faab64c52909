// What one holder keeps of a key: its shares, of which resharing makes one for each epoch.
//
// Whoever deletes its old share because it has a new one may lose the key: another holder may have
// stopped, for want of one confirmation. So every share is kept, sealed, from before its holder
// confirms it (Run::to_seal) until something shows that the key is safe with a later epoch:
//
//   pending    sealed; whether the others have theirs is not known
//     | a receipt of its run: everybody sealed its share before it confirmed
//     | or of a signature that its group made: as many as the threshold have theirs
//   current    those of earlier epochs are gone from here
//
// Receipts are anybody's: a party that stopped is shown another's. Of a key there are always enough
// shares: let e be the last epoch of which there is a receipt. No holder of it has deleted its
// share of it, since only a receipt of a later one would have made it.
#pragma once

#include "session/protocols/frost/key_share.hpp"
#include "session/receipt.hpp"

namespace concordat::session::frost {

// Resharings of one key that came to nothing, one after the other.
inline constexpr std::size_t kMaxKeptShares = 8;

class KeptShares {
 public:
  KeptShares() = default;
  // As encoded() made it: ["concordat/frost-shares/1", whether the first is the current one, [share
  // (bstr) ..]].
  [[nodiscard]] static base::Result<KeptShares> decode(const base::SecretBytes& encoded);
  // For the custodian to seal, after each change and before anything else.
  [[nodiscard]] base::SecretBytes encoded() const;

  // One that a run wants sealed (Output::kept). The same one again is none more. wrong_share: of
  // another key; too_many_shares: have the earlier ones settled first.
  [[nodiscard]] base::Status add(KeyShare share);
  // Makes the share that the receipt shows to be safe the current one, and deletes those of earlier
  // epochs: receipts of frost-keygen/1 and frost-reshare/1 with its group as result, or of
  // frost-sign/1 by its group. not_settled_by, and nothing is deleted, for any other.
  [[nodiscard]] base::Status settle(const VerifiedReceipt& receipt);

  // For a dealer that got no share of `group`: deletes those of earlier epochs by a receipt which
  // shows that its holders have theirs. not_settled_by; wrong_share of another key.
  [[nodiscard]] base::Status leave(const VerifiedReceipt& receipt, const GroupInfo& group);

  // What to bring to a run of this group: current or pending. no_share; other_epoch with the epochs
  // that are here; wrong_share of another key.
  [[nodiscard]] base::Result<const KeyShare*> of(const GroupInfo& group) const;
  // nullptr: none was settled.
  [[nodiscard]] const KeyShare* current() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return shares_.size(); }

 private:
  void delete_before(std::uint64_t epoch);

  std::vector<KeyShare> shares_;  // of one key; the current one first
  bool has_current_ = false;
};

}  // namespace concordat::session::frost

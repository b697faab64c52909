// What everybody may know of a key that is shared (RFC 9591 section 5: "group info").
//
//   ["concordat/frost-group/1", public key (32), threshold, epoch, [verification share (32) ..]]
//
// Deterministic CBOR. The epoch counts how often the key was dealt anew: shares of different epochs
// are of different polynomials, and do not mix. The verification share at place i, from 1, is
// holder i's share times the base point. Holders are numbered without gaps: their places in
// descriptors.
#pragma once

#include "session/protocols/frost/ciphersuite.hpp"

namespace concordat::session::frost {

// One of them has the key; and 2 is a threshold from which on a single holder has not.
inline constexpr std::size_t kMinThreshold = 2;
// More than a session has parties, and little enough that a group fits into a descriptor.
inline constexpr std::size_t kMaxHolders = 64;
// Of an encoding: 40 bytes a holder, and a hundred for the rest, are more than it takes.
inline constexpr std::size_t kMaxGroup = 40 * kMaxHolders + 100;
// A resharing a second for a century.
inline constexpr std::uint64_t kMaxEpoch = 1ULL << 32;
// bad_threshold.
[[nodiscard]] base::Status check_threshold(std::size_t threshold, std::size_t holders);

class GroupInfo {
 public:
  // Of the polynomial that nobody knows. bad_threshold, bad_group.
  [[nodiscard]] static base::Result<GroupInfo> of(
      const base::sharing::Commitments<Curve>& commitments, std::size_t holders,
      std::uint64_t epoch = 0);
  // bad_group, bad_threshold.
  [[nodiscard]] static base::Result<GroupInfo> decode(base::BytesView encoded);
  [[nodiscard]] base::Bytes encoded() const;

  // An ordinary key of Ed25519.
  [[nodiscard]] const Element& public_key() const noexcept { return public_key_; }
  [[nodiscard]] std::size_t threshold() const noexcept { return threshold_; }
  // 0 of a key that was generated; one more with each resharing.
  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }
  [[nodiscard]] std::size_t holders() const noexcept { return verification_shares_.size(); }
  // Of holder 1 to holders().
  [[nodiscard]] const Element& verification_share(Index index) const {
    return verification_shares_.at(index - std::size_t{1});
  }

  friend bool operator==(const GroupInfo&, const GroupInfo&) = default;

 private:
  Element public_key_;
  std::size_t threshold_ = 0;
  std::uint64_t epoch_ = 0;
  std::vector<Element> verification_shares_;
};

}  // namespace concordat::session::frost

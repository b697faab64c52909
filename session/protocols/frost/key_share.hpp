// One holder's share of a group's key, which exists nowhere as a whole.
//
//   ["concordat/frost-share/1", group (bstr, group_info.hpp), index, share (32)]
//
// Deterministic CBOR, in guarded memory: what a party's custodian seals between runs. Nothing in it
// changes when it signs, so that an older copy of it is the same one; a share that resharing has
// replaced is still a share of the older polynomial, until it is deleted (settling.hpp).
#pragma once

#include "session/protocols/frost/group_info.hpp"

namespace concordat::session::frost {

class KeyShare {
 public:
  // wrong_share unless it leads to the group's verification share of `index`.
  [[nodiscard]] static base::Result<KeyShare> create(GroupInfo group, Index index, Scalar secret);
  // As encoded() made it. wrong_share, bad_group, bad_threshold.
  [[nodiscard]] static base::Result<KeyShare> decode(const base::SecretBytes& encoded);
  [[nodiscard]] base::SecretBytes encoded() const;

  // other_epoch with both; wrong_share of another key or dealing.
  [[nodiscard]] base::Status check_group(const GroupInfo& wanted) const;

  [[nodiscard]] const GroupInfo& group() const noexcept { return group_; }
  [[nodiscard]] Index index() const noexcept { return index_; }
  [[nodiscard]] const Scalar& secret() const noexcept { return secret_; }

 private:
  KeyShare(GroupInfo group, Index index, Scalar secret)
      : group_(std::move(group)), index_(index), secret_(std::move(secret)) {}

  GroupInfo group_;
  Index index_;
  Scalar secret_;
};

}  // namespace concordat::session::frost

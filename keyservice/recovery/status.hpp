// How restoring stands, as operators are told:
//
//   status   [phase, target, order, threshold, [holder...], not authentic, has root]
//   target   null or the X25519 key (32) of this boot's document
//   order    null or [set id (16), set digest (32), generation, not_after]
//   holder   [name, is in, refused, code of the last refusal]
//
// phase: a number of Phase. Times in Unix milliseconds.
#pragma once

#include "keyservice/recovery/restoration.hpp"

namespace concordat::keyservice::recovery {

struct ShownStatus {
  Phase phase = Phase::idle;
  std::optional<policy::HolderKey> target;
  struct Order {
    RecoverySetId set;
    base::Sha256Digest set_digest;
    std::uint32_t generation = 0;
    base::UnixMillis not_after;
  };
  std::optional<Order> order;
  std::uint64_t threshold = 0;
  std::vector<HolderState> holders;
  std::uint64_t not_authentic = 0;
  bool has_root = false;
};
[[nodiscard]] ShownStatus shown(const RestorationStatus& status, bool has_root);
[[nodiscard]] base::Bytes encode(const ShownStatus& status);
// malformed_response.
[[nodiscard]] base::Result<ShownStatus> decode_status(base::BytesView item);

}  // namespace concordat::keyservice::recovery

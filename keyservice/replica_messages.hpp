// How one custodian gets the root from another, over a channel of purpose "replica" on which each
// was admitted as a custodian under the same policy. One CBOR array in one record:
//
//   request   [id, "root", generation, commitment (32)]
//   answer    [id, 0, generation, position, hash (32), tag (32), prk (48)]
//             [id, 1, code (tstr), detail (tstr)]
//
// prk: of the root (root.hpp), which its receiver holds to the commitment that the policy pins.
// position, hash, tag: the journal's head as the giver vouches for it (head_record.hpp); whoever
// takes the root serves nobody from a store that lacks it; of a generation that does not seal the
// journal now, nothing (position 0). Each generation has a request of its own. Besides, each side
// sends head records.
#pragma once

#include <variant>

#include "keyservice/head_record.hpp"
#include "keyservice/messages.hpp"

namespace concordat::keyservice {

struct RootRequest {
  std::uint64_t id = 0;
  std::uint32_t generation = 0;
  RootCommitment commitment;  // as the asker's policy pins it
};
struct GivenRoot {
  VouchedHead head;  // of the root's generation
  base::SecretBytes prk;
};
struct RootAnswer {
  std::uint64_t id = 0;
  std::variant<GivenRoot, Failure> body;
};

[[nodiscard]] base::Bytes encode(const RootRequest& request);
// malformed_request, unknown_operation, message_too_large.
[[nodiscard]] base::Result<RootRequest> decode_root_request(base::BytesView record);

// Built and read in guarded memory.
[[nodiscard]] base::SecretBytes encode(const RootAnswer& answer);
// malformed_response.
[[nodiscard]] base::Result<RootAnswer> decode_root_answer(const base::SecretBytes& record);

}  // namespace concordat::keyservice

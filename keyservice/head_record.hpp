// A head of the journal on its way between custodian and worker, so that a store that was rolled
// back meets somebody who saw more of it. One CBOR array in one record of the channel, answered by
// nothing:
//
//   [0, "head", generation, position, hash (32), tag (32)]
//
//   custodian to worker   before the first response after each change of its head
//   worker to custodian   the latest that any custodian told it, first of all on a new channel
//
//   head key   HKDF-Expand(prk of the root, "concordat/head-key/1", 32)                   (SHA-384)
//   tag        HMAC-SHA-256(head key, CBOR ["concordat/head/1", generation, position, hash])
//
// Workers cannot make a tag: one that is compromised may withhold what it saw, and not invent a
// later head that would stop every custodian.
#pragma once

#include <optional>

#include "attest/base/secret.hpp"
#include "keyservice/journal/record.hpp"
#include "keyservice/root.hpp"

namespace concordat::keyservice {

using HeadTag = base::FixedBytes<struct HeadTagTag, 32>;

struct VouchedHead {
  std::uint32_t generation = 0;  // of the root whose custodian vouches
  journal::Head head;
  HeadTag tag;

  friend bool operator==(const VouchedHead&, const VouchedHead&) = default;
};

[[nodiscard]] VouchedHead vouch_for(const Root& root, const journal::Head& head);
// Whether a custodian that holds `root` vouched for it. head_forged.
[[nodiscard]] base::Status check_vouched(const Root& root, const VouchedHead& vouched);

[[nodiscard]] base::Bytes encode(const VouchedHead& vouched);
// nullopt: `record` is something else. malformed_head.
[[nodiscard]] base::Result<std::optional<VouchedHead>> decode_head_record(base::BytesView record);

}  // namespace concordat::keyservice

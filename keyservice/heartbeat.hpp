// Whether the other side of a channel is there at all: asked by the initiator when nothing came for
// a while, answered by the same. One CBOR array in one record of the channel, answered before
// anything else: [0, "beat"].
//
// A stream that is closed tells so by itself. One whose other end, or what carries it, just stopped
// does not, and a request may take its time: the store may.
#pragma once

#include "attest/base/bytes.hpp"

namespace concordat::keyservice {

[[nodiscard]] base::BytesView heartbeat() noexcept;
[[nodiscard]] inline bool is_heartbeat(base::BytesView record) noexcept {
  return base::equal(record, heartbeat());
}

}  // namespace concordat::keyservice

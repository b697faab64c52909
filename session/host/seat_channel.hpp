// The channel to one seat of a formed run: records of the stream into messages and back, in guarded
// memory, for there are letters among them. No I/O.
#pragma once

#include "peer/channel.hpp"
#include "session/messaging/run.hpp"

namespace concordat::session::host {

class SeatChannel {
 public:
  // `reader` may hold what came already.
  SeatChannel(peer::Sealer sealer, peer::Opener opener, peer::FrameReader reader)
      : sealer_(std::move(sealer)), opener_(std::move(opener)), reader_(std::move(reader)) {}

  // Hands to `run`, as `party`'s, what `bytes` complete. An error ends the channel; Errc of the
  // record layer, or of messaging.
  [[nodiscard]] base::Status take(base::BytesView bytes, PartyIndex party, messaging::Run& run,
                                  base::MonotonicMillis now);
  // The next record for `party`; empty: none now. channel_expired: the next channel takes it over.
  [[nodiscard]] base::Result<base::Bytes> next(PartyIndex party, messaging::Run& run,
                                               base::MonotonicMillis now);

 private:
  peer::Sealer sealer_;
  peer::Opener opener_;
  peer::FrameReader reader_;
};

}  // namespace concordat::session::host

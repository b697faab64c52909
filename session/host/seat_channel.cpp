#include "session/host/seat_channel.hpp"

#include "attest/base/secret_access.hpp"
#include "peer/error.hpp"

namespace concordat::session::host {

base::Status SeatChannel::take(base::BytesView bytes, PartyIndex party, messaging::Run& run,
                               base::MonotonicMillis now) {
  reader_.feed(bytes);
  for (;;) {
    CONCORDAT_TRY(const auto frame,
                  reader_.next(peer::AllowedFrames(peer::FrameType::data, peer::FrameType::close)));
    if (!frame) return {};
    const std::size_t size =
        frame->body().size() - std::min(frame->body().size(), peer::kAeadTagSize);
    auto payload = base::SecretBytes::zeroed(size);
    CONCORDAT_TRY(const std::size_t opened,
                  opener_.open(*frame, now, payload.expose_mutable(base::SecretAccess{})));
    if (opened == 0) return base::Error(peer::Errc::channel_closed);
    CONCORDAT_CHECK(run.received(party, payload.expose(base::SecretAccess{}), now));
  }
}

base::Result<base::Bytes> SeatChannel::next(PartyIndex party, messaging::Run& run,
                                            base::MonotonicMillis now) {
  // What is taken counts as sent on this channel, so an old channel takes nothing any more.
  if (sealer_.meter().wants_renewal(now)) return base::Error(peer::Errc::channel_expired);
  const base::SecretBytes piece = run.take(party);
  base::Bytes out;
  if (!piece.empty()) CONCORDAT_CHECK(sealer_.seal(piece.expose(base::SecretAccess{}), now, out));
  return out;
}

}  // namespace concordat::session::host

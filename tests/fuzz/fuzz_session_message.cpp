// What parties of a session say to one another: frames from a stream that is cut anywhere, then
// messages; either nothing is read, or it is written again as it was. The first byte says how many
// parties there are and where the stream is cut.
#include <cstdlib>

#include "session/messaging/frame.hpp"

using namespace concordat;
using namespace concordat::session::messaging;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const FrameLimits limits{.parties = 2U + (data[0] & 3U), .broadcast = 512, .letter = 512};
  const std::size_t step = 1U + (data[0] >> 2U);
  base::BytesView stream(data + 1, size - 1);
  FrameReader reader(limits);
  while (!stream.empty()) {
    base::BytesView piece = stream.first(std::min(step, stream.size()));
    stream = stream.subspan(piece.size());
    while (true) {
      const auto frame = reader.take(piece);
      if (!frame) return 0;
      if (reader.held() > limits.largest()) std::abort();
      if (!*frame) break;
      const auto message = decode((*frame)->kind, (*frame)->body, limits.parties);
      if (message && !base::equal(encode(*message).view(), (*frame)->body.view())) std::abort();
    }
  }
  return 0;
}

// A byte stream as the relay may shape it, through the frame reader and the record layer: nothing
// opens that was not sealed with the key, and nothing follows an error.
#include <cstdlib>

#include "peer/channel.hpp"

namespace {

using namespace concordat;

peer::KeyAndNonce key() {
  base::Bytes bytes(peer::kAeadKeySize, 7);
  return {base::SecretBytes::take(bytes), {}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static base::Bytes plain(peer::kMaxRecordPlaintext);
  peer::FrameReader reader;
  peer::Opener opener(key(), {}, {});
  bool failed = false;
  // In two parts, cut where the first byte says: reassembly must not depend on the cut.
  const std::size_t cut = size == 0 ? 0 : data[0] * size / 256;
  for (const base::BytesView part : {base::BytesView(data, cut), {data + cut, size - cut}}) {
    reader.feed(part);
    for (;;) {
      const auto frame =
          reader.next(peer::AllowedFrames(peer::FrameType::data, peer::FrameType::close));
      if (!frame || !*frame) break;
      const auto opened = opener.open(**frame, {}, plain);
      if (failed && opened) std::abort();
      failed = failed || !opened;
    }
  }
  return 0;
}

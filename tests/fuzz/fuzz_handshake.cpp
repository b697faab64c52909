// Every handshake message as a stranger may send it: no decoder may crash, read past its input or
// take two encodings for one message. The first byte chooses the decoder.
#include <cstdlib>

#include "peer/messages.hpp"

namespace {

using namespace concordat;

void require(bool ok) {
  if (!ok) std::abort();
}

// What was decoded encodes to the very bytes it came from: each message has one encoding.
template <class Decoded, class Encode>
void expect_canonical(const Decoded& decoded, base::BytesView input, Encode encode) {
  if (decoded) require(base::equal(encode(*decoded), input));
}

base::Bytes encode_again(const peer::Reply& reply) {
  return peer::encode_reply(peer::encode(reply.fields), reply.box);
}

base::Bytes encode_evidence(const peer::InitiatorEvidence& evidence) {
  return std::visit([](const auto& shown) { return peer::encode_initiator_evidence(shown); },
                    evidence);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const base::BytesView input(data + 1, size - 1);
  const auto encode = [](const auto& message) { return peer::encode(message); };
  switch (data[0] % 8) {
    case 0:
      expect_canonical(peer::decode_hello(input), input, encode);
      break;
    case 1:
      expect_canonical(peer::decode_reply(input), input, encode_again);
      break;
    case 2:
      expect_canonical(peer::decode_box(input, peer::kMaxEvidenceBody), input, peer::encode_box);
      break;
    case 3:
      expect_canonical(peer::decode_responder_evidence(input), input,
                       peer::encode_responder_evidence);
      break;
    case 4:
      expect_canonical(peer::decode_initiator_evidence(input), input, encode_evidence);
      break;
    case 5:
      expect_canonical(peer::decode_verdict(input), input, peer::encode_verdict);
      break;
    case 6:
      expect_canonical(peer::decode_refuse(input), input, encode);
      break;
    case 7:
      expect_canonical(peer::decode_statement(input), input, peer::encode_statement);
      break;
  }
  return 0;
}

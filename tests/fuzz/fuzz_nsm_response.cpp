// Both decoders of the NSM protocol. What is accepted is the same message after a round trip.
#include <cstdlib>

#include "attest/nsm.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace nsm = concordat::attest::nsm;
  const nsm::BytesView message(data, size);
  if (const auto response = nsm::decode_response(message)) {
    const nsm::Bytes encoded = nsm::encode_response(*response);
    const auto again = nsm::decode_response(encoded);
    if (!again || nsm::encode_response(*again) != encoded) std::abort();
  }
  if (const auto request = nsm::decode_request(message)) {
    const nsm::Bytes encoded = nsm::encode_request(*request);
    const auto again = nsm::decode_request(encoded);
    if (!again || nsm::encode_request(*again) != encoded) std::abort();
  }
  return 0;
}

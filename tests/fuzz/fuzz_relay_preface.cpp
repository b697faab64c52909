// The relay preface decoder: what decodes encodes to the same bytes, and what asks for more bytes
// never asks for more than the longest preface.
#include <cstdlib>

#include "peer/relay_preface.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace concordat;
  const base::BytesView input(data, size);
  if (const auto missing = peer::preface_bytes_missing(input)) {
    if (size + *missing > peer::kMaxPreface) std::abort();
  }
  if (const auto preface = peer::decode_preface(input)) {
    if (!base::equal(peer::encode_preface(*preface), input)) std::abort();
  }
  return 0;
}

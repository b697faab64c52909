// The decoders of a page of the parent's store and of a batch for it: what they take is what they
// write again.
#include <cstdlib>

#include "keyservice/store_batch.hpp"

namespace {

using namespace concordat;

template <class Parse, class Encode>
void check(base::BytesView encoded, Parse parse, Encode encode) {
  const auto read = parse(encoded);
  if (!read) return;
  const auto again = parse(encode(*read));
  if (!again || *again != *read) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check({data, size}, keyservice::parse_store_page, keyservice::encode_store_page);
  check({data, size}, keyservice::parse_store_batch, keyservice::encode_store_batch);
  return 0;
}

// The decoder of a page of the parent's store: what it takes is what it writes again.
#include <cstdlib>

#include "keyservice/store_page.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace concordat;
  const auto page = keyservice::parse_store_page({data, size});
  if (!page) return 0;
  const auto again = keyservice::parse_store_page(keyservice::encode_store_page(*page));
  if (!again || *again != *page) std::abort();
  return 0;
}

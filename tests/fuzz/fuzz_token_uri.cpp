// PKCS#11 URIs, and the points that tokens hand out. What parses must be written as something that
// parses to the same.
#include <cstdlib>

#include "deploy/token/public_point.hpp"
#include "deploy/token/uri.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace concordat;
  const base::BytesView bytes(data, size);
  if (const auto uri = token::Uri::parse(base::as_text(bytes))) {
    const std::string text = uri->to_string();
    // Escaped bytes take three characters.
    if (text.size() <= token::kMaxUri && token::Uri::parse(text).value() != *uri) std::abort();
  }
  (void)token::read_public_point(bytes);
  return 0;
}

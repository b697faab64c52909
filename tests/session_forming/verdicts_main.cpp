// The parser's verdict on descriptors, for the schema's test: reads lines of base64, answers each
// with "accepted" or the first fault.
#include <iostream>
#include <string>

#include "session/descriptor.hpp"

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto text = concordat::base::from_base64(line);
    if (!text) return 1;
    const auto parsed =
        concordat::session::UnverifiedDescriptor::parse(concordat::base::as_text(*text));
    std::cout << (parsed ? std::string("accepted") : parsed.error().detail()) << "\n";
  }
  return 0;
}

#include "client/error.hpp"

namespace concordat::client {

std::string Error::to_string() const {
  std::string out = code + ": " + message;
  if (!request_id.empty()) out += " (request " + request_id + ")";
  return out;
}

}  // namespace concordat::client

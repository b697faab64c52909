// One HTTP request or reply as the KMS code sees it: no stream, no parser.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace concordat::keyservice {

struct HttpHeader {
  std::string name;  // lower case
  std::string value;
};

// Value of the first header of that name, or empty.
[[nodiscard]] inline std::string_view find_header(const std::vector<HttpHeader>& headers,
                                                  std::string_view lower_case_name) noexcept {
  for (const HttpHeader& header : headers) {
    if (header.name == lower_case_name) return header.value;
  }
  return {};
}

struct HttpRequest {
  std::string method;
  std::string target;  // path and query as on the request line
  std::vector<HttpHeader> headers;
  std::string body;
};

struct HttpReply {
  unsigned status = 0;
  std::vector<HttpHeader> headers;
  std::string body;
};

}  // namespace concordat::keyservice

// Requests and responses as the parent's services see them; how they travel is http_io.hpp's.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace concordat::parent {

struct HttpRequest {
  std::string method;  // upper case
  std::string path;    // as sent, not decoded: the services' names need no escapes
  std::optional<std::string> if_match, if_none_match;
  std::string body;
  std::string query{};  // what followed '?', as sent
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type;
  std::string body;
  std::optional<std::string> version;  // sent as ETag, quoted
};

// Called once, at once or later, from the thread that called the handler.
using Respond = std::function<void(HttpResponse)>;
using HttpHandler = std::function<void(const HttpRequest& request, Respond respond)>;

// For a client, in PEM. Nothing but these authorities is trusted, and the name dialled must be in
// the certificate.
struct TlsFiles {
  std::filesystem::path authorities;
  std::optional<std::filesystem::path> certificate, key;  // of the client: both or neither
};

// {"error": {"code": .., "message": ..}}
[[nodiscard]] HttpResponse http_error(unsigned status, std::string_view code,
                                      std::string_view message);

}  // namespace concordat::parent

#include "peer/endpoint.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace concordat::peer {
namespace {

using base::Error;
using base::Result;

// Text from configuration or from a peer inside a message of one line.
std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 80;
  std::string out = "\"";
  for (const char c : text.substr(0, kShown))
    out += (c < 0x20 || c > 0x7e) ? '?' : c;
  return out + (text.size() > kShown ? "...\"" : "\"");
}

template <class Integer>
std::optional<Integer> parse_number(std::string_view text) {
  Integer value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size()) return {};
  // One text a number: no leading zeros.
  if (text.size() > 1 && text.front() == '0') return {};
  return value;
}

bool is_ipv6_address(const std::string& text) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > kMaxHostName) return false;
  if (text.front() == '.' || text.front() == '-' || text.back() == '-') return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

Result<Endpoint> parse_unix(std::string_view path) {
  if (path.empty()) return Error(EndpointErrc::bad_path, "the path is empty");
  if (path.size() > kMaxUnixPath) {
    return Error(EndpointErrc::bad_path, quoted(path) + " has " + std::to_string(path.size()) +
                                             " bytes, at most " + std::to_string(kMaxUnixPath) +
                                             " fit in a socket address");
  }
  if (path.find('\0') != std::string_view::npos) {
    return Error(EndpointErrc::bad_path, quoted(path) + " contains a zero byte");
  }
  return Endpoint(UnixEndpoint{std::string(path)});
}

Result<Endpoint> parse_vsock(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view id = text.substr(0, colon);
  const auto context_id = id == "any" ? kVsockAnyContextId : parse_number<std::uint32_t>(id);
  if (!context_id) {
    return Error(EndpointErrc::bad_context_id, quoted(id) + ", want a number below 2^32 or any");
  }
  if (colon == std::string_view::npos) {
    return Error(EndpointErrc::bad_port, "want vsock:CID:PORT, there is no port");
  }
  const auto port = parse_number<std::uint32_t>(text.substr(colon + 1));
  if (!port) {
    return Error(EndpointErrc::bad_port,
                 quoted(text.substr(colon + 1)) + ", want a number below 2^32");
  }
  return Endpoint(VsockEndpoint{*context_id, *port});
}

}  // namespace

base::CodeInfo describe(EndpointErrc code) noexcept {
  switch (code) {
    case EndpointErrc::unknown_scheme:
      return {"unknown_scheme", "an endpoint is unix:/PATH, tcp:HOST:PORT or vsock:CID:PORT"};
    case EndpointErrc::bad_path:
      return {"bad_path", "not a path for a Unix socket"};
    case EndpointErrc::bad_host:
      return {"bad_host", "not a host name or address"};
    case EndpointErrc::bad_port:
      return {"bad_port", "not a port"};
    case EndpointErrc::bad_context_id:
      return {"bad_context_id", "not a vsock context id"};
  }
  return {"unknown", "unknown endpoint error"};
}

Result<TcpEndpoint> parse_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return Error(EndpointErrc::bad_port, quoted(text) + ", want HOST:PORT, there is no port");
  }
  std::string host(text.substr(0, colon));
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed ? !is_ipv6_address(host) : !is_host_name(host)) {
    return Error(EndpointErrc::bad_host, quoted(text.substr(0, colon)));
  }
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
  if (!port) {
    return Error(EndpointErrc::bad_port,
                 quoted(text.substr(colon + 1)) + ", want a number up to 65535");
  }
  return TcpEndpoint{std::move(host), *port};
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view scheme = text.substr(0, colon);
  const std::string_view rest =
      colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (colon != std::string_view::npos && scheme == "unix") return parse_unix(rest);
  if (colon != std::string_view::npos && scheme == "vsock") return parse_vsock(rest);
  if (colon != std::string_view::npos && scheme == "tcp") {
    CONCORDAT_TRY(TcpEndpoint endpoint, parse_host_port(rest));
    return Endpoint(std::move(endpoint));
  }
  return Error(EndpointErrc::unknown_scheme, quoted(text));
}

std::string to_string(const Endpoint& endpoint) {
  if (const auto* at = std::get_if<UnixEndpoint>(&endpoint)) return "unix:" + at->path;
  if (const auto* at = std::get_if<TcpEndpoint>(&endpoint)) {
    const bool v6 = at->host.find(':') != std::string::npos;
    return "tcp:" + (v6 ? "[" + at->host + "]" : at->host) + ":" + std::to_string(at->port);
  }
  const auto& at = std::get<VsockEndpoint>(endpoint);
  const std::string id =
      at.context_id == kVsockAnyContextId ? "any" : std::to_string(at.context_id);
  return "vsock:" + id + ":" + std::to_string(at.port);
}

bool is_loopback(const TcpEndpoint& endpoint) noexcept {
  if (endpoint.host == "localhost" || endpoint.host == "::1") return true;
  in_addr address{};
  return ::inet_pton(AF_INET, endpoint.host.c_str(), &address) == 1 &&
         (ntohl(address.s_addr) >> 24) == 127;
}

}  // namespace concordat::peer

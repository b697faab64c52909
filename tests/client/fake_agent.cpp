#include "tests/client/fake_agent.hpp"

#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/url/parse.hpp>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "attest/base/bytes.hpp"
#include "peer/socket_address.hpp"

namespace concordat::test {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using base::Bytes;
using nlohmann::json;

constexpr const char* kRequestId = "fake-1";
constexpr std::uint32_t kVersion = 3;
constexpr std::size_t kKeySize = 32, kSignatureSize = 64;

// Something that looks like it, and the same each time.
Bytes bytes_of(const std::string& what, std::size_t size) {
  Bytes out(size);
  crypto_generichash(out.data(), out.size(), reinterpret_cast<const unsigned char*>(what.data()),
                     what.size(), nullptr, 0);
  return out;
}

json named(const std::string& name) {
  return {{"name", name}, {"version", kVersion}};
}
AgentResponse ok(const json& body) {
  return {200, body.dump() + "\n"};
}
std::string b64(const Bytes& bytes) {
  return base::to_base64(bytes);
}

}  // namespace

AgentResponse refusal(unsigned status, const std::string& code, const std::string& message) {
  return {
      status,
      json({{"error", {{"code", code}, {"message", message}, {"request_id", kRequestId}}}}).dump() +
          "\n"};
}

AgentResponse FakeAgent::operate(const std::string& operation, const std::string& name) {
  json out = named(name);
  if (operation == "keys") {
    out["type"] = "derived";
    out["key"] = b64(bytes_of("key of " + name, kKeySize));
    out["expires"] = "2040-01-15T12:00:00Z";
    return ok(out);
  }
  if (operation == "sign") {
    const std::string signature = b64(bytes_of("signature with " + name, kSignatureSize));
    out.update({{"algorithm", "Ed25519"}, {"signature", signature}, {"envelope", signature}});
    return ok(out);
  }
  return refusal(404, "not_found", "no such path");
}

AgentResponse FakeAgent::answer(const AgentRequest& request) {
  if (twist_) {
    if (auto twisted = twist_(request)) return *std::move(twisted);
  }
  if (request.path == "/v1/health" || request.path == "/v1/wait-for-ready")
    return ok({{"ready", true}, {"policy", {{"serial", 7}}}});
  const auto url = boost::urls::parse_origin_form(request.path);
  if (!url || !request.path.starts_with("/v1/")) return refusal(404, "not_found", "no such path");
  const std::string path = request.path.substr(4);
  const std::size_t slash = path.find('/');
  if (slash == std::string::npos) return refusal(404, "not_found", "no such path");
  const std::string operation = path.substr(0, slash);
  const std::string name(boost::urls::pct_string_view(path.substr(slash + 1)).decode());
  {
    const std::lock_guard lock(mutex_);
    if (std::ranges::find(denied_, operation + " " + name) != denied_.end())
      return refusal(403, "not_granted",
                     "role \"tests\" has no grant to " + operation + " \"" + name + "\"");
  }
  return operate(operation, name);
}

FakeAgent::FakeAgent(std::string socket_path, Twist twist)
    : path_(std::move(socket_path)), twist_(std::move(twist)) {
  if (sodium_init() < 0) throw std::runtime_error("sodium");
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = peer::address_of(peer::UnixEndpoint{path_}).value();
  if (::bind(listener_, address.data(), static_cast<socklen_t>(address.size())) != 0 ||
      ::listen(listener_, 64) != 0) {
    throw std::runtime_error("cannot listen on " + path_);
  }
  acceptor_ = std::thread([this] { accept(); });
}

FakeAgent::~FakeAgent() {
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  end_idle_connections();
  for (std::thread& thread : threads_)
    thread.join();
  ::unlink(path_.c_str());
}

void FakeAgent::deny(const std::string& operation_and_name) {
  const std::lock_guard lock(mutex_);
  denied_.push_back(operation_and_name);
}
std::vector<AgentRequest> FakeAgent::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}
void FakeAgent::end_idle_connections() {
  const std::lock_guard lock(mutex_);
  for (const int fd : open_)
    ::shutdown(fd, SHUT_RDWR);
}

void FakeAgent::accept() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    ++connections_;
    const std::lock_guard lock(mutex_);
    open_.push_back(fd);
    threads_.emplace_back([this, fd] { serve(fd); });
  }
}

void FakeAgent::serve(int fd) {
  asio::io_context io;
  asio::generic::stream_protocol::socket socket(io, asio::generic::stream_protocol(AF_UNIX, 0), fd);
  boost::beast::flat_buffer buffer;
  boost::system::error_code error;
  for (bool keep = true; keep && !error;) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(64 * 1024 * 1024);
    http::read(socket, buffer, parser, error);
    if (error) break;
    AgentRequest request{
        std::string(parser.get().method_string()), {}, {}, {}, parser.get().body()};
    const std::string target(parser.get().target());
    request.path = target.substr(0, target.find('?'));
    if (request.path.size() != target.size())
      request.query = target.substr(request.path.size() + 1);
    for (const auto& field : parser.get()) {
      std::string name(field.name_string());
      std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
      request.headers[name] = std::string(field.value());
    }
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    const AgentResponse made = answer(request);
    http::response<http::string_body> response(static_cast<http::status>(made.status), 11);
    response.set(http::field::content_type, made.type);
    response.set("X-Request-Id", request.headers.contains("x-request-id")
                                     ? request.headers["x-request-id"]
                                     : std::string(kRequestId));
    response.body() = made.body;
    keep = parser.get().keep_alive() && !made.cut;
    if (made.cut && *made.cut == 0) break;
    response.prepare_payload();
    // Beast would write an empty string as a last chunk, and then the last chunk.
    if (made.chunked && !made.body.empty()) response.chunked(true);
    if (!made.cut) {
      http::write(socket, response, error);
      continue;
    }
    http::response_serializer<http::string_body> serializer(response);
    http::write_header(socket, serializer, error);
    const std::string part = made.body.substr(0, *made.cut);
    if (made.chunked) {
      asio::write(socket, http::make_chunk(asio::buffer(part)), error);
    } else {
      asio::write(socket, asio::buffer(part), error);
    }
  }
  const std::lock_guard lock(mutex_);
  std::erase(open_, fd);
  socket.close(error);
}

}  // namespace concordat::test

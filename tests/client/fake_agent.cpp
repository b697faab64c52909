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
// Where the application meets its agent, the body of a stream is sealed in pieces of this size.
constexpr std::size_t kStreamPiece = 8 * 1024;

Bytes digest(const std::string& what) {
  Bytes out(32);
  crypto_generichash(out.data(), out.size(), reinterpret_cast<const unsigned char*>(what.data()),
                     what.size(), nullptr, 0);
  return out;
}
Bytes key_of(const std::string& name, const std::string& use) {
  return digest("fake " + use + " " + name);
}
std::string text(const Bytes& bytes) {
  return std::string(base::as_text(bytes));
}

Bytes seal(const Bytes& key, const std::string& plaintext, const std::string& associated) {
  Bytes out(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES + plaintext.size() +
            crypto_aead_xchacha20poly1305_ietf_ABYTES);
  randombytes_buf(out.data(), crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
  crypto_aead_xchacha20poly1305_ietf_encrypt(
      out.data() + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, nullptr,
      reinterpret_cast<const unsigned char*>(plaintext.data()), plaintext.size(),
      reinterpret_cast<const unsigned char*>(associated.data()), associated.size(), nullptr,
      out.data(), key.data());
  return out;
}
std::optional<std::string> unseal(const Bytes& key, const std::string& sealed,
                                  const std::string& associated) {
  constexpr std::size_t kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
  constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
  if (sealed.size() < kNonce + kTag) return std::nullopt;
  std::string out(sealed.size() - kNonce - kTag, '\0');
  const auto* const bytes = reinterpret_cast<const unsigned char*>(sealed.data());
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          reinterpret_cast<unsigned char*>(out.data()), nullptr, nullptr, bytes + kNonce,
          sealed.size() - kNonce, reinterpret_cast<const unsigned char*>(associated.data()),
          associated.size(), bytes, key.data()) != 0) {
    return std::nullopt;
  }
  return out;
}

Bytes mac(const std::string& name, const std::string& message) {
  Bytes out(crypto_auth_hmacsha256_BYTES);
  crypto_auth_hmacsha256(out.data(), reinterpret_cast<const unsigned char*>(message.data()),
                         message.size(), key_of(name, "mac").data());
  return out;
}
struct Pair {
  Bytes public_half = Bytes(crypto_sign_PUBLICKEYBYTES);
  Bytes secret_half = Bytes(crypto_sign_SECRETKEYBYTES);
};
Pair pair_of(const std::string& name) {
  Pair out;
  crypto_sign_seed_keypair(out.public_half.data(), out.secret_half.data(),
                           key_of(name, "sign").data());
  return out;
}

// The members of a request, strict about what they are.
class Members {
 public:
  explicit Members(const std::string& body) : json_(json::parse(body)) {}
  std::string bytes(const char* name) const {
    return text(base::from_base64(json_.at(name).get<std::string>()).value());
  }
  std::string bytes_or_none(const char* name) const {
    return json_.contains(name) ? bytes(name) : std::string();
  }
  std::size_t size() const { return json_.at("size").get<std::size_t>(); }
  const json& all() const { return json_; }

 private:
  json json_;
};

json named(const std::string& name) {
  return {{"name", name}, {"version", kVersion}};
}
AgentResponse ok(const json& body) {
  return {200, body.dump() + "\n"};
}
std::string b64(const Bytes& bytes) {
  return base::to_base64(bytes);
}
std::string b64(const std::string& bytes) {
  return base::to_base64(base::as_bytes(bytes));
}

std::string associated_of(const std::string& query) {
  constexpr std::string_view kName = "associated_data=";
  const std::size_t at = query.find(kName);
  if (at == std::string::npos) return {};
  const std::string value = query.substr(at + kName.size());
  std::string out(value.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), value.data(),
                        value.size(), nullptr, &size, nullptr,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
    throw std::invalid_argument("associated_data");
  }
  out.resize(size);
  return out;
}

constexpr std::size_t kOverhead =
    crypto_aead_xchacha20poly1305_ietf_NPUBBYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES;

AgentResponse seal_stream(const Bytes& key, const AgentRequest& request) {
  AgentResponse out{200, {}, "application/octet-stream", true};
  for (std::size_t at = 0; at < request.body.size(); at += kStreamPiece)
    out.body +=
        text(seal(key, request.body.substr(at, kStreamPiece), associated_of(request.query)));
  return out;
}
// The pieces before a bad one are given out, and then the connection ends.
AgentResponse unseal_stream(const Bytes& key, const AgentRequest& request) {
  AgentResponse out{200, {}, "application/octet-stream", true};
  for (std::size_t at = 0; at < request.body.size(); at += kStreamPiece + kOverhead) {
    const auto piece = unseal(key, request.body.substr(at, kStreamPiece + kOverhead),
                              associated_of(request.query));
    if (!piece && at == 0) return refusal(422, "authentication_failed", "the first piece");
    if (!piece) {
      out.cut = out.body.size();
      return out;
    }
    out.body += *piece;
  }
  return out;
}

}  // namespace

AgentResponse refusal(unsigned status, const std::string& code, const std::string& message) {
  return {
      status,
      json({{"error", {{"code", code}, {"message", message}, {"request_id", kRequestId}}}}).dump() +
          "\n"};
}

AgentResponse FakeAgent::operate(const std::string& operation, const std::string& name,
                                 const AgentRequest& request) {
  json out = named(name);
  if (operation == "keys") {
    out["type"] = "derived";
    out["key"] = b64(key_of(name, "secret"));
    out["expires"] = "2040-01-15T12:00:00Z";
    return ok(out);
  }
  if (operation == "public") {
    const Bytes raw = pair_of(name).public_half;
    const Bytes der = base::from_hex("302a300506032b6570032100" + base::to_hex(raw)).value();
    out.update({{"type", "ed25519"}, {"raw", b64(raw)}, {"der", b64(der)}});
    out["pem"] = "-----BEGIN PUBLIC KEY-----\n" + b64(der) + "\n-----END PUBLIC KEY-----\n";
    return ok(out);
  }
  if (operation == "encrypt-stream") return seal_stream(key_of(name, "stream"), request);
  if (operation == "decrypt-stream") return unseal_stream(key_of(name, "stream"), request);
  const Members in(request.body);
  if (operation == "sign") {
    Bytes signature(crypto_sign_BYTES);
    const std::string message = in.bytes("message");
    crypto_sign_detached(signature.data(), nullptr,
                         reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                         pair_of(name).secret_half.data());
    out.update(
        {{"algorithm", "Ed25519"}, {"signature", b64(signature)}, {"envelope", b64(signature)}});
    return ok(out);
  }
  if (operation == "verify") {
    const std::string message = in.bytes("message"), envelope = in.bytes("envelope");
    const bool signature =
        envelope.size() == crypto_sign_BYTES &&
        crypto_sign_verify_detached(reinterpret_cast<const unsigned char*>(envelope.data()),
                                    reinterpret_cast<const unsigned char*>(message.data()),
                                    message.size(), pair_of(name).public_half.data()) == 0;
    if (!signature && envelope != text(mac(name, message)))
      return refusal(422, "authentication_failed", "not of \"" + name + "\"");
    out["valid"] = true;
    return ok(out);
  }
  if (operation == "encrypt") {
    out["ciphertext"] =
        b64(seal(key_of(name, "seal"), in.bytes("plaintext"), in.bytes_or_none("associated_data")));
    return ok(out);
  }
  if (operation == "decrypt") {
    const auto plaintext =
        unseal(key_of(name, "seal"), in.bytes("ciphertext"), in.bytes_or_none("associated_data"));
    if (!plaintext) return refusal(422, "authentication_failed", "the ciphertext");
    out["plaintext"] = b64(*plaintext);
    return ok(out);
  }
  if (operation == "wrap") {
    const bool of_key = in.all().contains("key");
    const std::string inner =
        of_key ? text(key_of(in.all().at("key"), "secret")) : in.bytes("bytes");
    out["wrapped"] = b64(seal(key_of(name, "wrap"), inner, {}));
    return ok(out);
  }
  if (operation == "unwrap") {
    const auto bytes = unseal(key_of(name, "wrap"), in.bytes("wrapped"), {});
    if (!bytes) return refusal(422, "authentication_failed", "the wrapped bytes");
    out["bytes"] = b64(*bytes);
    return ok(out);
  }
  if (operation == "mac") {
    const Bytes tag = mac(name, in.bytes("message"));
    out.update({{"algorithm", "HMAC-SHA256"}, {"tag", b64(tag)}, {"envelope", b64(tag)}});
    return ok(out);
  }
  if (operation == "derive" || operation == "random") {
    if (in.size() == 0 || in.size() > 1024) return refusal(400, "bad_output_size", "size");
    Bytes bytes(in.size());
    const Bytes seed = digest(name + in.bytes_or_none("context") + in.bytes_or_none("peer"));
    if (operation == "random") randombytes_buf(bytes.data(), bytes.size());
    if (operation == "derive")
      randombytes_buf_deterministic(bytes.data(), bytes.size(), seed.data());
    out["bytes"] = b64(bytes);
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
  if (request.path == "/v1/attestation")
    return ok({{"document", b64("document " + request.query)}});
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
  try {
    return operate(operation, name, request);
  } catch (const std::exception& error) {
    return refusal(400, "malformed_request", error.what());
  }
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

#include "keyservice/agent/call.hpp"

#include <sodium.h>

#include <boost/url/parse.hpp>
#include <charconv>
#include <limits>

#include "attest/base/secret_json.hpp"
#include "keyservice/keyring/key_errc.hpp"
#include "keyservice/keyring/operation_limits.hpp"
#include "keyservice/session_shares.hpp"
#include "policy/errc.hpp"
#include "policy/key_pattern.hpp"

namespace concordat::keyservice::agent {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::SecretBytes;
using base::SecretJsonReader;
using base::Status;

base::CodeInfo describe(ApiErrc code) noexcept {
  switch (code) {
    case ApiErrc::not_found:
      return {"not_found", "no such path; GET /v1/openapi.json describes all"};
    case ApiErrc::method_not_allowed:
      return {"method_not_allowed", "this path wants another method"};
    case ApiErrc::header_too_large:
      return {"header_too_large", "request line and fields are larger than allowed"};
    case ApiErrc::body_too_large:
      return {"body_too_large", "the body is larger than allowed"};
    case ApiErrc::foreign_host:
      return {"foreign_host", "a request for another host"};
  }
  return {"unknown", "unknown error of the agent"};
}

namespace {

constexpr Route kRoutes[] = {
    {Action::get, "GET", "/v1/keys/"},
    {Action::sign, "POST", "/v1/sign/"},
    {Action::verify, "POST", "/v1/verify/"},
    {Action::encrypt, "POST", "/v1/encrypt/"},
    {Action::decrypt, "POST", "/v1/decrypt/"},
    {Action::wrap, "POST", "/v1/wrap/"},
    {Action::unwrap, "POST", "/v1/unwrap/"},
    {Action::mac, "POST", "/v1/mac/"},
    {Action::derive, "POST", "/v1/derive/"},
    {Action::random, "POST", "/v1/random/"},
    {Action::public_key, "GET", "/v1/public/"},
    {Action::encrypt_stream, "POST", "/v1/encrypt-stream/"},
    {Action::decrypt_stream, "POST", "/v1/decrypt-stream/"},
    {Action::attestation, "GET", "/v1/attestation"},
    {Action::health, "GET", "/v1/health"},
    {Action::wait_for_ready, "GET", "/v1/wait-for-ready"},
    {Action::description, "GET", "/v1/openapi.json"},
};

constexpr std::uint64_t kMaxVersion = std::numeric_limits<std::uint32_t>::max();

const Route* find_route(std::string_view path) {
  for (const Route& route : kRoutes) {
    const bool named = route.path.ends_with('/');
    if (named ? path.starts_with(route.path) : path == route.path) return &route;
  }
  return nullptr;
}

// A key's name, and one that applications may say.
Status check_name(std::string_view name) {
  CONCORDAT_CHECK(policy::check_key_name(name));
  if (!name.starts_with(kSessionShares)) return {};
  return Error(policy::AdmissionErrc::not_granted,
               "keys of " + std::string(kSessionShares) + " are the agent's own");
}

Error bad_parameter(std::string_view name, std::string_view why) {
  return {Errc::malformed_request, "parameter \"" + std::string(name) + "\" " + std::string(why)};
}

Result<std::uint64_t> number_of(std::string_view name, std::string_view text, std::uint64_t min,
                                std::uint64_t max) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max) {
    return bad_parameter(
        name, "is not a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return value;
}

Result<Bytes> hex_of(std::string_view name, std::string_view text) {
  const auto bytes = base::from_hex(text);
  if (!bytes) return bad_parameter(name, bytes.error().to_string());
  if (bytes->size() > kMaxApplicationData) {
    return Error(Errc::message_too_large, "parameter \"" + std::string(name) + "\" has more than " +
                                              std::to_string(kMaxApplicationData) + " bytes");
  }
  return *bytes;
}

// RFC 4648 section 5, with or without padding.
Result<Bytes> base64url_of(std::string_view name, std::string_view text) {
  while (text.ends_with('='))
    text.remove_suffix(1);
  Bytes out(text.size());
  std::size_t size = 0;
  if (sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size, nullptr,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
    return bad_parameter(name, "is not base64url");
  }
  out.resize(size);
  if (size > kMaxAssociatedData) {
    return Error(KeyErrc::input_too_large, "parameter \"" + std::string(name) +
                                               "\" has more than " +
                                               std::to_string(kMaxAssociatedData) + " bytes");
  }
  return out;
}

// Each route's own; one that it does not know is refused.
Status read_parameter(Target& target, std::string_view name, std::string_view value) {
  const Action action = target.action;
  if (name == "version" && (action == Action::get || action == Action::public_key)) {
    CONCORDAT_TRY(const auto version, number_of(name, value, 1, kMaxVersion));
    target.version = static_cast<std::uint32_t>(version);
  } else if (name == "associated_data" && target.streams()) {
    CONCORDAT_TRY(target.associated, base64url_of(name, value));
  } else if (name == "nonce" && action == Action::attestation) {
    CONCORDAT_TRY(target.nonce, hex_of(name, value));
  } else if (name == "user_data" && action == Action::attestation) {
    CONCORDAT_TRY(target.user_data, hex_of(name, value));
  } else if (name == "timeout_seconds" && action == Action::wait_for_ready) {
    CONCORDAT_TRY(target.timeout_seconds, number_of(name, value, 0, kMaxReadyWaitSeconds));
  } else {
    return bad_parameter(name, "is not known here");
  }
  return {};
}

// The members of a body: every error is one of the request, every input has its bound.
class Members {
 public:
  explicit Members(SecretJsonReader reader) : reader_(std::move(reader)) {}

  [[nodiscard]] bool has(std::string_view name) const { return reader_.has(name); }
  Result<std::string> name(std::string_view member) {
    auto text = reader_.text(member);
    if (!text) return malformed(text.error());
    CONCORDAT_CHECK(check_name(*text));
    return *std::move(text);
  }
  Result<Bytes> bytes(std::string_view member, std::size_t max) {
    return bounded(reader_.bytes(member), member, max);
  }
  Result<Bytes> bytes_or_none(std::string_view member, std::size_t max) {
    return has(member) ? bytes(member, max) : Result<Bytes>(Bytes());
  }
  Result<SecretBytes> secret(std::string_view member, std::size_t max) {
    return bounded(reader_.secret(member), member, max);
  }
  Result<std::uint32_t> version() {
    if (!has("version")) return 0u;
    const auto value = reader_.number("version", kMaxVersion);
    if (!value) return malformed(value.error());
    if (*value == 0) return Error(Errc::malformed_request, "\"version\" is counted from 1");
    return static_cast<std::uint32_t>(*value);
  }
  Result<std::size_t> size(std::size_t max) {
    const auto value = reader_.number("size", std::numeric_limits<std::uint64_t>::max());
    if (!value) return malformed(value.error());
    if (*value == 0 || *value > max) {
      return Error(KeyErrc::bad_output_size, "\"size\" is not from 1 to " + std::to_string(max));
    }
    return static_cast<std::size_t>(*value);
  }
  Status finish() {
    const Status all = reader_.finish();
    return all ? all : Status(malformed(all.error()));
  }

  static Error malformed(const Error& cause) {
    return {Errc::malformed_request, cause.to_string()};
  }

 private:
  template <class T>
  static Result<T> bounded(Result<T> read, std::string_view member, std::size_t max) {
    if (!read) return malformed(read.error());
    if (read->size() > max) {
      return Error(KeyErrc::input_too_large, "\"" + std::string(member) + "\" has " +
                                                 std::to_string(read->size()) + " bytes; at most " +
                                                 std::to_string(max));
    }
    return read;
  }

  SecretJsonReader reader_;
};

Result<RequestBody> read_wrap(const Target& target, Members& in) {
  if (in.has("bytes") == in.has("key")) {
    return Error(Errc::malformed_request, "wants either \"bytes\" or \"key\"");
  }
  WrapRequest out{target.name, {}};
  if (in.has("bytes")) {
    CONCORDAT_TRY(out.what, in.secret("bytes", kMaxWrappedBytes));
  } else {
    KeyReference reference;
    CONCORDAT_TRY(reference.name, in.name("key"));
    CONCORDAT_TRY(reference.version, in.version());
    out.what = std::move(reference);
  }
  return RequestBody(std::move(out));
}

Result<RequestBody> read_derive(const Target& target, Members& in) {
  DeriveRequest out{target.name, 0, 0, {}, {}};
  CONCORDAT_TRY(out.version, in.version());
  CONCORDAT_TRY(out.size, in.size(kMaxDerivedSize));
  CONCORDAT_TRY(out.context, in.bytes_or_none("context", kMaxContext));
  if (in.has("peer")) {
    CONCORDAT_TRY(const Bytes peer, in.bytes("peer", kMaxContext));
    const auto key = PeerPublicKey::from(peer);
    if (!key) return Error(Errc::malformed_request, "\"peer\" " + key.error().to_string());
    out.peer = *key;
  }
  return RequestBody(std::move(out));
}

Result<RequestBody> read_members(const Target& target, Members& in) {
  const std::string& name = target.name;
  switch (target.action) {
    case Action::sign: {
      CONCORDAT_TRY(Bytes message, in.bytes("message", kMaxSignMessage));
      return RequestBody(SignRequest{name, std::move(message)});
    }
    case Action::mac: {
      CONCORDAT_TRY(Bytes message, in.bytes("message", kMaxSignMessage));
      return RequestBody(MacRequest{name, std::move(message)});
    }
    case Action::verify: {
      CONCORDAT_TRY(Bytes message, in.bytes("message", kMaxSignMessage));
      CONCORDAT_TRY(Bytes envelope, in.bytes("envelope", kMaxEnvelopeHeader + kMaxSignature));
      return RequestBody(VerifyRequest{name, std::move(message), std::move(envelope)});
    }
    case Action::encrypt: {
      CONCORDAT_TRY(Bytes associated, in.bytes_or_none("associated_data", kMaxAssociatedData));
      CONCORDAT_TRY(SecretBytes plaintext, in.secret("plaintext", kMaxPlaintext));
      return RequestBody(EncryptRequest{name, std::move(associated), std::move(plaintext)});
    }
    case Action::decrypt: {
      CONCORDAT_TRY(Bytes associated, in.bytes_or_none("associated_data", kMaxAssociatedData));
      CONCORDAT_TRY(Bytes envelope, in.bytes("ciphertext", kMaxEnvelope));
      return RequestBody(DecryptRequest{name, std::move(associated), std::move(envelope)});
    }
    case Action::wrap:
      return read_wrap(target, in);
    case Action::unwrap: {
      CONCORDAT_TRY(Bytes envelope, in.bytes("wrapped", kMaxEnvelope));
      return RequestBody(UnwrapRequest{name, std::move(envelope)});
    }
    case Action::derive:
      return read_derive(target, in);
    case Action::random: {
      CONCORDAT_TRY(const std::size_t size, in.size(kMaxRandomSize));
      return RequestBody(RandomRequest{name, size});
    }
    default:
      return Error(Errc::malformed_request, "this path takes no body");
  }
}

}  // namespace

std::span<const Route> routes() noexcept {
  return kRoutes;
}

Result<Target> parse_target(std::string_view method, std::string_view text) {
  const auto url = boost::urls::parse_origin_form(text);
  if (!url) return Error(Errc::malformed_request, "the target is no path");
  const std::string path = url->path();  // percent-decoded
  const Route* route = find_route(path);
  if (route == nullptr) return Error(ApiErrc::not_found);
  if (route->method != method) {
    return Error(ApiErrc::method_not_allowed, std::string(route->method));
  }
  Target target;
  target.action = route->action;
  if (route->path.ends_with('/')) {
    target.name = path.substr(route->path.size());
    CONCORDAT_CHECK(check_name(target.name));
  }
  std::vector<std::string> seen;
  for (const auto& parameter : url->params()) {
    if (std::ranges::find(seen, parameter.key) != seen.end()) {
      return bad_parameter(parameter.key, "is there twice");
    }
    CONCORDAT_CHECK(read_parameter(target, parameter.key, parameter.value));
    seen.push_back(parameter.key);
  }
  return target;
}

Result<RequestBody> parse_body(const Target& target, BytesView body) {
  if (target.action == Action::get) return RequestBody(GetRequest{target.name, target.version});
  if (target.action == Action::public_key) {
    return RequestBody(PublicRequest{target.name, target.version});
  }
  auto reader = SecretJsonReader::parse(body);
  if (!reader) return Members::malformed(reader.error());
  Members members(*std::move(reader));
  CONCORDAT_TRY(RequestBody request, read_members(target, members));
  CONCORDAT_CHECK(members.finish());
  return request;
}

}  // namespace concordat::keyservice::agent

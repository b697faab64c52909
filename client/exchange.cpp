#include "client/exchange.hpp"

#include <sodium.h>

#include <algorithm>

#include "attest/base/secret_access.hpp"

namespace concordat::client {
namespace {

constexpr std::size_t kMaxName = 128;

bool is_plain(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '_' || c == '.';
}

}  // namespace

Input::Input(const base::SecretBytes& secret) noexcept
    : bytes_(secret.expose(base::SecretAccess{})) {}

Result<std::string> target_of(std::string_view operation, std::string_view name) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  if (name.empty() || name.size() > kMaxName) {
    return Error{"bad_argument", "a key's name has 1 to " + std::to_string(kMaxName) + " bytes"};
  }
  std::string out = "/v1/" + std::string(operation) + "/";
  for (const char c : name) {
    if (is_plain(c) || c == '/') {
      out += c;
    } else {
      const auto code = static_cast<unsigned char>(c);
      out += {'%', hex[code >> 4], hex[code & 15]};
    }
  }
  return out;
}

void add_parameter(std::string& target, std::string_view name, std::string_view value) {
  target += target.find('?') == std::string::npos ? '?' : '&';
  target += name;
  target += '=';
  target += value;
}

std::string to_base64_url(base::BytesView bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string out(sodium_base64_ENCODED_LEN(bytes.size(), kVariant), '\0');
  sodium_bin2base64(out.data(), out.size(), bytes.data(), bytes.size(), kVariant);
  out.pop_back();  // the terminating zero
  return out;
}

Error malformed_response(const Error& why, const Answer& answer) {
  return {"malformed_response", why.message, answer.request_id, answer.status};
}

Error error_of(const Answer& answer) {
  const auto fields = JsonFields::parse(answer.body);
  if (!fields) return malformed_response(fields.error(), answer);
  auto code = fields->text("error.code");
  auto message = fields->text("error.message");
  if (!code) return malformed_response(code.error(), answer);
  return {*std::move(code), message ? *std::move(message) : std::string(), answer.request_id,
          answer.status};
}

bool may_repeat(const Order& order, const Error& why) noexcept {
  if (why.is("agent_unreachable")) return true;  // nothing was sent
  if (order.repeat != Repeat::always) return false;
  return why.http_status == 503 || why.is("interrupted");
}

}  // namespace concordat::client

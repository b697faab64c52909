#include "keyservice/sigv4.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attest/base/hash.hpp"
#include "attest/base/json.hpp"
#include "attest/base/secret_access.hpp"

namespace concordat::keyservice {
namespace {

using base::as_bytes;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using base::Status;

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kTerminator = "aws4_request";
constexpr std::size_t kMaxSignedHeaders = 64;

// 2015-08-30T12:36:00Z -> 20150830T123600Z, the only form that SigV4 takes.
std::string basic_date_time(base::UnixMillis now) {
  const std::int64_t whole_seconds = now.value - now.value % 1000;
  std::string out = base::format_rfc3339({whole_seconds});
  std::erase_if(out, [](char c) { return c == '-' || c == ':'; });
  return out;
}

Result<base::UnixMillis> parse_basic_date_time(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') {
    return Error(SigV4Errc::signature_malformed, "x-amz-date is not YYYYMMDDTHHMMSSZ");
  }
  const auto part = [&](std::size_t at, std::size_t n) { return std::string(text.substr(at, n)); };
  return base::parse_rfc3339(part(0, 4) + "-" + part(4, 2) + "-" + part(6, 2) + "T" + part(9, 2) +
                             ":" + part(11, 2) + ":" + part(13, 2) + "Z");
}

// Leading and trailing spaces go, runs of spaces become one.
std::string trimmed(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool blank = c == ' ' || c == '\t';
    if (blank && (out.empty() || out.back() == ' ')) continue;
    out += blank ? ' ' : c;
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

// Every header of that name, joined by commas in the order of the request.
std::string canonical_value(const HttpRequest& request, std::string_view name) {
  std::string out;
  bool first = true;
  for (const HttpHeader& header : request.headers) {
    if (header.name != name) continue;
    if (!first) out += ',';
    out += trimmed(header.value);
    first = false;
  }
  return out;
}

std::string joined(const std::vector<std::string>& parts, char separator) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += separator;
    out += part;
  }
  return out;
}

std::string canonical_request(const HttpRequest& request, const std::vector<std::string>& names) {
  std::string out = request.method + "\n/\n\n";
  for (const std::string& name : names)
    out += name + ":" + canonical_value(request, name) + "\n";
  return out + "\n" + joined(names, ';') + "\n" + base::sha256({as_bytes(request.body)}).hex();
}

std::string scope_text(std::string_view date, const SigV4Scope& scope) {
  return std::string(date) + "/" + scope.region + "/" + scope.service + "/" +
         std::string(kTerminator);
}

SecretBytes signing_key(const SecretBytes& secret, std::string_view date, const SigV4Scope& scope) {
  constexpr std::string_view kPrefix = "AWS4";
  SecretBytes key = SecretBytes::zeroed(kPrefix.size() + secret.size());
  const auto bytes = key.expose_mutable(SecretAccess{});
  std::ranges::copy(kPrefix, bytes.begin());
  std::ranges::copy(secret.expose(SecretAccess{}), bytes.begin() + kPrefix.size());
  for (const std::string_view step :
       {date, std::string_view(scope.region), std::string_view(scope.service), kTerminator}) {
    key = base::hmac_sha256(key, as_bytes(step));
  }
  return key;
}

std::string signature_of(const HttpRequest& request, const std::vector<std::string>& names,
                         const SecretBytes& secret, const SigV4Scope& scope,
                         std::string_view date_time) {
  const std::string_view date = date_time.substr(0, 8);
  const std::string to_sign = std::string(kAlgorithm) + "\n" + std::string(date_time) + "\n" +
                              scope_text(date, scope) + "\n" +
                              base::sha256({as_bytes(canonical_request(request, names))}).hex();
  const SecretBytes mac = base::hmac_sha256(signing_key(secret, date, scope), as_bytes(to_sign));
  return base::to_hex(mac.expose(SecretAccess{}));
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

Error malformed(std::string detail) {
  return Error(SigV4Errc::signature_malformed, "Authorization: " + std::move(detail));
}

// "Name=value" out of the comma-separated rest of the header.
Result<std::string> component(const std::vector<std::string>& parts, std::string_view name) {
  std::string found;
  for (const std::string& part : parts) {
    const std::string text = trimmed(part);
    if (!text.starts_with(std::string(name) + "=")) continue;
    if (!found.empty()) return malformed(std::string(name) + " twice");
    found = text.substr(name.size() + 1);
  }
  if (found.empty()) return malformed("no " + std::string(name));
  return found;
}

Status read_credential(const std::string& text, SigV4Authorization& out) {
  const std::vector<std::string> parts = split(text, '/');
  if (parts.size() != 5 || parts[4] != kTerminator || parts[1].size() != 8) {
    return malformed("Credential is not ID/DATE/REGION/SERVICE/aws4_request");
  }
  out.access_key_id = parts[0];
  out.date = parts[1];
  out.scope = {parts[2], parts[3]};
  return {};
}

bool is_signed(const SigV4Authorization& authorization, std::string_view name) {
  return std::ranges::binary_search(authorization.signed_headers, name);
}

Status check_signed_headers(const HttpRequest& request, const SigV4Authorization& authorization) {
  if (!is_signed(authorization, "host")) return Error(SigV4Errc::header_not_signed, "host");
  for (const HttpHeader& header : request.headers) {
    const bool required = header.name.starts_with("x-amz-") || header.name == "content-type";
    if (required && !is_signed(authorization, header.name)) {
      return Error(SigV4Errc::header_not_signed, header.name);
    }
  }
  return {};
}

Status check_time(std::string_view date_time, const SigV4Authorization& authorization,
                  base::UnixMillis now, std::chrono::milliseconds max_skew) {
  CONCORDAT_TRY(const base::UnixMillis at, parse_basic_date_time(date_time));
  if (date_time.substr(0, 8) != authorization.date) {
    return Error(SigV4Errc::wrong_scope, "the credential's date is not that of x-amz-date");
  }
  if (at < now - max_skew || at > now + max_skew) {
    return Error(SigV4Errc::outside_time_window,
                 "signed at " + std::string(date_time) + ", now " + basic_date_time(now));
  }
  return {};
}

}  // namespace

base::CodeInfo describe(SigV4Errc code) noexcept {
  switch (code) {
    case SigV4Errc::credentials_malformed:
      return {"credentials_malformed", "the AWS credentials are malformed"};
    case SigV4Errc::signature_missing:
      return {"signature_missing", "the request has no Authorization header"};
    case SigV4Errc::signature_malformed:
      return {"signature_malformed", "the request's signature is malformed"};
    case SigV4Errc::unsupported_target:
      return {"unsupported_target", "only the path / without a query is signed"};
    case SigV4Errc::wrong_scope:
      return {"wrong_scope", "the signature is for another date, region or service"};
    case SigV4Errc::header_not_signed:
      return {"header_not_signed", "a header that must be signed is not"};
    case SigV4Errc::outside_time_window:
      return {"outside_time_window", "the signature's time is too far from now"};
    case SigV4Errc::wrong_session_token:
      return {"wrong_session_token", "the session token is not the credential's"};
    case SigV4Errc::signature_mismatch:
      return {"signature_mismatch", "the signature does not match the request"};
  }
  return {"unknown", "unknown signature error"};
}

Result<AwsCredentials> parse_imds_credentials(base::BytesView json) {
  const auto tree = base::parse_strict_json(base::as_text(json));
  const auto text = [&](const char* name) -> std::string {
    if (!tree || !tree->is_object()) return {};
    const auto found = tree->find(name);
    return found != tree->end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  std::string secret = text("SecretAccessKey");
  AwsCredentials out{
      text("AccessKeyId"),
      SecretBytes::take({reinterpret_cast<std::uint8_t*>(secret.data()), secret.size()}),
      text("Token")};
  // They go into header fields of a request inside the enclave's TLS: what a header cannot hold
  // would let the parent write requests of its own there.
  const auto fits = [](std::string_view value, std::size_t max) {
    return value.size() <= max &&
           std::ranges::all_of(value, [](char c) { return c > 0x20 && c < 0x7f; });
  };
  if (out.access_key_id.empty() || out.secret_access_key.empty() || !fits(out.access_key_id, 128) ||
      out.secret_access_key.size() > 256 || !fits(out.session_token, 8192)) {
    return Error(SigV4Errc::credentials_malformed,
                 "want a JSON object with AccessKeyId, SecretAccessKey and Token");
  }
  return out;
}

void sigv4_sign(HttpRequest& request, const AwsCredentials& credentials, const SigV4Scope& scope,
                base::UnixMillis now) {
  const std::string date_time = basic_date_time(now);
  request.headers.push_back({"x-amz-date", date_time});
  if (!credentials.session_token.empty()) {
    request.headers.push_back({"x-amz-security-token", credentials.session_token});
  }
  std::vector<std::string> names;
  for (const HttpHeader& header : request.headers)
    names.push_back(header.name);
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  const std::string signature =
      signature_of(request, names, credentials.secret_access_key, scope, date_time);
  request.headers.push_back(
      {"authorization", std::string(kAlgorithm) + " Credential=" + credentials.access_key_id + "/" +
                            scope_text(std::string_view(date_time).substr(0, 8), scope) +
                            ", SignedHeaders=" + joined(names, ';') + ", Signature=" + signature});
}

Result<SigV4Authorization> sigv4_parse(const HttpRequest& request) {
  const std::string_view header = find_header(request.headers, "authorization");
  if (header.empty()) return Error(SigV4Errc::signature_missing);
  if (!header.starts_with(std::string(kAlgorithm) + " ")) {
    return malformed("algorithm is not " + std::string(kAlgorithm));
  }
  const auto parts = split(header.substr(kAlgorithm.size() + 1), ',');
  SigV4Authorization out;
  CONCORDAT_TRY(const std::string credential, component(parts, "Credential"));
  CONCORDAT_CHECK(read_credential(credential, out));
  CONCORDAT_TRY(const std::string names, component(parts, "SignedHeaders"));
  CONCORDAT_TRY(out.signature, component(parts, "Signature"));
  out.signed_headers = split(names, ';');
  if (out.signed_headers.size() > kMaxSignedHeaders) return malformed("too many SignedHeaders");
  // Strictly ascending: sorted and without repetition, so that one request has one signature.
  if (!std::ranges::is_sorted(out.signed_headers, std::less_equal<>{})) {
    return malformed("SignedHeaders are not sorted and distinct");
  }
  return out;
}

Status sigv4_verify(const HttpRequest& request, const SigV4Authorization& authorization,
                    const AwsCredentials& credentials, const SigV4Scope& expected,
                    base::UnixMillis now, std::chrono::milliseconds max_skew) {
  if (request.target != "/") return Error(SigV4Errc::unsupported_target);
  if (authorization.scope.region != expected.region ||
      authorization.scope.service != expected.service) {
    return Error(SigV4Errc::wrong_scope, "want " + expected.region + "/" + expected.service);
  }
  const std::string_view date_time = find_header(request.headers, "x-amz-date");
  CONCORDAT_CHECK(check_time(date_time, authorization, now, max_skew));
  CONCORDAT_CHECK(check_signed_headers(request, authorization));
  if (find_header(request.headers, "x-amz-security-token") != credentials.session_token) {
    return Error(SigV4Errc::wrong_session_token);
  }
  const std::string want = signature_of(request, authorization.signed_headers,
                                        credentials.secret_access_key, expected, date_time);
  if (!base::equal_constant_time(as_bytes(want), as_bytes(authorization.signature))) {
    return Error(SigV4Errc::signature_mismatch);
  }
  return {};
}

}  // namespace concordat::keyservice

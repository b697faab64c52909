#include "deploy/parent/credentials_io.hpp"

#include <nlohmann/json.hpp>

#include "attest/base/json.hpp"
#include "deploy/parent/http_io.hpp"

namespace concordat::parent {
namespace {

using base::Error;
using base::JsonObject;
using base::Result;

constexpr std::chrono::milliseconds kStepTimeout{2'000};
constexpr std::chrono::minutes kMargin{5};
constexpr const char* kRolePath = "/latest/meta-data/iam/security-credentials/";
constexpr std::size_t kMaxRoleName = 64;  // IAM's own limit

std::string host_of(const peer::Endpoint& endpoint) {
  const auto* tcp = std::get_if<peer::TcpEndpoint>(&endpoint);
  return tcp != nullptr ? tcp->host : "localhost";
}

// IAM: alphanumeric and +=,.@_-
bool is_role_name(std::string_view text) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_-";
  return !text.empty() && text.size() <= kMaxRoleName &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

// Goes into a header of ours: printable, one line.
bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= 1024 &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

base::CodeInfo describe(CredentialsErrc code) noexcept {
  switch (code) {
    case CredentialsErrc::unavailable:
      return {"unavailable", "the instance metadata service gave no credentials"};
    case CredentialsErrc::bad_answer:
      return {"bad_answer", "the instance metadata service's answer is not understood"};
  }
  return {"unknown", "unknown credentials error"};
}

Result<Credentials> parse_imds_credentials(std::string_view text) {
  const auto value = base::parse_strict_json(text);
  if (!value) return Error(CredentialsErrc::bad_answer, value.error().to_string());
  const auto read = [&]() -> Result<Credentials> {
    CONCORDAT_TRY(JsonObject object, JsonObject::from(*value, ""));
    Credentials out;
    CONCORDAT_TRY(out.access_key_id, object.get_text("AccessKeyId"));
    CONCORDAT_TRY(out.secret_access_key, object.get_text("SecretAccessKey"));
    CONCORDAT_TRY(out.session_token, object.get_text("Token"));
    CONCORDAT_TRY(out.expires_at, object.get_text("Expiration"));
    CONCORDAT_CHECK(base::parse_rfc3339(*out.expires_at));
    return out;  // AWS adds keys as it likes: the others are not ours to judge
  };
  auto credentials = read();
  if (!credentials) return Error(CredentialsErrc::bad_answer, credentials.error().to_string());
  return credentials;
}

CredentialsSource::CredentialsSource(boost::asio::io_context& io, const CredentialsConfig& config)
    : io_(io), config_(config) {}

bool CredentialsSource::is_fresh() const {
  if (!kept_) return false;
  const auto expiry = base::parse_rfc3339(*kept_->expires_at);
  return expiry && base::system_wall_clock() + kMargin < *expiry;
}

void CredentialsSource::get(Handler handler) {
  if (config_.fixed) return handler(*config_.fixed);
  if (is_fresh()) return handler(*kept_);
  waiting_.push_back(std::move(handler));
  if (waiting_.size() == 1) fetch_token();
}

void CredentialsSource::fetch_token() {
  const HttpCall call{"PUT",
                      "/latest/api/token",
                      host_of(*config_.imds),
                      {{"X-aws-ec2-metadata-token-ttl-seconds", "300"}, {"Content-Length", "0"}}};
  async_http_call(io_, *config_.imds, call, kStepTimeout, [this](const Result<HttpReply>& reply) {
    if (!reply) return finish(Error(CredentialsErrc::unavailable, reply.error().to_string()));
    if (reply->status != 200 || !is_token(reply->body)) {
      return finish(Error(CredentialsErrc::unavailable,
                          "token request: status " + std::to_string(reply->status)));
    }
    fetch_role(reply->body);
  });
}

void CredentialsSource::read(const std::string& path, const std::string& token,
                             std::function<void(const std::string& body)> then) {
  const HttpCall call{"GET", path, host_of(*config_.imds), {{"X-aws-ec2-metadata-token", token}}};
  async_http_call(io_, *config_.imds, call, kStepTimeout,
                  [this, path, then = std::move(then)](const Result<HttpReply>& reply) {
                    if (!reply) {
                      return finish(Error(CredentialsErrc::unavailable, reply.error().to_string()));
                    }
                    if (reply->status != 200) {
                      return finish(Error(CredentialsErrc::unavailable,
                                          path + ": status " + std::to_string(reply->status)));
                    }
                    then(reply->body);
                  });
}

void CredentialsSource::fetch_role(const std::string& token) {
  read(kRolePath, token, [this, token](const std::string& body) {
    // One role a line; an instance has one.
    const std::string role = body.substr(0, body.find('\n'));
    if (!is_role_name(role)) {
      return finish(Error(CredentialsErrc::bad_answer, "no role's name in the list of roles"));
    }
    fetch_credentials(token, role);
  });
}

void CredentialsSource::fetch_credentials(const std::string& token, const std::string& role) {
  read(kRolePath + role, token, [this](const std::string& body) {
    const auto credentials = parse_imds_credentials(body);
    if (credentials) kept_ = *credentials;
    finish(credentials);
  });
}

void CredentialsSource::finish(const Result<Credentials>& result) {
  const auto waiting = std::exchange(waiting_, {});
  for (const Handler& handler : waiting)
    handler(result);
}

}  // namespace concordat::parent

// AWS Signature Version 4 for requests whose path is "/" and whose query is empty, as every request
// of the AWS JSON protocols is. Rules: AWS IAM User Guide, "Create a signed AWS API request".
//
// Both directions: `sign` for the client, `parse` + `verify` for the local KMS of the lab.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "attest/base/clock.hpp"
#include "attest/base/secret.hpp"
#include "keyservice/http_message.hpp"

namespace concordat::keyservice {

// What IMDSv2 hands out for the instance's role. It lets its holder call AWS as the instance, which
// the parent can do anyway: not a secret that protects a root.
struct AwsCredentials {
  std::string access_key_id;
  base::SecretBytes secret_access_key;
  std::string session_token;  // empty for a long-lived key
};
// The body of IMDS's iam/security-credentials/ROLE: AccessKeyId, SecretAccessKey, Token.
// Other members are ignored. Fails with credentials_malformed.
[[nodiscard]] base::Result<AwsCredentials> parse_imds_credentials(base::BytesView json);

enum class SigV4Errc {
  credentials_malformed = 1,
  signature_missing,
  signature_malformed,
  unsupported_target,
  wrong_scope,
  header_not_signed,
  outside_time_window,
  wrong_session_token,
  signature_mismatch,
};
[[nodiscard]] base::CodeInfo describe(SigV4Errc code) noexcept;
[[nodiscard]] constexpr const char* category_name(SigV4Errc) {
  return "sigv4";
}
[[nodiscard]] inline boost::system::error_code make_error_code(SigV4Errc e) {
  return base::enum_code(e);
}

struct SigV4Scope {
  std::string region;
  std::string service;
};

// Adds x-amz-date, x-amz-security-token (where the credentials have one) and authorization; every
// header present is signed. `request` has a host header and target "/".
void sigv4_sign(HttpRequest& request, const AwsCredentials& credentials, const SigV4Scope& scope,
                base::UnixMillis now);

// The Authorization header, taken apart and not yet believed.
struct SigV4Authorization {
  std::string access_key_id;
  std::string date;  // YYYYMMDD
  SigV4Scope scope;
  std::vector<std::string> signed_headers;  // lower case, sorted, distinct
  std::string signature;                    // 64 lower-case hex digits
};
[[nodiscard]] base::Result<SigV4Authorization> sigv4_parse(const HttpRequest& request);

// Succeeds when `credentials` signed exactly this request for `expected` within `max_skew` of
// `now`. host and every x-amz-* header must be among the signed ones, content-type where present.
[[nodiscard]] base::Status sigv4_verify(const HttpRequest& request,
                                        const SigV4Authorization& authorization,
                                        const AwsCredentials& credentials,
                                        const SigV4Scope& expected, base::UnixMillis now,
                                        std::chrono::milliseconds max_skew);

}  // namespace concordat::keyservice

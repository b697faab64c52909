// Signatures: the published test suite of AWS Signature V4 (get-vanilla, post-vanilla,
// get-header-value-trim) and one KMS request that botocore 1.43 signed.
#include "keyservice/sigv4.hpp"

#include <gtest/gtest.h>

#include "attest/base/secret_access.hpp"

namespace concordat::keyservice {
namespace {

using namespace std::chrono_literals;
using base::UnixMillis;

base::SecretBytes aws_secret(std::string text) {
  return base::SecretBytes::take({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

const SigV4Scope kSuiteScope{"us-east-1", "service"};
const SigV4Scope kKmsScope{"eu-west-1", "kms"};
const UnixMillis kSuiteTime = base::parse_rfc3339("2015-08-30T12:36:00Z").value();
const UnixMillis kKmsTime = base::parse_rfc3339("2026-01-02T03:04:05Z").value();

AwsCredentials suite_credentials() {
  return {"AKIDEXAMPLE", aws_secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), ""};
}
AwsCredentials session_credentials() {
  return {"ASIAEXAMPLE", aws_secret("secret/KEY+1"), "token=="};
}

HttpRequest suite_request(std::string method) {
  return {std::move(method), "/", {{"host", "example.amazonaws.com"}}, ""};
}
HttpRequest kms_request() {
  return {"POST",
          "/",
          {{"host", "kms.eu-west-1.amazonaws.com"},
           {"content-type", "application/x-amz-json-1.1"},
           {"x-amz-target", "TrentService.Decrypt"}},
          R"({"KeyId":"k"})"};
}
HttpRequest signed_kms_request() {
  HttpRequest request = kms_request();
  sigv4_sign(request, session_credentials(), kKmsScope, kKmsTime);
  return request;
}

std::string suite_signature(HttpRequest request) {
  sigv4_sign(request, suite_credentials(), kSuiteScope, kSuiteTime);
  return sigv4_parse(request).value().signature;
}

std::string& header(HttpRequest& request, std::string_view name) {
  for (HttpHeader& h : request.headers) {
    if (h.name == name) return h.value;
  }
  throw std::logic_error("no such header");
}

// Verifies as the receiver of signed_kms_request would.
base::Status verify(const HttpRequest& request, UnixMillis now = kKmsTime,
                    const SigV4Scope& scope = kKmsScope) {
  CONCORDAT_TRY(const auto authorization, sigv4_parse(request));
  return sigv4_verify(request, authorization, session_credentials(), scope, now, 5min);
}

TEST(SigV4Sign, MatchesPublishedSuite) {
  EXPECT_EQ(suite_signature(suite_request("GET")),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  EXPECT_EQ(suite_signature(suite_request("POST")),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
  HttpRequest trim = suite_request("GET");
  trim.headers.push_back({"my-header1", " value1 "});
  trim.headers.push_back({"my-header2", " \"a   b   c\" "});
  EXPECT_EQ(suite_signature(trim),
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
}

TEST(SigV4Sign, MatchesBotocoreWithSessionToken) {
  EXPECT_EQ(find_header(signed_kms_request().headers, "authorization"),
            "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/20260102/eu-west-1/kms/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, "
            "Signature=1b0d409d01ac60baaf24a8b131ee2021554b7f5509e37342c898539b35c8bb0b");
}

TEST(SigV4Sign, MillisecondsDoNotShow) {
  HttpRequest request = kms_request();
  sigv4_sign(request, session_credentials(), kKmsScope, kKmsTime + 999ms);
  EXPECT_EQ(find_header(request.headers, "x-amz-date"), "20260102T030405Z");
}

TEST(SigV4Verify, AcceptsWhatItSigned) {
  EXPECT_TRUE(verify(signed_kms_request()));
}

TEST(SigV4Verify, RefusesEveryChangeOfWhatWasSigned) {
  HttpRequest body = signed_kms_request();
  body.body += " ";
  EXPECT_TRUE(verify(body).error().is(SigV4Errc::signature_mismatch));

  HttpRequest method = signed_kms_request();
  method.method = "PUT";
  EXPECT_TRUE(verify(method).error().is(SigV4Errc::signature_mismatch));

  for (const char* name : {"host", "content-type", "x-amz-target"}) {
    HttpRequest changed = signed_kms_request();
    header(changed, name) += "x";
    EXPECT_TRUE(verify(changed).error().is(SigV4Errc::signature_mismatch)) << name;
  }
  HttpRequest repeated = signed_kms_request();
  repeated.headers.push_back({"x-amz-target", "TrentService.Encrypt"});
  EXPECT_TRUE(verify(repeated).error().is(SigV4Errc::signature_mismatch));
}

TEST(SigV4Verify, RefusesUnsignedHeaders) {
  HttpRequest request = signed_kms_request();
  request.headers.push_back({"x-amz-new", "1"});
  EXPECT_TRUE(verify(request).error().is(SigV4Errc::header_not_signed));

  HttpRequest plain{"POST", "/", {{"host", "h"}}, ""};
  sigv4_sign(plain, session_credentials(), kKmsScope, kKmsTime);
  plain.headers.push_back({"content-type", "text/plain"});
  EXPECT_TRUE(verify(plain).error().is(SigV4Errc::header_not_signed));

  HttpRequest no_host{"POST", "/", {{"x-amz-target", "t"}}, ""};
  sigv4_sign(no_host, session_credentials(), kKmsScope, kKmsTime);
  EXPECT_TRUE(verify(no_host).error().is(SigV4Errc::header_not_signed));
}

TEST(SigV4Verify, RefusesOtherScopeTimeTokenAndTarget) {
  EXPECT_TRUE(verify(signed_kms_request(), kKmsTime, {"eu-west-2", "kms"})
                  .error()
                  .is(SigV4Errc::wrong_scope));
  EXPECT_TRUE(verify(signed_kms_request(), kKmsTime, {"eu-west-1", "sts"})
                  .error()
                  .is(SigV4Errc::wrong_scope));
  EXPECT_TRUE(verify(signed_kms_request(), kKmsTime + 5min));
  EXPECT_TRUE(verify(signed_kms_request(), kKmsTime + 5min + 1ms)
                  .error()
                  .is(SigV4Errc::outside_time_window));
  EXPECT_TRUE(verify(signed_kms_request(), kKmsTime - 5min - 1ms)
                  .error()
                  .is(SigV4Errc::outside_time_window));
  HttpRequest token = signed_kms_request();
  header(token, "x-amz-security-token") = "other";
  EXPECT_TRUE(verify(token).error().is(SigV4Errc::wrong_session_token));
  HttpRequest target = signed_kms_request();
  target.target = "/?a=b";
  EXPECT_TRUE(verify(target).error().is(SigV4Errc::unsupported_target));
  HttpRequest date = signed_kms_request();
  header(date, "x-amz-date") = "20260103T030405Z";
  EXPECT_TRUE(verify(date).error().is(SigV4Errc::wrong_scope));
  header(date, "x-amz-date") = "now";
  EXPECT_TRUE(verify(date).error().is(SigV4Errc::signature_malformed));
}

TEST(SigV4Parse, RefusesMalformedHeaders) {
  HttpRequest none = kms_request();
  EXPECT_TRUE(sigv4_parse(none).error().is(SigV4Errc::signature_missing));
  const std::string credential = "Credential=A/20260102/eu-west-1/kms/aws4_request";
  for (const std::string& text : {
           std::string("Bearer abc"),
           "AWS4-HMAC-SHA256 " + credential + ", SignedHeaders=host",
           "AWS4-HMAC-SHA256 " + credential + ", Signature=aa",
           std::string("AWS4-HMAC-SHA256 SignedHeaders=host, Signature=aa"),
           "AWS4-HMAC-SHA256 " + credential + ", SignedHeaders=x-amz-date;host, Signature=aa",
           "AWS4-HMAC-SHA256 " + credential + ", SignedHeaders=host;host, Signature=aa",
           "AWS4-HMAC-SHA256 " + credential + ", SignedHeaders=host, Signature=aa, Signature=bb",
           std::string("AWS4-HMAC-SHA256 Credential=A/2026/eu-west-1/kms/aws4_request, "
                       "SignedHeaders=host, Signature=aa"),
           std::string("AWS4-HMAC-SHA256 Credential=A/20260102/kms/aws4_request, "
                       "SignedHeaders=host, Signature=aa"),
       }) {
    HttpRequest request = kms_request();
    request.headers.push_back({"authorization", text});
    EXPECT_TRUE(sigv4_parse(request).error().is(SigV4Errc::signature_malformed)) << text;
  }
}

TEST(ImdsCredentials, ReadsWhatTheMetadataServiceSends) {
  const auto read = parse_imds_credentials(base::as_bytes(
      R"({"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIA1","SecretAccessKey":"s3",
          "Token":"tok","Expiration":"2026-01-02T09:04:05Z"})"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->access_key_id, "ASIA1");
  EXPECT_EQ(base::as_text(read->secret_access_key.expose(base::SecretAccess{})), "s3");
  EXPECT_EQ(read->session_token, "tok");
  const std::string good = R"({"AccessKeyId":"a","SecretAccessKey":"s","Token":"t"})";
  ASSERT_TRUE(parse_imds_credentials(base::as_bytes(good)));
  for (const std::string& bad :
       {std::string(), std::string("[]"), std::string("{}"), std::string(R"({"AccessKeyId":"a"})"),
        std::string(R"({"AccessKeyId":1})"), good + " x", good + '\0', good + std::string("\0x", 2),
        R"({"Token":"t",)" + good.substr(1)}) {
    EXPECT_TRUE(
        parse_imds_credentials(base::as_bytes(bad)).error().is(SigV4Errc::credentials_malformed))
        << bad;
  }
}

}  // namespace
}  // namespace concordat::keyservice

#include "deploy/lab/kms_core.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "attest/base/json.hpp"
#include "deploy/lab/kms_call.hpp"
#include "deploy/lab/kms_service_error.hpp"

namespace concordat::lab {
namespace {

using base::Error;
using base::Result;
using keyservice::HttpReply;
using keyservice::HttpRequest;
using keyservice::SigV4Errc;

constexpr std::string_view kService = "kms";
constexpr std::string_view kTargetPrefix = "TrentService.";
constexpr std::string_view kContentType = "application/x-amz-json-1.1";
// What AWS allows a signer's clock to be off.
constexpr std::chrono::minutes kMaxSkew{5};

struct FaultName {
  std::string_view name;
  Fault fault;
};
constexpr std::array kFaults{
    FaultName{"throttle", Fault::throttle},
    FaultName{"plaintext", Fault::plaintext},
    FaultName{"wrong-key-id", Fault::wrong_key_id},
    FaultName{"garbage", Fault::garbage},
    FaultName{"other-plaintext", Fault::other_plaintext},
};

ServiceErrc code_of(const Error& signature) {
  if (signature.is(SigV4Errc::signature_missing)) return ServiceErrc::missing_authentication_token;
  if (signature.is(SigV4Errc::signature_malformed)) return ServiceErrc::incomplete_signature;
  return ServiceErrc::invalid_signature;
}

Result<std::string_view> operation_of(const HttpRequest& request) {
  const std::string_view target = find_header(request.headers, "x-amz-target");
  if (request.method != "POST" || !target.starts_with(kTargetPrefix)) {
    return Error(ServiceErrc::unknown_operation, "want POST with X-Amz-Target TrentService.NAME");
  }
  return target.substr(kTargetPrefix.size());
}

Result<nlohmann::json> parse_body(const HttpRequest& request) {
  auto body = base::parse_strict_json(request.body);
  if (!body) return Error(ServiceErrc::serialization, body.error().to_string());
  if (!body->is_object()) return Error(ServiceErrc::serialization);
  return body;
}

HttpReply reply(unsigned status, const nlohmann::json& body) {
  return {status,
          {{"content-type", std::string(kContentType)}},
          // Errors quote what clients sent.
          body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

HttpReply error_reply(const Error& error) {
  const ServiceAnswer answer = service_answer(error);
  return reply(answer.status, {{"__type", answer.exception}, {"message", answer.message}});
}

}  // namespace

std::optional<Fault> parse_fault(std::string_view name) {
  const auto row = std::ranges::find(kFaults, name, &FaultName::name);
  return row == kFaults.end() ? std::nullopt : std::optional(row->fault);
}

KmsCore::KmsCore(KmsSettings settings, KeyTable& keys, base::Logger& log)
    : settings_(std::move(settings)), keys_(keys), log_(log) {}

Result<const LabPrincipal*> KmsCore::authenticate(const HttpRequest& request,
                                                  base::UnixMillis now) const {
  const auto authorization = keyservice::sigv4_parse(request);
  if (!authorization) {
    return Error(code_of(authorization.error()), authorization.error().to_string());
  }
  const auto principal =
      std::ranges::find(settings_.principals, authorization->access_key_id,
                        [](const LabPrincipal& p) { return p.credentials.access_key_id; });
  if (principal == settings_.principals.end()) return Error(ServiceErrc::unrecognized_client);
  const auto verified =
      keyservice::sigv4_verify(request, *authorization, principal->credentials,
                               {settings_.region, std::string(kService)}, now, kMaxSkew);
  if (!verified) return Error(code_of(verified.error()), verified.error().to_string());
  return &*principal;
}

HttpReply KmsCore::handle(const HttpRequest& request, base::UnixMillis now) {
  std::string_view operation = "?";
  std::string key;
  std::string enclave;
  std::string caller;
  const auto answer = [&]() -> Result<nlohmann::json> {
    CONCORDAT_TRY(operation, operation_of(request));
    CONCORDAT_TRY(const LabPrincipal* principal, authenticate(request, now));
    caller = principal->arn;
    CONCORDAT_TRY(const nlohmann::json body, parse_body(request));
    KmsCall call(settings_, keys_, *principal, now);
    auto done = call.run(operation, body);
    key = call.key_arn();
    enclave = call.enclave();
    return done;
  }();
  if (!answer) {
    log_.error(
        "kms_request", answer.error(),
        {{"operation", operation}, {"key", key}, {"principal", caller}, {"enclave", enclave}});
    return error_reply(answer.error());
  }
  log_.info("kms_request",
            {{"operation", operation}, {"key", key}, {"principal", caller}, {"enclave", enclave}});
  return reply(200, *answer);
}

}  // namespace concordat::lab

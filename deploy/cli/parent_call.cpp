#include "deploy/cli/parent_call.hpp"

#include <nlohmann/json.hpp>

#include "attest/base/json.hpp"

namespace concordat::cli {

using base::Error;
using base::Result;

namespace {

// What the parent says in {"error": {"code", "message"}}, or the status where it says nothing.
std::string reason_of(const ParentAnswer& answer) {
  const auto body = base::parse_strict_json(answer.body);
  if (body && body->is_object() && body->contains("error") && (*body)["error"].is_object()) {
    const auto& error = (*body)["error"];
    return error.value("code", "") + ": " + error.value("message", "");
  }
  return "status " + std::to_string(answer.status);
}

}  // namespace

base::CodeInfo describe(ParentErrc code) noexcept {
  switch (code) {
    case ParentErrc::refused:
      return {"parent_refused", "the parent refused"};
    case ParentErrc::unreachable:
      return {"parent_unreachable", "no answer from the parent"};
    case ParentErrc::not_understood:
      return {"parent_not_understood", "the parent's answer is not understood"};
  }
  return {"unknown", "unknown parent error"};
}

Result<peer::Endpoint> operator_endpoint(const std::string& text) {
  CONCORDAT_TRY(peer::Endpoint endpoint, peer::parse_endpoint(text));
  if (std::holds_alternative<peer::VsockEndpoint>(endpoint)) {
    return Error(peer::EndpointErrc::unknown_scheme,
                 text + ": operators reach a parent by unix: or tcp:, never by vsock");
  }
  return endpoint;
}

Result<nlohmann::json> ask_parent(const ParentCall& call, const peer::Endpoint& endpoint,
                                  const ParentRequest& request) {
  const std::string where = peer::to_string(endpoint);
  const auto answer = call(endpoint, request);
  if (!answer) return Error(ParentErrc::unreachable, where + ": " + answer.error().to_string());
  if (answer->status != 200) return Error(ParentErrc::refused, where + ": " + reason_of(*answer));
  auto body = base::parse_strict_json(answer->body);
  if (!body || !body->is_object()) {
    return Error(ParentErrc::not_understood, where + ": want a JSON object");
  }
  return *std::move(body);
}

}  // namespace concordat::cli

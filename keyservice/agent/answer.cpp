#include "keyservice/agent/answer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attest/base/json_writer.hpp"
#include "keyservice/keyring/envelope.hpp"
#include "keyservice/keyring/public_key.hpp"

namespace concordat::keyservice::agent {

using base::Error;
using base::JsonWriter;
using base::Result;
using nlohmann::ordered_json;

namespace {

struct StatusOf {
  unsigned status;
  std::initializer_list<std::string_view> codes;
};

const StatusOf kStatuses[] = {
    {400,
     {"malformed_request", "bad_key_name", "bad_output_size", "operation_not_of_key",
      "unknown_operation", "user_data_too_large", "field_size"}},
    {403, {"not_granted", "grant_expired", "not_exportable", "foreign_host"}},
    {404, {"not_found", "key_unknown", "version_unknown"}},
    {405, {"method_not_allowed"}},
    {409,
     {"key_disabled", "key_destroyed", "version_disabled", "version_destroyed",
      "version_below_minimum", "other_key_type"}},
    {413, {"message_too_large", "input_too_large", "body_too_large"}},
    {422,
     {"authentication_failed", "envelope_malformed", "other_envelope_format", "other_kind",
      "other_key", "other_version", "other_algorithm", "bad_peer_key"}},
    {429, {"use_limit_reached", "overloaded", "too_many_waiting", "nsm_busy"}},
    {431, {"header_too_large"}},
    // What may come back by itself.
    {503, {"not_ready",       "custodian_unreachable", "stopping",
           "policy_expired",  "policy_not_yet_valid",  "no_policy",
           "no_anchor",       "anchor_expired",        "uses_not_recorded",
           "wrong_root",      "generation_not_held",   "generation_not_taken_over",
           "not_loaded",      "unknown_generation",    "unreachable",
           "store_full",      "store_failed",          "contended",
           "outcome_unknown", "rolled_back",           "forked",
           "out_of_memory",   "audit_unavailable",     "audit_taken_over"}},
    {504, {"timed_out"}},
};

std::string dumped(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

JsonWriter named(const std::string& name, std::uint32_t version) {
  JsonWriter out;
  out.text("name", name).number("version", version);
  return out;
}

Answer json_answer(JsonWriter writer) {
  return {200, {}, std::move(writer).finish()};
}

std::string_view member_of(Action action) noexcept {
  return action == Action::decrypt ? "plaintext" : "bytes";
}

// nullopt: not an answer to this.
std::optional<Answer> of_envelope(const Target& target, const MadeEnvelope& made) {
  const auto envelope = decode_envelope(made.envelope);
  if (!envelope || envelope->key_name != target.name) return std::nullopt;
  auto out = named(target.name, envelope->key_version);
  switch (target.action) {
    case Action::sign:
    case Action::mac:
      out.text("algorithm", to_string(envelope->algorithm));
      out.bytes(target.action == Action::sign ? "signature" : "tag", envelope->body);
      out.bytes("envelope", made.envelope);
      break;
    case Action::encrypt:
      out.bytes("ciphertext", made.envelope);
      break;
    case Action::wrap:
      out.bytes("wrapped", made.envelope);
      break;
    default:
      return std::nullopt;
  }
  return json_answer(std::move(out));
}

Answer of_bytes(const Target& target, const GivenBytes& given) {
  if (target.action == Action::random) {
    JsonWriter out;
    out.bytes("bytes", given.bytes);
    return json_answer(std::move(out));
  }
  auto out = named(target.name, given.version);
  out.bytes(member_of(target.action), given.bytes);
  return json_answer(std::move(out));
}

Answer of_public_key(const Target& target, const GivenPublicKey& given) {
  const PublicKey key{given.type, given.raw};
  auto out = named(target.name, given.version);
  out.text("type", to_string(given.type)).bytes("raw", key.raw).bytes("der", key.der());
  out.text("pem", key.pem());
  return json_answer(std::move(out));
}

}  // namespace

unsigned status_of(std::string_view code) noexcept {
  for (const StatusOf& row : kStatuses)
    if (std::ranges::find(row.codes, code) != row.codes.end()) return row.status;
  // Nobody confirms the policy: somebody may, later.
  return code.starts_with("freshness_") ? 503 : 502;
}

Answer refusal(std::string_view code, std::string_view message, std::string_view request_id) {
  const ordered_json body = {
      {"error", {{"code", code}, {"message", message}, {"request_id", request_id}}}};
  return {status_of(code), dumped(body), {}};
}

Answer refusal(const Error& error, std::string_view request_id) {
  return refusal(error.name(), error.to_string(), request_id);
}

Answer released(const std::string& name, const ReleasedKey& key, bool bare) {
  if (bare) return {200, {}, key.key.clone(), "application/octet-stream"};
  auto out = named(name, key.version);
  out.text("type", to_string(key.type)).bytes("key", key.key);
  out.text("expires", base::format_rfc3339(key.expires));
  return json_answer(std::move(out));
}

Answer answer_of(const Target& target, const ResponseBody& body, bool bare,
                 std::string_view request_id) {
  if (const auto* failure = std::get_if<Failure>(&body)) {
    return refusal(failure->code, failure->detail, request_id);
  }
  std::optional<Answer> answer;
  if (const auto* key = std::get_if<ReleasedKey>(&body)) answer = released(target.name, *key, bare);
  if (const auto* made = std::get_if<MadeEnvelope>(&body)) answer = of_envelope(target, *made);
  if (const auto* given = std::get_if<GivenBytes>(&body)) answer = of_bytes(target, *given);
  if (const auto* given = std::get_if<GivenPublicKey>(&body)) {
    answer = of_public_key(target, *given);
  }
  if (const auto* verified = std::get_if<Verified>(&body)) {
    auto out = named(target.name, verified->version);
    out.flag("valid", true);
    answer = json_answer(std::move(out));
  }
  if (answer) return *std::move(answer);
  return refusal(Error(Errc::malformed_response, "the custodian's answer is to something else"),
                 request_id);
}

}  // namespace concordat::keyservice::agent

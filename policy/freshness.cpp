#include "policy/freshness.hpp"

#include <nlohmann/json.hpp>

#include "policy/errc.hpp"
#include "policy/field_reader.hpp"
#include "policy/limits.hpp"

namespace concordat::policy {
namespace {

using base::Error;
using base::Result;
using base::Status;
using base::UnixMillis;

constexpr std::size_t kTimeLength = 32;
constexpr json::Bounds kBounds{limits::kStatementBytes, 2, 16};

Result<Envelope> open_envelope(base::BytesView envelope) {
  if (envelope.size() > limits::kStatementBytes) {
    return Error(FreshnessErrc::malformed,
                 "larger than " + std::to_string(limits::kStatementBytes) + " bytes");
  }
  CONCORDAT_TRY(Envelope parsed, Envelope::parse(envelope));
  if (parsed.payload_type != kFreshnessPayloadType) {
    return Error(SignatureErrc::wrong_payload_type,
                 "want " + quote(kFreshnessPayloadType) + ", found " + quote(parsed.payload_type));
  }
  return parsed;
}

// Exactly one signature, and of this key: a statement has one author.
Status check_author(const Envelope& envelope, const SignerKey& key) {
  const base::Bytes message = pre_authentication_encoding(envelope.payload_type, envelope.payload);
  const bool right = envelope.signatures.size() == 1 &&
                     envelope.signatures[0].key_id == key_id(key) &&
                     check_signature(envelope.signatures[0].signature, message, key);
  if (right) return {};
  return Error(FreshnessErrc::not_signed, "want one signature, by key " + key_id(key));
}

std::chrono::milliseconds max_age(const Policy& policy) {
  return std::chrono::seconds(policy.model().freshness->max_age_seconds);
}

Error too_old(const Policy& policy, UnixMillis time) {
  return Error(FreshnessErrc::too_old,
               "serial " + std::to_string(policy.serial()) + " was confirmed at " +
                   base::format_rfc3339(time) + ", which counts for " +
                   std::to_string(policy.model().freshness->max_age_seconds) + " s");
}

}  // namespace

std::string encode_freshness(const FreshnessFields& fields) {
  const nlohmann::ordered_json out = {{"format", kFreshnessFormat},
                                      {"realm", fields.realm},
                                      {"serial", fields.serial},
                                      {"digest", fields.digest.hex()},
                                      {"time", base::format_rfc3339(fields.time)}};
  return out.dump();
}

Result<FreshnessFields> parse_freshness(std::string_view payload) {
  const json::Parsed parsed = json::parse(payload, kBounds);
  if (!parsed.root) return Error(FreshnessErrc::malformed, parsed.why.to_string());
  const json::Path path;
  json::Report report;
  const json::Fields fields(*parsed.root, path, report,
                            {"format", "realm", "serial", "digest", "time"});
  FreshnessFields out;
  if (fields.text("format", limits::kNameLength) != kFreshnessFormat) {
    fields.error(PolicyErrc::bad_value, "format", "want " + quote(kFreshnessFormat));
  }
  out.realm = fields.text("realm", limits::kNameLength);
  out.serial = fields.integer("serial", 1, limits::kInteger);
  const auto digest = PolicyDigest::from_hex(fields.text("digest", 2 * PolicyDigest::kSize));
  if (digest) {
    out.digest = *digest;
  } else {
    fields.error(PolicyErrc::bad_value, "digest", "want 64 hex digits");
  }
  const auto time = base::parse_rfc3339(fields.text("time", kTimeLength));
  if (time) {
    out.time = *time;
  } else {
    fields.error(PolicyErrc::bad_value, "time", time.error().to_string());
  }
  const Findings findings = std::move(report).take(payload, *parsed.root);
  if (!findings.empty()) return Error(FreshnessErrc::malformed, findings.front().to_string());
  return out;
}

Result<FreshnessFields> peek_freshness(base::BytesView envelope) {
  CONCORDAT_TRY(const Envelope parsed, open_envelope(envelope));
  return parse_freshness(base::as_text(parsed.payload));
}

Result<Envelope> sign_freshness(const Policy& policy, UnixMillis time, const Signer& key) {
  const std::string payload =
      encode_freshness({policy.realm(), policy.serial(), policy.digest(), time});
  Envelope envelope{
      std::string(kFreshnessPayloadType), base::to_bytes(base::as_bytes(payload)), {}};
  CONCORDAT_CHECK(add_signature(envelope, key));
  return envelope;
}

Result<FreshnessStatement> FreshnessStatement::verify(base::BytesView envelope,
                                                      const Policy& policy, UnixMillis now) {
  const auto& freshness = policy.model().freshness;
  if (!freshness) {
    return Error(FreshnessErrc::not_wanted,
                 "serial " + std::to_string(policy.serial()) + " names no freshness key");
  }
  CONCORDAT_TRY(const Envelope parsed, open_envelope(envelope));
  // Before the payload is read: what another policy's key signed is told apart from noise below,
  // by whoever holds the key alone.
  CONCORDAT_CHECK(check_author(parsed, freshness->key));
  CONCORDAT_TRY(const FreshnessFields fields, parse_freshness(base::as_text(parsed.payload)));
  if (fields.realm != policy.realm() || fields.serial != policy.serial() ||
      fields.digest != policy.digest()) {
    return Error(FreshnessErrc::other_policy, "it is for serial " + std::to_string(fields.serial) +
                                                  ", digest " + fields.digest.hex() + " of realm " +
                                                  quote(fields.realm) + "; in force is serial " +
                                                  std::to_string(policy.serial()) + ", digest " +
                                                  policy.digest().hex());
  }
  if (fields.time > now + limits::kFreshnessFuture) {
    return Error(FreshnessErrc::in_future, "made at " + base::format_rfc3339(fields.time) +
                                               ", now is " + base::format_rfc3339(now));
  }
  if (now - fields.time >= max_age(policy)) return too_old(policy, fields.time);
  return FreshnessStatement(fields.time);
}

Status usable_at(const Policy& policy, const std::optional<UnixMillis>& confirmed, UnixMillis now) {
  CONCORDAT_CHECK(policy.valid_at(now));
  if (!policy.model().freshness) return {};
  if (!confirmed) {
    return Error(FreshnessErrc::missing,
                 "serial " + std::to_string(policy.serial()) + " wants a freshness statement");
  }
  if (now - *confirmed >= max_age(policy)) return too_old(policy, *confirmed);
  return {};
}

}  // namespace concordat::policy

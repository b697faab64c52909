#include "session/protocols/frost/parameters.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

#include "attest/base/json.hpp"

namespace concordat::session::frost {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::JsonErrc;
using base::JsonObject;
using base::Result;
using base::Status;

constexpr std::string_view kParameters = "parameters";

Result<nlohmann::json> parse_text(BytesView text) {
  if (text.size() > kMaxParameters) {
    return Error(JsonErrc::bad_value, std::string(kParameters) + ": more than " +
                                          std::to_string(kMaxParameters) + " bytes");
  }
  return base::parse_strict_json(base::as_text(text));
}

Result<Bytes> read_hex(JsonObject& object, std::string_view key) {
  CONCORDAT_TRY(const std::string text, object.get_text(key));
  auto bytes = base::from_hex(text);
  if (!bytes) return object.bad_value(key, bytes.error().to_string());
  return bytes;
}

Result<GroupInfo> read_group(JsonObject& object) {
  CONCORDAT_TRY(const Bytes encoded, read_hex(object, "group"));
  return GroupInfo::decode(encoded);
}

// {"PLACE": SHARE, ..}
Result<Indices> read_indices(JsonObject& object, std::string_view key, std::size_t parties) {
  CONCORDAT_TRY(JsonObject entries, object.get_object(key));
  Indices out;
  for (const std::string& place : entries.keys()) {
    PartyIndex party = 0;
    const auto [end, error] = std::from_chars(place.data(), place.data() + place.size(), party);
    if (error != std::errc() || party == 0 || party > parties || std::to_string(party) != place) {
      return entries.bad_value(place, "not the place of a party, 1 to " + std::to_string(parties));
    }
    CONCORDAT_TRY(const std::uint64_t share, entries.get_uint(place, 1, kMaxHolders));
    out.emplace(party, static_cast<Index>(share));
  }
  if (out.empty()) return object.bad_value(key, "names nobody");
  return out;
}

// Where it is absent: the share of its place.
Result<Indices> read_signers(JsonObject& object, std::size_t parties) {
  if (object.find("signers") != nullptr) return read_indices(object, "signers", parties);
  Indices out;
  for (PartyIndex party = 1; party <= parties; ++party)
    out.emplace(party, party);
  return out;
}

Result<std::optional<SignParameters::PreparedNonces>> read_nonces(JsonObject& object) {
  using Prepared = SignParameters::PreparedNonces;
  if (object.find("nonces") == nullptr) return std::optional<Prepared>();
  CONCORDAT_TRY(JsonObject nonces, object.get_object("nonces"));
  Prepared out;
  CONCORDAT_TRY(const Bytes batch, read_hex(nonces, "batch"));
  const auto id = BatchId::from(batch);
  if (!id) return nonces.bad_value("batch", id.error().to_string());
  out.batch = *id;
  CONCORDAT_TRY(out.position, nonces.get_uint("position", 0, kMaxBatch - 1));
  CONCORDAT_CHECK(nonces.finish());
  return std::optional(out);
}

}  // namespace

Status parse_keygen(BytesView parameters) {
  CONCORDAT_TRY(const nlohmann::json json, parse_text(parameters));
  CONCORDAT_TRY(const JsonObject object, JsonObject::from(json, std::string(kParameters)));
  return object.finish();
}

Result<SignParameters> parse_sign(BytesView parameters, std::size_t parties) {
  CONCORDAT_TRY(const nlohmann::json json, parse_text(parameters));
  CONCORDAT_TRY(JsonObject object, JsonObject::from(json, std::string(kParameters)));
  CONCORDAT_TRY(GroupInfo group, read_group(object));
  SignParameters out{std::move(group), {}, {}, {}};
  if (object.find("message_sha256") != nullptr) {
    CONCORDAT_TRY(const Bytes hash, read_hex(object, "message_sha256"));
    auto digest = base::Sha256Digest::from(hash);
    if (!digest) return object.bad_value("message_sha256", digest.error().to_string());
    out.message = *digest;
  } else {
    CONCORDAT_TRY(Bytes message, read_hex(object, "message"));
    if (message.size() > kMaxMessageInDescriptor) {
      return object.bad_value("message", "more than " + std::to_string(kMaxMessageInDescriptor) +
                                             " bytes; name it by message_sha256");
    }
    out.message = std::move(message);
  }
  CONCORDAT_TRY(out.signers, read_signers(object, parties));
  CONCORDAT_TRY(out.nonces, read_nonces(object));
  // Both at once: the one that was not read is unknown.
  CONCORDAT_CHECK(object.finish());
  return out;
}

Result<PreprocessParameters> parse_preprocess(BytesView parameters, std::size_t parties) {
  CONCORDAT_TRY(const nlohmann::json json, parse_text(parameters));
  CONCORDAT_TRY(JsonObject object, JsonObject::from(json, std::string(kParameters)));
  CONCORDAT_TRY(GroupInfo group, read_group(object));
  CONCORDAT_TRY(const std::uint64_t count, object.get_uint("count", 1, kMaxBatch));
  CONCORDAT_TRY(Indices signers, read_signers(object, parties));
  CONCORDAT_CHECK(object.finish());
  return PreprocessParameters{std::move(group), count, std::move(signers)};
}

Result<ReshareParameters> parse_reshare(BytesView parameters, std::size_t parties) {
  CONCORDAT_TRY(const nlohmann::json json, parse_text(parameters));
  CONCORDAT_TRY(JsonObject object, JsonObject::from(json, std::string(kParameters)));
  CONCORDAT_TRY(GroupInfo group, read_group(object));
  CONCORDAT_TRY(Indices dealers, read_indices(object, "dealers", parties));
  CONCORDAT_TRY(Indices holders, read_indices(object, "holders", parties));
  CONCORDAT_CHECK(object.finish());
  return ReshareParameters{std::move(group), std::move(dealers), std::move(holders)};
}

}  // namespace concordat::session::frost

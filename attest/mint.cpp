#include "attest/mint.hpp"

#include "attest/base/cbor.hpp"
#include "attest/claims.hpp"

namespace concordat::attest {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
namespace cbor = base::cbor;

// Deep enough for an extension map of maps in a handshake's items.
constexpr unsigned kMaxItemDepth = 8;
constexpr std::size_t kMaxItems = 32;
// X25519 and Ed25519 alike (RFC 8410).
constexpr std::size_t kCurve25519SpkiSize = 44;
constexpr std::size_t kChallengeSize = 32;

struct FieldRule {
  bool required = false;
  bool allowed = false;
  std::size_t min = 0;
  std::size_t max = 0;
};
constexpr FieldRule kNull{};
constexpr FieldRule kOptional{false, true, 0, nsm::kMaxField};
constexpr FieldRule exactly(std::size_t size) {
  return {true, true, size, size};
}
constexpr FieldRule kAnyKey{true, true, 1, nsm::kMaxField};

struct Row {
  std::string_view name;
  std::string_view domain;  // empty: user_data is null
  FieldRule nonce;
  FieldRule public_key;
};

constexpr Row row_of(Purpose purpose) noexcept {
  switch (purpose) {
    case Purpose::handshake_initiator:
      return {"handshake_initiator", "concordat/1/initiator", exactly(kChallengeSize),
              exactly(kCurve25519SpkiSize)};
    case Purpose::handshake_responder:
      return {"handshake_responder", "concordat/1/responder", exactly(kChallengeSize),
              exactly(kCurve25519SpkiSize)};
    case Purpose::kms_recipient:
      return {"kms_recipient", "", kNull, kAnyKey};
    case Purpose::genesis:
      return {"genesis", "concordat/genesis/1", kNull, kNull};
    case Purpose::application:
      return {"application", "concordat/application/1", kOptional, kNull};
    case Purpose::audit:
      return {"audit", "concordat/audit/1", kNull, exactly(kCurve25519SpkiSize)};
    case Purpose::recovery_set:
      return {"recovery_set", "concordat/recovery-set/1", exactly(kChallengeSize), kNull};
    case Purpose::recovery_target:
      return {"recovery_target", "concordat/recovery-target/1", exactly(kChallengeSize),
              exactly(kCurve25519SpkiSize)};
    case Purpose::session_initiator:
      return {"session_initiator", "concordat/1/session/initiator", exactly(kChallengeSize),
              exactly(kCurve25519SpkiSize)};
    case Purpose::session_responder:
      return {"session_responder", "concordat/1/session/responder", exactly(kChallengeSize),
              exactly(kCurve25519SpkiSize)};
    case Purpose::clock:
      break;
  }
  return {"clock", "", kNull, kNull};
}

template <class Field>
Status check_field(std::string_view name, const FieldRule& rule, const Field& field) {
  if (!field) {
    return rule.required ? Status(Error(PurposeErrc::field_missing, std::string(name))) : Status();
  }
  if (!rule.allowed) return Error(PurposeErrc::field_forbidden, std::string(name));
  if (field->size() < rule.min || field->size() > rule.max) {
    return Error(PurposeErrc::field_size,
                 std::string(name) + " has " + std::to_string(field->size()) + " bytes, want " +
                     std::to_string(rule.min) + " to " + std::to_string(rule.max));
  }
  return {};
}

Status pass_items(cbor::Reader& reader, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    CONCORDAT_CHECK(reader.skip(kMaxItemDepth));
  return reader.finish();
}

Result<std::optional<Bytes>> make_user_data(const Row& row, const UserDataItems& items) {
  if (row.domain.empty()) {
    if (items.count == 0 && items.encoded.empty()) return std::optional<Bytes>();
    return Error(PurposeErrc::field_forbidden, "user_data");
  }
  cbor::Reader reader(items.encoded);
  const Status passed = pass_items(reader, items.count);
  if (!passed || items.count >= kMaxItems) {
    return Error(PurposeErrc::user_data_malformed,
                 passed ? "too many items" : passed.error().to_string());
  }
  cbor::Writer writer;
  writer.array(items.count + 1).text(row.domain).raw(items.encoded);
  if (writer.view().size() > nsm::kMaxField) {
    return Error(PurposeErrc::user_data_too_large, std::to_string(writer.view().size()) +
                                                       " bytes, " + std::to_string(nsm::kMaxField) +
                                                       " allowed");
  }
  return std::optional<Bytes>(std::move(writer).take());
}

Result<UserDataItems> split_user_data(const Row& row, BytesView user_data) {
  cbor::Reader reader(user_data);
  CONCORDAT_TRY(const std::size_t count, reader.read_array(kMaxItems));
  if (count == 0) return Error(cbor::Errc::missing_key, "empty array");
  CONCORDAT_TRY(const std::string_view domain, reader.read_text(nsm::kMaxField));
  if (domain != row.domain) {
    return Error(PurposeErrc::other_purpose, "user_data is not of " + std::string(row.domain));
  }
  const std::size_t start = reader.offset();
  CONCORDAT_CHECK(pass_items(reader, count - 1));
  return UserDataItems{base::to_bytes(reader.consumed_since(start)), count - 1};
}

Result<UserDataItems> check_user_data(const Row& row, const std::optional<BytesView>& user_data) {
  if (row.domain.empty()) {
    if (!user_data) return UserDataItems{};
    return Error(PurposeErrc::field_forbidden, "user_data");
  }
  if (!user_data) return Error(PurposeErrc::field_missing, "user_data");
  auto items = split_user_data(row, *user_data);
  if (items || items.error().is(PurposeErrc::other_purpose)) return items;
  return Error(PurposeErrc::user_data_malformed, items.error().to_string());
}

}  // namespace

base::CodeInfo describe(PurposeErrc code) noexcept {
  switch (code) {
    case PurposeErrc::field_missing:
      return {"field_missing", "the purpose requires a field that is absent"};
    case PurposeErrc::field_forbidden:
      return {"field_forbidden", "the purpose requires a field to be null that is present"};
    case PurposeErrc::field_size:
      return {"field_size", "a field has another size than the purpose requires"};
    case PurposeErrc::user_data_too_large:
      return {"user_data_too_large", "user_data does not fit an attestation document"};
    case PurposeErrc::user_data_malformed:
      return {"user_data_malformed", "user_data is not an array of CBOR items"};
    case PurposeErrc::other_purpose:
      return {"other_purpose", "the document was made for another purpose"};
  }
  return {"unknown", "unknown purpose error"};
}

std::string_view to_string(Purpose purpose) noexcept {
  return row_of(purpose).name;
}

std::string_view domain_of(Purpose purpose) noexcept {
  return row_of(purpose).domain;
}

Result<Bytes> mint(NsmTransport& nsm, const MintRequest& request) {
  const Row row = row_of(request.purpose);
  CONCORDAT_CHECK(check_field("nonce", row.nonce, request.nonce));
  CONCORDAT_CHECK(check_field("public_key", row.public_key, request.public_key));
  CONCORDAT_TRY(auto user_data, make_user_data(row, request.items));
  return nsm::attestation(nsm, {std::move(user_data), request.nonce, request.public_key});
}

Result<UserDataItems> check_purpose(Purpose purpose, const VerifiedClaims& claims) {
  const auto view = [](const std::optional<Bytes>& field) {
    return field ? std::optional<BytesView>(*field) : std::nullopt;
  };
  return check_purpose(purpose, ChosenFields{view(claims.user_data()), view(claims.nonce()),
                                             view(claims.public_key())});
}

Result<UserDataItems> check_purpose(Purpose purpose, const ChosenFields& fields) {
  const Row row = row_of(purpose);
  CONCORDAT_TRY(UserDataItems items, check_user_data(row, fields.user_data));
  CONCORDAT_CHECK(check_field("nonce", row.nonce, fields.nonce));
  CONCORDAT_CHECK(check_field("public_key", row.public_key, fields.public_key));
  return items;
}

}  // namespace concordat::attest

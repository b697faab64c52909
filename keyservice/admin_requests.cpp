#include <algorithm>
#include <concepts>

#include "attest/base/secret_access.hpp"
#include "keyservice/admin_messages.hpp"
#include "keyservice/cbor_items.hpp"
#include "keyservice/genesis.hpp"
#include "keyservice/keyring/operation_limits.hpp"
#include "keyservice/message_parts.hpp"
#include "keyservice/recovery/limits.hpp"
#include "policy/limits.hpp"
#include "policy/recovery_order.hpp"

namespace concordat::keyservice {
namespace {

using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using base::Status;
using base::cbor::Reader;
using base::cbor::Writer;

// A record with an envelope of the largest kind and what it is bound to is the largest.
static_assert(kMaxRequest > kMaxEnvelope + kMaxAssociatedData + 64);
static_assert(kMaxRequest > policy::limits::kOrderEnvelopeBytes + recovery::kMaxSet + 64);
constexpr std::size_t kMostItems = 8;
constexpr std::size_t kHead = 2;  // id, operation

template <class Request>
concept NamesGeneration = requires(Request request) {
  { request.generation } -> std::same_as<std::uint32_t&>;
};

// --- The arguments of each request, read and written in the same order ---

Status read_arguments(Reader&, StatusRequest&) {
  return {};
}
Status read_arguments(Reader& reader, ListKeysRequest& request) {
  CONCORDAT_TRY(request.pattern, reader.read_text(policy::limits::kKeyNameLength + 2));
  return {};
}
Status read_arguments(Reader& reader, DescribeKeyRequest& request) {
  CONCORDAT_TRY(request.name, reader.read_text(kMaxKeyName));
  return {};
}
Status read_arguments(Reader& reader, CreateKeyRequest& request) {
  CONCORDAT_TRY(request.name, reader.read_text(kMaxKeyName));
  CONCORDAT_TRY(request.type, read_enum(reader, KeyType::hmac));
  CONCORDAT_TRY(request.exportable, reader.read_bool());
  return {};
}
Status read_arguments(Reader& reader, ImportKeyRequest& request) {
  CONCORDAT_TRY(request.name, reader.read_text(kMaxKeyName));
  CONCORDAT_TRY(request.type, read_enum(reader, KeyType::hmac));
  CONCORDAT_TRY(request.exportable, reader.read_bool());
  CONCORDAT_TRY(request.newest_version, read_uint32(reader));
  CONCORDAT_TRY(request.format, read_enum(reader, KeyFormat::pkcs8));
  CONCORDAT_TRY(request.material, read_secret(reader, kMaxPkcs8));
  return {};
}
// Of those that name a key, a version, and whether it may be an implicit one.
Status read_arguments(Reader& reader, std::string& name, std::uint32_t& version, bool& implicit) {
  CONCORDAT_TRY(name, reader.read_text(kMaxKeyName));
  CONCORDAT_TRY(version, read_uint32(reader));
  CONCORDAT_TRY(implicit, reader.read_bool());
  return {};
}
Status read_arguments(Reader& reader, RotateKeyRequest& request) {
  return read_arguments(reader, request.name, request.newest_version, request.implicit);
}
Status read_arguments(Reader& reader, SetKeyStateRequest& request) {
  return read_arguments(reader, request.name, request.version, request.implicit);
}
Status read_arguments(Reader& reader, SetMinimumVersionRequest& request) {
  return read_arguments(reader, request.name, request.minimum, request.implicit);
}
Status read_arguments(Reader& reader, RewrapRequest& request) {
  CONCORDAT_TRY(request.associated, read_bytes(reader, kMaxAssociatedData));
  CONCORDAT_TRY(request.envelope, read_bytes(reader, kMaxEnvelope));
  return {};
}
Status read_arguments(Reader& reader, MakeRecoverySetRequest& request) {
  CONCORDAT_TRY(request.order, read_bytes(reader, policy::limits::kOrderEnvelopeBytes));
  return {};
}
Status read_arguments(Reader& reader, AttestRestoringRequest& request) {
  CONCORDAT_TRY(request.challenge, read_bytes(reader, policy::RecoveryChallenge::kSize));
  CONCORDAT_TRY(request.anew, reader.read_bool());
  return {};
}
Status read_arguments(Reader& reader, StartRestoringRequest& request) {
  CONCORDAT_TRY(request.order, read_bytes(reader, policy::limits::kOrderEnvelopeBytes));
  CONCORDAT_TRY(request.set, read_bytes(reader, recovery::kMaxSet));
  return {};
}
Status read_arguments(Reader& reader, ContributeShareRequest& request) {
  CONCORDAT_TRY(request.contribution, read_bytes(reader, recovery::kMaxContribution));
  return {};
}
Status read_arguments(Reader&, RestoringStatusRequest&) {
  return {};
}
Status read_arguments(Reader& reader, AdoptKeyRequest& request) {
  CONCORDAT_TRY(request.name, reader.read_text(kMaxKeyName));
  return {};
}
Status read_arguments(Reader&, RootStatusRequest&) {
  return {};
}
Status read_arguments(Reader& reader, MakeRootRequest& request) {
  CONCORDAT_TRY(request.challenge, read_bytes(reader, GenesisChallenge::kSize));
  return {};
}
template <NamesGeneration Request>
Status read_arguments(Reader& reader, Request& request) {
  CONCORDAT_TRY(request.generation, read_uint32(reader));
  return {};
}

void write_arguments(Writer&, const StatusRequest&) {}
void write_arguments(Writer& out, const ListKeysRequest& request) {
  out.text(request.pattern);
}
void write_arguments(Writer& out, const DescribeKeyRequest& request) {
  out.text(request.name);
}
void write_arguments(Writer& out, const CreateKeyRequest& request) {
  out.text(request.name).uint(number(request.type)).boolean(request.exportable);
}
// All but the material itself.
void write_arguments(Writer& out, const ImportKeyRequest& request) {
  out.text(request.name).uint(number(request.type)).boolean(request.exportable);
  out.uint(request.newest_version).uint(number(request.format));
  out.bytes_head(request.material.size());
}
void write_arguments(Writer& out, const RotateKeyRequest& request) {
  out.text(request.name).uint(request.newest_version).boolean(request.implicit);
}
void write_arguments(Writer& out, const SetKeyStateRequest& request) {
  out.text(request.name).uint(request.version).boolean(request.implicit);
}
void write_arguments(Writer& out, const SetMinimumVersionRequest& request) {
  out.text(request.name).uint(request.minimum).boolean(request.implicit);
}
void write_arguments(Writer& out, const RewrapRequest& request) {
  out.bytes(request.associated).bytes(request.envelope);
}
void write_arguments(Writer& out, const MakeRecoverySetRequest& request) {
  out.bytes(request.order);
}
void write_arguments(Writer& out, const AttestRestoringRequest& request) {
  out.bytes(request.challenge).boolean(request.anew);
}
void write_arguments(Writer& out, const StartRestoringRequest& request) {
  out.bytes(request.order).bytes(request.set);
}
void write_arguments(Writer& out, const ContributeShareRequest& request) {
  out.bytes(request.contribution);
}
void write_arguments(Writer&, const RestoringStatusRequest&) {}
void write_arguments(Writer& out, const AdoptKeyRequest& request) {
  out.text(request.name);
}
void write_arguments(Writer&, const RootStatusRequest&) {}
void write_arguments(Writer& out, const MakeRootRequest& request) {
  out.bytes(request.challenge);
}
template <NamesGeneration Request>
void write_arguments(Writer& out, const Request& request) {
  out.uint(request.generation);
}

// --- Which operation a request is, and with how many arguments ---

struct Shape {
  std::string_view operation;
  std::size_t arguments;
  AdminBody (*empty)();
};
template <class Request>
AdminBody empty() {
  return Request{};
}
template <VersionState kState>
AdminBody empty_state() {
  return SetKeyStateRequest{kState, {}, 0, false};
}
constexpr Shape kShapes[] = {
    {"status", 0, empty<StatusRequest>},
    {"list", 1, empty<ListKeysRequest>},
    {"describe", 1, empty<DescribeKeyRequest>},
    {"create", 3, empty<CreateKeyRequest>},
    {"import", 6, empty<ImportKeyRequest>},
    {"rotate", 3, empty<RotateKeyRequest>},
    {"disable", 3, empty_state<VersionState::disabled>},
    {"enable", 3, empty_state<VersionState::enabled>},
    {"destroy", 3, empty_state<VersionState::destroyed>},
    {"set-minimum", 3, empty<SetMinimumVersionRequest>},
    {"rewrap", 2, empty<RewrapRequest>},
    {"recovery-make", 1, empty<MakeRecoverySetRequest>},
    {"recovery-attest", 2, empty<AttestRestoringRequest>},
    {"recovery-start", 2, empty<StartRestoringRequest>},
    {"recovery-contribute", 1, empty<ContributeShareRequest>},
    {"recovery-status", 0, empty<RestoringStatusRequest>},
    {"adopt", 1, empty<AdoptKeyRequest>},
    {"root-status", 0, empty<RootStatusRequest>},
    {"root-make", 1, empty<MakeRootRequest>},
    {"root-take-over", 1, empty<TakeOverRequest>},
    {"root-implicit", 1, empty<MoveImplicitRequest>},
    {"root-retire", 1, empty<RetireRootRequest>},
};

const Shape& shape_of(const AdminBody& body) noexcept {
  const auto* const state = std::get_if<SetKeyStateRequest>(&body);
  return *std::ranges::find_if(kShapes, [&](const Shape& shape) {
    const AdminBody other = shape.empty();
    if (other.index() != body.index()) return false;
    return state == nullptr || std::get<SetKeyStateRequest>(other).state == state->state;
  });
}

Result<AdminRequest> read_request(Reader& reader) {
  CONCORDAT_TRY(const std::size_t count, reader.read_array(kMostItems));
  AdminRequest request;
  CONCORDAT_TRY(request.id, reader.read_uint());
  CONCORDAT_TRY(const std::string_view operation, reader.read_text(kMaxAdminOperation));
  const auto* const shape = std::ranges::find(kShapes, operation, &Shape::operation);
  if (shape == std::end(kShapes) || count != kHead + shape->arguments) {
    return Error(Errc::unknown_operation,
                 "'" + std::string(operation) + "' with " + std::to_string(count) + " items");
  }
  request.body = shape->empty();
  CONCORDAT_CHECK(
      std::visit([&](auto& body) { return read_arguments(reader, body); }, request.body));
  return request;
}

}  // namespace

std::string_view AdminRequest::operation() const noexcept {
  return shape_of(body).operation;
}

const std::string& AdminRequest::key_name() const noexcept {
  static const std::string none;
  return std::visit(
      [](const auto& request) -> const std::string& {
        if constexpr (requires { request.name; }) return request.name;
        if constexpr (requires { request.pattern; }) return request.pattern;
        return none;
      },
      body);
}

SecretBytes encode(const AdminRequest& request) {
  const Shape& shape = shape_of(request.body);
  Writer out;
  out.array(kHead + shape.arguments).uint(request.id).text(shape.operation);
  std::visit([&](const auto& body) { write_arguments(out, body); }, request.body);
  const auto* const import = std::get_if<ImportKeyRequest>(&request.body);
  return guarded(out.view(),
                 import == nullptr ? BytesView() : import->material.expose(SecretAccess{}));
}

Result<AdminRequest> decode_admin_request(BytesView record) {
  return decode_whole(record, read_request);
}

}  // namespace concordat::keyservice

#include <algorithm>

#include "attest/base/cbor.hpp"
#include "attest/base/secret_access.hpp"
#include "keyservice/admin_messages.hpp"
#include "keyservice/keyring/operation_limits.hpp"
#include "keyservice/message_parts.hpp"
#include "policy/limits.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
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
constexpr std::size_t kMostItems = 8;
constexpr std::size_t kHead = 2;  // id, operation

// --- One item each, as a request's arguments are read ---

Status read(Reader& reader, std::string& name, std::size_t max = kMaxKeyName) {
  CONCORDAT_TRY(const std::string_view text, reader.read_text(max));
  name = text;
  return {};
}
Status read(Reader& reader, bool& out) {
  CONCORDAT_TRY(out, reader.read_bool());
  return {};
}
Status read(Reader& reader, std::uint32_t& version) {
  CONCORDAT_TRY(const std::uint64_t number, reader.read_uint());
  if (number > UINT32_MAX) return Error(Errc::malformed_request, "a key version out of range");
  version = static_cast<std::uint32_t>(number);
  return {};
}
Status read(Reader& reader, Bytes& out, std::size_t max) {
  CONCORDAT_TRY(const BytesView bytes, reader.read_bytes(max));
  out = base::to_bytes(bytes);
  return {};
}
Status read(Reader& reader, KeyType& out) {
  CONCORDAT_TRY(const std::uint64_t number, reader.read_uint());
  for (const KeyType type : kKeyTypes) {
    if (static_cast<std::uint64_t>(type) != number) continue;
    out = type;
    return {};
  }
  return Error(Errc::malformed_request, "key type " + std::to_string(number));
}
Status read(Reader& reader, KeyFormat& out) {
  CONCORDAT_TRY(const std::uint64_t number, reader.read_uint());
  for (const KeyFormat format : {KeyFormat::raw, KeyFormat::pkcs8}) {
    if (static_cast<std::uint64_t>(format) != number) continue;
    out = format;
    return {};
  }
  return Error(Errc::malformed_request, "key format " + std::to_string(number));
}
// Copied from one guarded place to another: the record is in such memory, too.
Status read_material(Reader& reader, SecretBytes& out) {
  CONCORDAT_TRY(const BytesView bytes, reader.read_bytes(kMaxPkcs8));
  out = guarded(bytes, {});
  return {};
}

// --- The arguments of each request, read and written in the same order ---

Status read_arguments(Reader&, StatusRequest&) {
  return {};
}
Status read_arguments(Reader& reader, ListKeysRequest& request) {
  return read(reader, request.pattern, policy::limits::kKeyNameLength + 2);
}
Status read_arguments(Reader& reader, DescribeKeyRequest& request) {
  return read(reader, request.name);
}
Status read_arguments(Reader& reader, CreateKeyRequest& request) {
  CONCORDAT_CHECK(read(reader, request.name));
  CONCORDAT_CHECK(read(reader, request.type));
  return read(reader, request.exportable);
}
Status read_arguments(Reader& reader, ImportKeyRequest& request) {
  CONCORDAT_CHECK(read(reader, request.name));
  CONCORDAT_CHECK(read(reader, request.type));
  CONCORDAT_CHECK(read(reader, request.exportable));
  CONCORDAT_CHECK(read(reader, request.newest_version));
  CONCORDAT_CHECK(read(reader, request.format));
  return read_material(reader, request.material);
}
Status read_arguments(Reader& reader, RotateKeyRequest& request) {
  CONCORDAT_CHECK(read(reader, request.name));
  CONCORDAT_CHECK(read(reader, request.newest_version));
  return read(reader, request.implicit);
}
Status read_arguments(Reader& reader, SetKeyStateRequest& request) {
  CONCORDAT_CHECK(read(reader, request.name));
  CONCORDAT_CHECK(read(reader, request.version));
  return read(reader, request.implicit);
}
Status read_arguments(Reader& reader, SetMinimumVersionRequest& request) {
  CONCORDAT_CHECK(read(reader, request.name));
  CONCORDAT_CHECK(read(reader, request.minimum));
  return read(reader, request.implicit);
}
Status read_arguments(Reader& reader, RewrapRequest& request) {
  CONCORDAT_CHECK(read(reader, request.associated, kMaxAssociatedData));
  return read(reader, request.envelope, kMaxEnvelope);
}

template <class Enum>
std::uint64_t number(Enum value) {
  return static_cast<std::uint64_t>(value);
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
  if (record.size() > kMaxRequest) return Error(Errc::message_too_large);
  Reader reader(record);
  auto request = read_request(reader);
  if (!request) {
    return request.error().is(Errc::unknown_operation)
               ? request.error()
               : as(Errc::malformed_request, request.error());
  }
  if (const auto end = reader.finish(); !end) return as(Errc::malformed_request, end.error());
  return request;
}

}  // namespace concordat::keyservice

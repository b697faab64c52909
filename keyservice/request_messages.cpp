#include <algorithm>

#include "attest/base/secret_access.hpp"
#include "keyservice/cbor_items.hpp"
#include "keyservice/keyring/operation_limits.hpp"
#include "keyservice/message_parts.hpp"
#include "policy/limits.hpp"

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
using policy::Operation;

constexpr std::size_t kMaxOperation = 16;
constexpr std::string_view kCountRun = "count-run";
constexpr std::size_t kMostRequestItems = 7;
constexpr std::size_t kHead = 3;  // id, operation, name

// What follows the head of each request, read and written in the same order.
Status read_items(Reader& reader, GetRequest& request) {
  CONCORDAT_TRY(request.version, read_uint32(reader));
  return {};
}
Status read_items(Reader& reader, SignRequest& request) {
  CONCORDAT_TRY(request.message, read_bytes(reader, kMaxSignMessage));
  return {};
}
Status read_items(Reader& reader, VerifyRequest& request) {
  CONCORDAT_TRY(request.message, read_bytes(reader, kMaxSignMessage));
  CONCORDAT_TRY(request.envelope, read_bytes(reader, kMaxEnvelope));
  return {};
}
Status read_items(Reader& reader, EncryptRequest& request) {
  CONCORDAT_TRY(request.associated, read_bytes(reader, kMaxAssociatedData));
  CONCORDAT_TRY(request.plaintext, read_secret(reader, kMaxPlaintext));
  return {};
}
Status read_items(Reader& reader, DecryptRequest& request) {
  CONCORDAT_TRY(request.associated, read_bytes(reader, kMaxAssociatedData));
  CONCORDAT_TRY(request.envelope, read_bytes(reader, kMaxEnvelope));
  return {};
}
Status read_items(Reader& reader, WrapRequest& request) {
  CONCORDAT_TRY(const auto kind, reader.peek());
  if (kind == base::cbor::Kind::bytes) {
    CONCORDAT_TRY(request.what, read_secret(reader, kMaxWrappedBytes));
    return {};
  }
  auto& reference = request.what.emplace<KeyReference>();
  CONCORDAT_TRY(const std::size_t count, reader.read_array(2));
  if (count != 2) return Error(Errc::malformed_request, "a reference to a key is name and version");
  CONCORDAT_TRY(reference.name, reader.read_text(kMaxKeyName));
  CONCORDAT_TRY(reference.version, read_uint32(reader));
  return {};
}
Status read_items(Reader& reader, UnwrapRequest& request) {
  CONCORDAT_TRY(request.envelope, read_bytes(reader, kMaxEnvelope));
  return {};
}
Status read_items(Reader& reader, MacRequest& request) {
  CONCORDAT_TRY(request.message, read_bytes(reader, kMaxSignMessage));
  return {};
}
Status read_items(Reader& reader, DeriveRequest& request) {
  CONCORDAT_TRY(request.version, read_uint32(reader));
  CONCORDAT_TRY(request.size, reader.read_uint());
  CONCORDAT_TRY(request.context, read_bytes(reader, kMaxContext));
  CONCORDAT_TRY(const bool none, reader.take_null());
  if (none) return {};
  CONCORDAT_TRY(request.peer, read_fixed<PeerPublicKey>(reader));
  return {};
}
Status read_items(Reader& reader, RandomRequest& request) {
  CONCORDAT_TRY(request.size, reader.read_uint());
  return {};
}
Status read_items(Reader& reader, PublicRequest& request) {
  CONCORDAT_TRY(request.version, read_uint32(reader));
  return {};
}
Status read_items(Reader& reader, CountRunRequest& request) {
  CONCORDAT_TRY(request.protocol, reader.read_text(policy::limits::kProtocolLength));
  CONCORDAT_TRY(request.input, read_fixed<CountedInput>(reader));
  CONCORDAT_TRY(request.run, read_fixed<CountedRun>(reader));
  return {};
}

// Everything up to the content of a last, secret byte string.
struct Written {
  Writer out;
  const SecretBytes* tail = nullptr;
};
void write_items(Written& to, const GetRequest& request) {
  to.out.uint(request.version);
}
void write_items(Written& to, const SignRequest& request) {
  to.out.bytes(request.message);
}
void write_items(Written& to, const VerifyRequest& request) {
  to.out.bytes(request.message).bytes(request.envelope);
}
void write_items(Written& to, const EncryptRequest& request) {
  to.out.bytes(request.associated).bytes_head(request.plaintext.size());
  to.tail = &request.plaintext;
}
void write_items(Written& to, const DecryptRequest& request) {
  to.out.bytes(request.associated).bytes(request.envelope);
}
void write_items(Written& to, const WrapRequest& request) {
  if (const auto* reference = std::get_if<KeyReference>(&request.what)) {
    to.out.array(2).text(reference->name).uint(reference->version);
    return;
  }
  const auto& bytes = std::get<SecretBytes>(request.what);
  to.out.bytes_head(bytes.size());
  to.tail = &bytes;
}
void write_items(Written& to, const UnwrapRequest& request) {
  to.out.bytes(request.envelope);
}
void write_items(Written& to, const MacRequest& request) {
  to.out.bytes(request.message);
}
void write_items(Written& to, const DeriveRequest& request) {
  to.out.uint(request.version).uint(request.size).bytes(request.context);
  request.peer ? to.out.bytes(request.peer->view()) : to.out.null();
}
void write_items(Written& to, const RandomRequest& request) {
  to.out.uint(request.size);
}
void write_items(Written& to, const PublicRequest& request) {
  to.out.uint(request.version);
}
void write_items(Written& to, const CountRunRequest& request) {
  to.out.text(request.protocol).bytes(request.input.view()).bytes(request.run.view());
}

// Of each alternative of RequestBody, in its order.
struct RequestShape {
  std::optional<Operation> operation;
  std::size_t items;  // behind the head
};
constexpr RequestShape kShapes[] = {
    {Operation::get, 1},     {Operation::sign, 1},       {Operation::verify, 2},
    {Operation::encrypt, 2}, {Operation::decrypt, 2},    {Operation::wrap, 1},
    {Operation::unwrap, 1},  {Operation::mac, 1},        {Operation::derive, 4},
    {Operation::random, 1},  {Operation::public_key, 1}, {std::nullopt, 3},
};
static_assert(std::size(kShapes) == std::variant_size_v<RequestBody> &&
              std::size(kShapes) == policy::kOperations + 1);

std::string_view name_of(const RequestShape& shape) noexcept {
  return shape.operation ? policy::to_string(*shape.operation) : kCountRun;
}

template <std::size_t Index = 0>
RequestBody empty_body(std::size_t index) {
  if constexpr (Index + 1 < std::variant_size_v<RequestBody>) {
    if (index != Index) return empty_body<Index + 1>(index);
  }
  return RequestBody(std::in_place_index<Index>);
}

Result<Request> read_request(Reader& reader) {
  CONCORDAT_TRY(const std::size_t count, reader.read_array(kMostRequestItems));
  Request request;
  CONCORDAT_TRY(request.id, reader.read_uint());
  CONCORDAT_TRY(const std::string_view operation, reader.read_text(kMaxOperation));
  const auto* const shape = std::ranges::find_if(
      kShapes, [&](const RequestShape& known) { return name_of(known) == operation; });
  if (shape == std::end(kShapes) || count != kHead + shape->items) {
    return Error(Errc::unknown_operation,
                 "'" + std::string(operation) + "' with " + std::to_string(count) + " items");
  }
  request.body = empty_body(static_cast<std::size_t>(shape - kShapes));
  CONCORDAT_TRY(const std::string_view name, reader.read_text(kMaxKeyName));
  CONCORDAT_CHECK(std::visit(
      [&](auto& body) {
        body.name = name;
        return read_items(reader, body);
      },
      request.body));
  return request;
}

}  // namespace

const std::string& key_name(const RequestBody& body) {
  return std::visit([](const auto& b) -> const std::string& { return b.name; }, body);
}

std::optional<Operation> operation_of(const RequestBody& body) noexcept {
  return kShapes[body.index()].operation;
}

std::string_view operation_name(const RequestBody& body) noexcept {
  return name_of(kShapes[body.index()]);
}

SecretBytes encode(std::uint64_t id, const RequestBody& body) {
  const RequestShape& shape = kShapes[body.index()];
  Written to;
  to.out.array(kHead + shape.items).uint(id).text(name_of(shape));
  to.out.text(key_name(body));
  std::visit([&](const auto& b) { write_items(to, b); }, body);
  return guarded(to.out.view(), to.tail == nullptr ? BytesView() : to.tail->expose(SecretAccess{}));
}

Result<Request> decode_request(BytesView record) {
  return decode_whole(record, read_request);
}

std::uint64_t request_id_of(BytesView record) noexcept {
  Reader reader(record);
  if (!reader.read_array(SIZE_MAX)) return 0;
  const auto id = reader.read_uint();
  return id ? *id : 0;
}

}  // namespace concordat::keyservice

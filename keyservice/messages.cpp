#include "keyservice/messages.hpp"

#include "attest/base/cbor.hpp"
#include "attest/base/secret_access.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using base::cbor::Reader;
using base::cbor::Writer;

constexpr std::string_view kGet = "get";
constexpr std::string_view kSign = "sign";
constexpr std::uint64_t kOk = 0;
constexpr std::uint64_t kFailed = 1;
constexpr std::size_t kMaxOperation = 16;

Error as(Errc code, const Error& cause) {
  return Error(code, cause.to_string());
}

Result<Request> read_request(Reader& reader) {
  CONCORDAT_TRY(const std::size_t count, reader.read_array(4));
  Request request;
  CONCORDAT_TRY(request.id, reader.read_uint());
  CONCORDAT_TRY(const std::string_view operation, reader.read_text(kMaxOperation));
  CONCORDAT_TRY(const std::string_view name, reader.read_text(kMaxKeyName));
  if (operation == kGet && count == 3) {
    request.body = GetRequest{std::string(name)};
    return request;
  }
  if (operation == kSign && count == 4) {
    CONCORDAT_TRY(const BytesView message, reader.read_bytes(kMaxSignMessage));
    request.body = SignRequest{std::string(name), base::to_bytes(message)};
    return request;
  }
  return Error(Errc::unknown_operation,
               "'" + std::string(operation) + "' with " + std::to_string(count) + " items");
}

Result<std::uint32_t> read_version(Reader& reader) {
  CONCORDAT_TRY(const std::uint64_t version, reader.read_uint());
  if (version == 0 || version > UINT32_MAX) {
    return Error(Errc::malformed_response, "key version " + std::to_string(version));
  }
  return static_cast<std::uint32_t>(version);
}

Result<ResponseBody> read_failure(Reader& reader) {
  CONCORDAT_TRY(const std::string_view code, reader.read_text(kMaxErrorCode));
  CONCORDAT_TRY(const std::string_view detail, reader.read_text(kMaxErrorDetail));
  return ResponseBody(Failure{std::string(code), std::string(detail)});
}

Result<ResponseBody> read_key(Reader& reader) {
  CONCORDAT_TRY(const std::uint32_t version, read_version(reader));
  CONCORDAT_TRY(const BytesView key, reader.read_bytes(kDerivedKeySize));
  if (key.size() != kDerivedKeySize) return Error(Errc::malformed_response, "key size");
  SecretBytes copy = SecretBytes::zeroed(key.size());
  std::ranges::copy(key, copy.expose_mutable(SecretAccess{}).begin());
  return ResponseBody(ReleasedKey{version, std::move(copy)});
}

Result<ResponseBody> read_signature(Reader& reader) {
  Signature out;
  CONCORDAT_TRY(out.version, read_version(reader));
  CONCORDAT_TRY(const BytesView signature, reader.read_bytes(kEd25519SignatureSize));
  CONCORDAT_TRY(out.signature, decltype(out.signature)::from(signature));
  CONCORDAT_TRY(const BytesView key, reader.read_bytes(kEd25519PublicKeySize));
  CONCORDAT_TRY(out.public_key, decltype(out.public_key)::from(key));
  return ResponseBody(std::move(out));
}

Result<Response> read_response(Reader& reader, std::string_view operation) {
  CONCORDAT_TRY(const std::size_t count, reader.read_array(5));
  CONCORDAT_TRY(const std::uint64_t id, reader.read_uint());
  CONCORDAT_TRY(const std::uint64_t status, reader.read_uint());
  const auto body = [&]() -> Result<ResponseBody> {
    if (status == kFailed && count == 4) return read_failure(reader);
    if (status == kOk && operation == kGet && count == 4) return read_key(reader);
    if (status == kOk && operation == kSign && count == 5) return read_signature(reader);
    return Error(Errc::malformed_response, "shape");
  };
  CONCORDAT_TRY(ResponseBody read, body());
  CONCORDAT_CHECK(reader.finish());
  return Response{id, std::move(read)};
}

SecretBytes guarded(BytesView head, BytesView tail) {
  SecretBytes out = SecretBytes::zeroed(head.size() + tail.size());
  const auto bytes = out.expose_mutable(SecretAccess{});
  std::ranges::copy(head, bytes.begin());
  std::ranges::copy(tail, bytes.begin() + static_cast<std::ptrdiff_t>(head.size()));
  return out;
}

// Cut at a character, not within one: the detail may be any UTF-8.
std::string shortened(std::string text) {
  if (text.size() <= kMaxErrorDetail) return text;
  std::size_t end = kMaxErrorDetail;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    --end;
  text.resize(end);
  return text;
}

}  // namespace

const std::string& Request::key_name() const {
  return std::visit([](const auto& b) -> const std::string& { return b.name; }, body);
}

std::string_view Request::operation() const noexcept {
  return std::holds_alternative<GetRequest>(body) ? kGet : kSign;
}

Bytes encode(const Request& request) {
  const auto* sign = std::get_if<SignRequest>(&request.body);
  Writer out;
  out.array(sign != nullptr ? 4 : 3).uint(request.id).text(request.operation());
  out.text(request.key_name());
  if (sign != nullptr) out.bytes(sign->message);
  return std::move(out).take();
}

Result<Request> decode_request(BytesView record) {
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

std::uint64_t request_id_of(BytesView record) noexcept {
  Reader reader(record);
  if (!reader.read_array(SIZE_MAX)) return 0;
  const auto id = reader.read_uint();
  return id ? *id : 0;
}

Failure failure_of(const Error& error) {
  return {std::string(error.name()), shortened(error.to_string())};
}

SecretBytes encode(const Response& response) {
  Writer out;
  if (const auto* key = std::get_if<ReleasedKey>(&response.body)) {
    out.array(4).uint(response.id).uint(kOk).uint(key->version).bytes_head(key->key.size());
    return guarded(out.view(), key->key.expose(SecretAccess{}));
  }
  if (const auto* signature = std::get_if<Signature>(&response.body)) {
    out.array(5).uint(response.id).uint(kOk).uint(signature->version);
    out.bytes(signature->signature.view()).bytes(signature->public_key.view());
    return guarded(out.view(), {});
  }
  const Failure& failure = std::get<Failure>(response.body);
  out.array(4).uint(response.id).uint(kFailed).text(failure.code).text(failure.detail);
  return guarded(out.view(), {});
}

Result<Response> decode_response(const SecretBytes& record, std::string_view operation) {
  Reader reader(record.expose(SecretAccess{}));
  auto response = read_response(reader, operation);
  if (!response) return as(Errc::malformed_response, response.error());
  return response;
}

Result<std::uint64_t> response_id(const SecretBytes& record) {
  Reader reader(record.expose(SecretAccess{}));
  if (!reader.read_array(5)) return Error(Errc::malformed_response, "not an array");
  const auto id = reader.read_uint();
  if (!id) return as(Errc::malformed_response, id.error());
  return *id;
}

}  // namespace concordat::keyservice

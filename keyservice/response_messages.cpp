#include "attest/base/secret_access.hpp"
#include "keyservice/cbor_items.hpp"
#include "keyservice/keyring/operation_limits.hpp"
#include "keyservice/keyring/public_key.hpp"
#include "keyservice/message_parts.hpp"

namespace concordat::keyservice {
namespace {

using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using base::cbor::Reader;
using base::cbor::Writer;
using policy::Operation;

constexpr std::uint64_t kOk = 0;
constexpr std::uint64_t kFailed = 1;
constexpr std::size_t kMostResponseItems = 6;

// Which kind of answer an operation has, and with how many items.
enum class AnswerKind { key, envelope, verified, bytes, public_key, counted };
struct ResponseShape {
  AnswerKind kind;
  std::size_t items;
};
ResponseShape shape_of(std::optional<Operation> operation) noexcept {
  if (!operation) return {AnswerKind::counted, 3};
  switch (*operation) {
    case Operation::get:
      return {AnswerKind::key, 6};
    case Operation::sign:
    case Operation::encrypt:
    case Operation::wrap:
    case Operation::mac:
      return {AnswerKind::envelope, 3};
    case Operation::verify:
      return {AnswerKind::verified, 3};
    case Operation::decrypt:
    case Operation::unwrap:
    case Operation::derive:
    case Operation::random:
      return {AnswerKind::bytes, 4};
    case Operation::public_key:
      return {AnswerKind::public_key, 5};
  }
  return {AnswerKind::verified, 0};
}

Result<std::uint32_t> read_version(Reader& reader, bool may_be_none = false) {
  CONCORDAT_TRY(const std::uint32_t version, read_uint32(reader));
  if (version == 0 && !may_be_none) return Error(Errc::malformed_response, "key version 0");
  return version;
}

Result<ResponseBody> read_key(Reader& reader) {
  ReleasedKey out;
  CONCORDAT_TRY(out.version, read_version(reader));
  CONCORDAT_TRY(out.type, read_enum(reader, KeyType::hmac));
  CONCORDAT_TRY(out.expires, read_time(reader));
  CONCORDAT_TRY(out.key, read_secret(reader, kMaxHmacKey));
  if (out.key.size() < kDerivedKeySize) return Error(Errc::malformed_response, "key size");
  return ResponseBody(std::move(out));
}

Result<ResponseBody> read_body(Reader& reader, std::optional<Operation> operation) {
  switch (shape_of(operation).kind) {
    case AnswerKind::key:
      return read_key(reader);
    case AnswerKind::envelope: {
      CONCORDAT_TRY(base::Bytes envelope, read_bytes(reader, kMaxEnvelope));
      return ResponseBody(MadeEnvelope{std::move(envelope)});
    }
    case AnswerKind::verified: {
      CONCORDAT_TRY(const std::uint32_t version, read_version(reader));
      return ResponseBody(Verified{version});
    }
    case AnswerKind::bytes: {
      GivenBytes out;
      CONCORDAT_TRY(out.version, read_version(reader, operation == Operation::random));
      CONCORDAT_TRY(out.bytes, read_secret(reader, kMaxPlaintext));
      return ResponseBody(std::move(out));
    }
    case AnswerKind::public_key: {
      GivenPublicKey out;
      CONCORDAT_TRY(out.version, read_version(reader));
      CONCORDAT_TRY(out.type, read_enum(reader, KeyType::hmac));
      CONCORDAT_TRY(out.raw, read_bytes(reader, kMaxRawPublicKey));
      return ResponseBody(std::move(out));
    }
    case AnswerKind::counted: {
      CONCORDAT_TRY(const std::uint64_t runs, reader.read_uint());
      return ResponseBody(RunCounted{runs});
    }
  }
  return Error(Errc::malformed_response, "an unknown operation's");
}

Result<Response> read_response(Reader& reader, std::optional<Operation> operation) {
  CONCORDAT_TRY(const std::size_t count, reader.read_array(kMostResponseItems));
  CONCORDAT_TRY(const std::uint64_t id, reader.read_uint());
  CONCORDAT_TRY(const std::uint64_t status, reader.read_uint());
  const auto body = [&]() -> Result<ResponseBody> {
    if (status == kFailed && count == 4) {
      CONCORDAT_TRY(Failure failure, read_failure(reader));
      return ResponseBody(std::move(failure));
    }
    if (status == kOk && count == shape_of(operation).items) return read_body(reader, operation);
    return Error(Errc::malformed_response, "shape");
  };
  CONCORDAT_TRY(ResponseBody read, body());
  CONCORDAT_CHECK(reader.finish());
  return Response{id, std::move(read)};
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

// The items behind id and status but for the content of a last, secret byte string.
class Encoder {
 public:
  explicit Encoder(std::uint64_t id) : id_(id) {}

  SecretBytes operator()(const ReleasedKey& key) {
    begin(6, kOk).uint(key.version).uint(number(key.type));
    out_.uint(static_cast<std::uint64_t>(key.expires.value)).bytes_head(key.key.size());
    return guarded(out_.view(), key.key.expose(SecretAccess{}));
  }
  SecretBytes operator()(const MadeEnvelope& made) {
    begin(3, kOk).bytes(made.envelope);
    return guarded(out_.view(), {});
  }
  SecretBytes operator()(const Verified& verified) {
    begin(3, kOk).uint(verified.version);
    return guarded(out_.view(), {});
  }
  SecretBytes operator()(const GivenBytes& given) {
    begin(4, kOk).uint(given.version).bytes_head(given.bytes.size());
    return guarded(out_.view(), given.bytes.expose(SecretAccess{}));
  }
  SecretBytes operator()(const GivenPublicKey& given) {
    begin(5, kOk).uint(given.version).uint(number(given.type));
    out_.bytes(given.raw);
    return guarded(out_.view(), {});
  }
  SecretBytes operator()(const RunCounted& counted) {
    begin(3, kOk).uint(counted.runs);
    return guarded(out_.view(), {});
  }
  SecretBytes operator()(const Failure& failure) {
    begin(4, kFailed).text(failure.code).text(failure.detail);
    return guarded(out_.view(), {});
  }

 private:
  Writer& begin(std::size_t items, std::uint64_t status) {
    return out_.array(items).uint(id_).uint(status);
  }

  std::uint64_t id_;
  Writer out_;
};

}  // namespace

Result<Failure> read_failure(Reader& reader) {
  CONCORDAT_TRY(const std::string_view code, reader.read_text(kMaxErrorCode));
  CONCORDAT_TRY(const std::string_view detail, reader.read_text(kMaxErrorDetail));
  return Failure{std::string(code), std::string(detail)};
}

Failure failure_of(const Error& error) {
  return {std::string(error.name()), shortened(error.to_string())};
}

SecretBytes encode(std::uint64_t id, const ResponseBody& body) {
  return std::visit(Encoder(id), body);
}

Result<Response> decode_response(const SecretBytes& record, std::optional<Operation> operation) {
  Reader reader(record.expose(SecretAccess{}));
  auto response = read_response(reader, operation);
  if (!response) return as(Errc::malformed_response, response.error());
  return response;
}

Result<std::uint64_t> response_id(const SecretBytes& record) {
  Reader reader(record.expose(SecretAccess{}));
  if (!reader.read_array(kMostResponseItems))
    return Error(Errc::malformed_response, "not an array");
  const auto id = reader.read_uint();
  if (!id) return as(Errc::malformed_response, id.error());
  return *id;
}

}  // namespace concordat::keyservice

#include <limits>

#include "attest/base/cbor_fields.hpp"
#include "attest/nsm.hpp"

namespace concordat::attest::nsm {
namespace {

using base::Error;
namespace cbor = base::cbor;
using cbor::Field;
using cbor::read_fields;

constexpr std::size_t kMaxName = 64;       // longest name on the wire has 15 bytes
constexpr std::size_t kMaxModuleId = 256;  // AWS's have 39 bytes
constexpr std::size_t kMaxLockedPcrs = 256;

Error bad_value(cbor::Errc code, std::string_view field, std::string_view what) {
  return Error(code, std::string(field) + ": " + std::string(what));
}

// Text chosen by the other side, fit for one line of a message.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text)
    out += (c >= ' ' && c <= '~' && c != '"') ? c : '?';
  return out + '"';
}

auto read_u16(std::string_view name, std::uint16_t& out) {
  return Field{name, [name, &out](cbor::Reader& r) -> Status {
                 CONCORDAT_TRY(const std::uint64_t value, r.read_uint());
                 if (value > std::numeric_limits<std::uint16_t>::max()) {
                   return bad_value(cbor::Errc::too_large, name, std::to_string(value));
                 }
                 out = static_cast<std::uint16_t>(value);
                 return {};
               }};
}

auto read_blob(std::string_view name, Bytes& out, std::size_t max) {
  return Field{name, [&out, max](cbor::Reader& r) -> Status {
                 CONCORDAT_TRY(const BytesView value, r.read_bytes(max));
                 out = base::to_bytes(value);
                 return {};
               }};
}

auto read_optional_blob(std::string_view name, std::optional<Bytes>& out) {
  const auto read = [&out](cbor::Reader& r) -> Status {
    CONCORDAT_TRY(const bool null, r.take_null());
    if (null) return {};
    CONCORDAT_TRY(const BytesView value, r.read_bytes(kMaxRequest));
    out = base::to_bytes(value);
    return {};
  };
  return Field{name, read, false};
}

auto read_pcr(std::string_view name, PcrValue& out) {
  return Field{name, [name, &out](cbor::Reader& r) -> Status {
                 CONCORDAT_TRY(const BytesView value, r.read_bytes(kMaxResponse));
                 auto pcr = PcrValue::from(value);
                 if (!pcr) return bad_value(cbor::Errc::too_large, name, pcr.error().detail());
                 out = *pcr;
                 return {};
               }};
}

auto read_indexes(std::string_view name, std::vector<std::uint16_t>& out) {
  return Field{name, [name, &out](cbor::Reader& r) -> Status {
                 return cbor::for_each_item(r, kMaxLockedPcrs, [&]() -> Status {
                   CONCORDAT_TRY(const std::uint64_t value, r.read_uint());
                   if (value > std::numeric_limits<std::uint16_t>::max()) {
                     return bad_value(cbor::Errc::too_large, name, std::to_string(value));
                   }
                   out.push_back(static_cast<std::uint16_t>(value));
                   return {};
                 });
               }};
}

auto read_digest(std::string_view name, Digest& out) {
  return Field{name, [&out](cbor::Reader& r) -> Status {
                 CONCORDAT_TRY(const std::string_view text, r.read_text(kMaxName));
                 for (const Digest digest : {Digest::sha256, Digest::sha384, Digest::sha512}) {
                   if (text != wire_name(digest)) continue;
                   out = digest;
                   return {};
                 }
                 return bad_value(cbor::Errc::unexpected_type, "digest", quoted(text));
               }};
}

// serde's externally tagged enum: a bare text, or a map of one entry {name: body}. `unit(name)`
// and `structure(name, reader)` judge the name.
template <class Message, class Unit, class Structure>
Result<Message> read_enum(BytesView message, Unit&& unit, Structure&& structure) {
  cbor::Reader reader(message, cbor::Encoding::any);
  CONCORDAT_TRY(const cbor::Kind kind, reader.peek());
  std::optional<Message> out;
  if (kind == cbor::Kind::text) {
    CONCORDAT_TRY(const std::string_view name, reader.read_text(kMaxName));
    CONCORDAT_TRY(out, unit(name));
  } else {
    CONCORDAT_CHECK(cbor::for_each_entry(
        reader, 1, [](cbor::Reader& r) { return r.read_text(kMaxName); },
        [&](std::string_view name) -> Status {
          CONCORDAT_TRY(out, structure(name, reader));
          return {};
        }));
  }
  if (!out) return Error(cbor::Errc::missing_key, "empty map");
  CONCORDAT_CHECK(reader.finish());
  return *std::move(out);
}

Error unknown_name(std::string_view name) {
  return Error(cbor::Errc::unknown_key, quoted(name));
}

Result<Request> unit_request(std::string_view name) {
  if (name == "DescribeNSM") return Request(DescribeNsmRequest{});
  if (name == "GetRandom") return Request(GetRandomRequest{});
  return unknown_name(name);
}

Result<Request> structure_request(std::string_view name, cbor::Reader& reader) {
  if (name == "DescribePCR") {
    DescribePcrRequest request;
    CONCORDAT_CHECK(read_fields(reader, read_u16("index", request.index)));
    return Request(request);
  }
  if (name == "ExtendPCR") {
    ExtendPcrRequest request;
    CONCORDAT_CHECK(read_fields(reader, read_u16("index", request.index),
                                read_blob("data", request.data, kMaxRequest)));
    return Request(std::move(request));
  }
  if (name == "LockPCR") {
    LockPcrRequest request;
    CONCORDAT_CHECK(read_fields(reader, read_u16("index", request.index)));
    return Request(request);
  }
  if (name == "LockPCRs") {
    LockPcrsRequest request;
    CONCORDAT_CHECK(read_fields(reader, read_u16("range", request.range)));
    return Request(request);
  }
  if (name == "Attestation") {
    AttestationRequest request;
    CONCORDAT_CHECK(read_fields(reader, read_optional_blob("user_data", request.user_data),
                                read_optional_blob("nonce", request.nonce),
                                read_optional_blob("public_key", request.public_key)));
    return Request(std::move(request));
  }
  return unknown_name(name);
}

Result<Response> unit_response(std::string_view name) {
  if (name == "LockPCR") return Response(LockPcrResponse{});
  if (name == "LockPCRs") return Response(LockPcrsResponse{});
  return unknown_name(name);
}

Result<Response> read_error(cbor::Reader& reader) {
  CONCORDAT_TRY(const std::string_view name, reader.read_text(kMaxName));
  if (const auto code = errc_from_wire(name)) return Response(ErrorResponse{*code});
  return unknown_name(name);
}

Result<Response> structure_response(std::string_view name, cbor::Reader& reader) {
  if (name == "Error") return read_error(reader);
  if (name == "DescribePCR") {
    DescribePcrResponse response;
    const auto read_lock = [&](cbor::Reader& r) -> Status {
      CONCORDAT_TRY(response.lock, r.read_bool());
      return {};
    };
    CONCORDAT_CHECK(read_fields(reader, Field{"lock", read_lock}, read_pcr("data", response.data)));
    return Response(response);
  }
  if (name == "ExtendPCR") {
    ExtendPcrResponse response;
    CONCORDAT_CHECK(read_fields(reader, read_pcr("data", response.data)));
    return Response(response);
  }
  if (name == "GetRandom") {
    GetRandomResponse response;
    CONCORDAT_CHECK(read_fields(reader, read_blob("random", response.random, kMaxResponse)));
    return Response(std::move(response));
  }
  if (name == "Attestation") {
    AttestationResponse response;
    CONCORDAT_CHECK(read_fields(reader, read_blob("document", response.document, kMaxResponse)));
    return Response(std::move(response));
  }
  if (name == "DescribeNSM") {
    DescribeNsmResponse response;
    const auto read_module_id = [&](cbor::Reader& r) -> Status {
      CONCORDAT_TRY(response.module_id, r.read_text(kMaxModuleId));
      return {};
    };
    CONCORDAT_CHECK(read_fields(
        reader, read_u16("version_major", response.version_major),
        read_u16("version_minor", response.version_minor),
        read_u16("version_patch", response.version_patch), Field{"module_id", read_module_id},
        read_u16("max_pcrs", response.max_pcrs), read_indexes("locked_pcrs", response.locked_pcrs),
        read_digest("digest", response.digest)));
    return Response(std::move(response));
  }
  return unknown_name(name);
}

}  // namespace

Result<Request> decode_request(BytesView message) {
  if (message.size() > kMaxRequest) {
    return Error(Errc::input_too_large, std::to_string(message.size()) + " bytes");
  }
  auto request = read_enum<Request>(message, unit_request, structure_request);
  if (!request) return Error(Errc::invalid_operation, request.error().to_string());
  return request;
}

Result<Response> decode_response(BytesView message) {
  if (message.size() > kMaxResponse) {
    return Error(Errc::invalid_response, std::to_string(message.size()) + " bytes");
  }
  auto response = read_enum<Response>(message, unit_response, structure_response);
  if (!response) return Error(Errc::invalid_response, response.error().to_string());
  return response;
}

}  // namespace concordat::attest::nsm

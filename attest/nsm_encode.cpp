#include <array>

#include "attest/base/cbor.hpp"
#include "attest/nsm.hpp"

namespace concordat::attest::nsm {
namespace {

namespace cbor = base::cbor;

struct ErrorName {
  Errc code;
  base::CodeInfo info;
  std::string_view wire;
};
constexpr std::array<ErrorName, 8> kErrors{{
    {Errc::invalid_argument,
     {"invalid_argument", "the NSM found an argument invalid"},
     "InvalidArgument"},
    {Errc::invalid_index,
     {"invalid_index", "the NSM has no register of that index"},
     "InvalidIndex"},
    {Errc::invalid_response,
     {"invalid_response", "the NSM's response cannot be read"},
     "InvalidResponse"},
    {Errc::read_only_index, {"read_only_index", "the register is locked"}, "ReadOnlyIndex"},
    {Errc::invalid_operation,
     {"invalid_operation", "the NSM does not know or allow the operation"},
     "InvalidOperation"},
    {Errc::buffer_too_small,
     {"buffer_too_small", "the response does not fit its buffer"},
     "BufferTooSmall"},
    {Errc::input_too_large,
     {"input_too_large", "the request is larger than the NSM takes"},
     "InputTooLarge"},
    {Errc::internal_error, {"internal_error", "the NSM failed inside"}, "InternalError"},
}};

void write_optional(cbor::Writer& writer, std::string_view name,
                    const std::optional<Bytes>& value) {
  writer.text(name);
  if (value) {
    writer.bytes(*value);
  } else {
    writer.null();
  }
}

// {name: {...count fields}}
cbor::Writer begin(std::string_view name, std::size_t count) {
  cbor::Writer writer;
  writer.map(1).text(name).map(count);
  return writer;
}

Bytes bare(std::string_view name) {
  cbor::Writer writer;
  writer.text(name);
  return std::move(writer).take();
}

struct RequestEncoder {
  Bytes operator()(const DescribeNsmRequest&) const { return bare("DescribeNSM"); }
  Bytes operator()(const GetRandomRequest&) const { return bare("GetRandom"); }
  Bytes operator()(const DescribePcrRequest& r) const {
    return std::move(begin("DescribePCR", 1).text("index").uint(r.index)).take();
  }
  Bytes operator()(const ExtendPcrRequest& r) const {
    return std::move(begin("ExtendPCR", 2).text("index").uint(r.index).text("data").bytes(r.data))
        .take();
  }
  Bytes operator()(const LockPcrRequest& r) const {
    return std::move(begin("LockPCR", 1).text("index").uint(r.index)).take();
  }
  Bytes operator()(const LockPcrsRequest& r) const {
    return std::move(begin("LockPCRs", 1).text("range").uint(r.range)).take();
  }
  Bytes operator()(const AttestationRequest& r) const {
    cbor::Writer writer = begin("Attestation", 3);
    write_optional(writer, "user_data", r.user_data);
    write_optional(writer, "nonce", r.nonce);
    write_optional(writer, "public_key", r.public_key);
    return std::move(writer).take();
  }
};

struct ResponseEncoder {
  Bytes operator()(const DescribeNsmResponse& r) const {
    cbor::Writer writer = begin("DescribeNSM", 7);
    writer.text("version_major").uint(r.version_major);
    writer.text("version_minor").uint(r.version_minor);
    writer.text("version_patch").uint(r.version_patch);
    writer.text("module_id").text(r.module_id);
    writer.text("max_pcrs").uint(r.max_pcrs);
    writer.text("locked_pcrs").array(r.locked_pcrs.size());
    for (const std::uint16_t index : r.locked_pcrs)
      writer.uint(index);
    writer.text("digest").text(wire_name(r.digest));
    return std::move(writer).take();
  }
  Bytes operator()(const GetRandomResponse& r) const {
    return std::move(begin("GetRandom", 1).text("random").bytes(r.random)).take();
  }
  Bytes operator()(const DescribePcrResponse& r) const {
    cbor::Writer writer = begin("DescribePCR", 2);
    writer.text("lock").boolean(r.lock).text("data").bytes(r.data.view());
    return std::move(writer).take();
  }
  Bytes operator()(const ExtendPcrResponse& r) const {
    return std::move(begin("ExtendPCR", 1).text("data").bytes(r.data.view())).take();
  }
  Bytes operator()(const LockPcrResponse&) const { return bare("LockPCR"); }
  Bytes operator()(const LockPcrsResponse&) const { return bare("LockPCRs"); }
  Bytes operator()(const AttestationResponse& r) const {
    return std::move(begin("Attestation", 1).text("document").bytes(r.document)).take();
  }
  Bytes operator()(const ErrorResponse& r) const {
    cbor::Writer writer;
    writer.map(1).text("Error").text(wire_name(r.code));
    return std::move(writer).take();
  }
};

}  // namespace

base::CodeInfo describe(Errc code) noexcept {
  for (const ErrorName& row : kErrors) {
    if (row.code == code) return row.info;
  }
  return {"unknown", "unknown NSM error"};
}

std::string_view wire_name(Errc code) noexcept {
  for (const ErrorName& row : kErrors) {
    if (row.code == code) return row.wire;
  }
  return "InternalError";
}

std::string_view wire_name(Digest digest) noexcept {
  switch (digest) {
    case Digest::sha256:
      return "SHA256";
    case Digest::sha384:
      break;
    case Digest::sha512:
      return "SHA512";
  }
  return "SHA384";
}

std::optional<Errc> errc_from_wire(std::string_view name) noexcept {
  for (const ErrorName& row : kErrors) {
    if (row.wire == name) return row.code;
  }
  return std::nullopt;
}

Errc errc_of(const base::Error& error) noexcept {
  for (const ErrorName& row : kErrors) {
    if (error.is(row.code)) return row.code;
  }
  return Errc::internal_error;
}

Bytes encode_request(const Request& request) {
  return std::visit(RequestEncoder{}, request);
}

Bytes encode_response(const Response& response) {
  return std::visit(ResponseEncoder{}, response);
}

}  // namespace concordat::attest::nsm

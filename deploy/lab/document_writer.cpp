#include "deploy/lab/document_writer.hpp"

#include "attest/base/cbor.hpp"
#include "attest/base/ecdsa.hpp"

namespace concordat::lab {
namespace {

using base::cbor::Writer;

constexpr std::uint8_t kIndefiniteMap = 0xbf;
constexpr std::uint8_t kBreak = 0xff;
constexpr std::int64_t kEs384 = -35;  // RFC 9053 section 2.1

void write_optional(Writer& writer, std::string_view key, const std::optional<base::Bytes>& value) {
  writer.text(key);
  if (value) {
    writer.bytes(*value);
  } else {
    writer.null();
  }
}

base::Bytes protected_header() {
  Writer writer;
  writer.map(1).uint(1).integer(kEs384);
  return std::move(writer).take();
}

// RFC 9052 section 4.4, with no external data.
base::Bytes signed_bytes(base::BytesView header, base::BytesView payload) {
  Writer writer;
  writer.array(4).text("Signature1").bytes(header).bytes({}).bytes(payload);
  return std::move(writer).take();
}

}  // namespace

base::Bytes encode_payload(const DocumentFields& fields) {
  Writer writer;
  writer.raw({&kIndefiniteMap, 1});
  writer.text("module_id").text(fields.module_id);
  writer.text("digest").text(fields.digest);
  writer.text("timestamp").uint(static_cast<std::uint64_t>(fields.timestamp.value));
  writer.text("pcrs").map(fields.pcrs.size());
  for (const auto& [index, value] : fields.pcrs)
    writer.uint(index).bytes(value.view());
  writer.text("certificate").bytes(fields.certificate);
  writer.text("cabundle").array(fields.cabundle.size());
  for (const base::Bytes& certificate : fields.cabundle)
    writer.bytes(certificate);
  write_optional(writer, "public_key", fields.public_key);
  write_optional(writer, "user_data", fields.user_data);
  write_optional(writer, "nonce", fields.nonce);
  writer.raw({&kBreak, 1});
  return std::move(writer).take();
}

base::Result<base::Bytes> sign_document(base::BytesView payload, EVP_PKEY* p384_key) {
  const base::Bytes header = protected_header();
  CONCORDAT_TRY(const base::Bytes signature,
                base::sign_ecdsa_raw(p384_key, EVP_sha384(), signed_bytes(header, payload)));
  Writer writer;
  writer.array(4).bytes(header).map(0).bytes(payload).bytes(signature);
  return std::move(writer).take();
}

}  // namespace concordat::lab

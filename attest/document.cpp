#include "attest/document.hpp"

#include <bitset>
#include <utility>

#include "attest/base/cbor.hpp"

namespace concordat::attest {
namespace {

namespace cbor = base::cbor;
using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

constexpr std::uint64_t kTagCoseSign1 = 18;
// Year 9999, the last that certificates and RFC 3339 can say; far from overflowing milliseconds.
constexpr std::uint64_t kLastTimestamp = 253'402'300'799'999;
constexpr std::size_t kMaxKeyBytes = 32;
// Above the nine, so that a repeated or unknown key is told as what it is.
constexpr std::size_t kMaxPayloadEntries = 32;

enum Key : std::size_t {
  module_id,
  digest,
  timestamp,
  pcrs,
  certificate,
  cabundle,
  public_key,
  user_data,
  nonce,
  kKeyCount
};
constexpr std::array<std::string_view, kKeyCount> kKeyNames{
    "module_id", "digest",     "timestamp", "pcrs", "certificate",
    "cabundle",  "public_key", "user_data", "nonce"};
// AWS's own documents hold these three always, null where unused; its specification lets them lack.
constexpr bool is_optional(std::size_t key) noexcept {
  return key == public_key || key == user_data || key == nonce;
}
// The key by which a NitroTPM document differs; those share roots and shape with ours.
constexpr std::string_view kNitroTpmKey = "nitrotpm_pcrs";

// AWS names modules INSTANCE-enc... and INSTANCE-tpm... . A virtual TPM's registers can be extended
// by whoever owns the instance, so that they must not pass for an enclave's under any key.
bool is_nitrotpm(std::string_view module_id) noexcept {
  const std::size_t dash = module_id.rfind('-');
  return dash != module_id.npos && module_id.substr(dash + 1).starts_with("tpm");
}

Errc code_of(const Error& error, Errc when_too_large) {
  if (error.is(cbor::Errc::truncated)) return Errc::truncated;
  if (error.is(cbor::Errc::unexpected_type)) return Errc::wrong_type;
  if (error.is(cbor::Errc::not_preferred)) return Errc::not_preferred_encoding;
  if (error.is(cbor::Errc::trailing_bytes)) return Errc::trailing_bytes;
  if (error.is(cbor::Errc::too_large)) return when_too_large;
  return Errc::malformed_cbor;
}

// The CBOR reader's error as a refusal; `when_too_large` is the bound that this place watches.
Error refuse(std::string_view where, const Error& error,
             Errc when_too_large = Errc::malformed_cbor) {
  return Error(code_of(error, when_too_large), std::string(where) + ": " + error.detail());
}

Error refuse(Errc code, std::string_view where, std::string_view what) {
  return Error(code, std::string(where) + ": " + std::string(what));
}

// Reads the payload map entry by entry into fields; one use.
class PayloadParser {
 public:
  PayloadParser(BytesView payload, DocumentFields& fields) : reader_(payload), fields_(fields) {}

  Status parse() {
    const Status read = cbor::for_each_entry(
        reader_, kMaxPayloadEntries,
        [](cbor::Reader& reader) { return reader.read_text(kMaxKeyBytes); },
        [this](std::string_view key) { return read_entry(key); });
    if (!read) return own(read.error(), "payload", Errc::unknown_key);
    if (const Status end = reader_.finish(); !end) return refuse("payload", end.error());
    for (std::size_t key = 0; key < kKeyCount; ++key) {
      if (!seen_[key] && !is_optional(key)) {
        return refuse(Errc::missing_field, kKeyNames[key], "absent");
      }
    }
    return {};
  }

 private:
  // Errors of this module pass; those of the CBOR reader become ours.
  static Error own(const Error& error, std::string_view where, Errc when_too_large) {
    return find_refusal(error) ? error : refuse(where, error, when_too_large);
  }

  Status read_entry(std::string_view key) {
    const auto found = std::ranges::find(kKeyNames, key);
    if (found == kKeyNames.end()) {
      if (key == kNitroTpmKey) return Error(Errc::nitrotpm_document);
      // Unknown names come from whoever made the document: told by their length only.
      return refuse(Errc::unknown_key, "payload",
                    "key of " + std::to_string(key.size()) + " characters before byte " +
                        std::to_string(reader_.offset()));
    }
    const auto index = static_cast<std::size_t>(found - kKeyNames.begin());
    if (seen_[index]) return refuse(Errc::duplicate_key, key, "twice");
    seen_[index] = true;
    return read_value(static_cast<Key>(index));
  }

  Status read_value(Key key) {
    const auto is_null = reader_.take_null();
    if (!is_null) return refuse(kKeyNames[key], is_null.error());
    if (*is_null) {
      if (is_optional(key)) return {};
      return refuse(Errc::missing_field, kKeyNames[key], "null");
    }
    switch (key) {
      case module_id:
        return read_module_id();
      case digest:
        return read_digest();
      case timestamp:
        return read_timestamp();
      case pcrs:
        return read_pcrs();
      case certificate:
        return read_certificate("certificate", fields_.certificate);
      case cabundle:
        return read_cabundle();
      case public_key:
        return read_optional("public_key", fields_.public_key);
      case user_data:
        return read_optional("user_data", fields_.user_data);
      case nonce:
        return read_optional("nonce", fields_.nonce);
      case kKeyCount:
        break;
    }
    return Error(Errc::unknown_key);
  }

  Status read_module_id() {
    const auto text = reader_.read_text(kMaxModuleIdBytes);
    if (!text) return refuse("module_id", text.error(), Errc::bad_module_id);
    if (text->empty()) return refuse(Errc::bad_module_id, "module_id", "empty");
    if (is_nitrotpm(*text)) return refuse(Errc::nitrotpm_document, "module_id", "of a TPM");
    fields_.module_id = *text;
    return {};
  }

  Status read_digest() {
    const auto text = reader_.read_text(kDigestName.size());
    if (!text) return refuse("digest", text.error(), Errc::digest_not_sha384);
    if (*text != kDigestName) return refuse(Errc::digest_not_sha384, "digest", "another value");
    return {};
  }

  Status read_timestamp() {
    const auto value = reader_.read_uint();
    if (!value) return refuse("timestamp", value.error());
    if (*value == 0 || *value > kLastTimestamp) {
      return refuse(Errc::bad_timestamp, "timestamp", std::to_string(*value) + " ms");
    }
    fields_.timestamp = {static_cast<std::int64_t>(*value)};
    return {};
  }

  Status read_pcrs() {
    const Status read = cbor::for_each_entry(
        reader_, kPcrCount, [](cbor::Reader& reader) { return reader.read_uint(); },
        [this](std::uint64_t index) { return read_pcr(index); });
    if (!read) return own(read.error(), "pcrs", Errc::bad_pcr_count);
    if (fields_.pcrs.empty()) return refuse(Errc::bad_pcr_count, "pcrs", "empty");
    return {};
  }

  Status read_pcr(std::uint64_t index) {
    const std::string where = "pcrs[" + std::to_string(index) + "]";
    if (index >= kPcrCount) return Error(Errc::bad_pcr_index, where);
    const auto bytes = reader_.read_bytes(kMaxFieldBytes);
    if (!bytes) return refuse(where, bytes.error(), Errc::bad_pcr_length);
    const auto value = PcrValue::from(*bytes);
    if (!value) return refuse(Errc::bad_pcr_length, where, value.error().detail());
    if (!fields_.pcrs.emplace(static_cast<std::uint8_t>(index), *value).second) {
      return refuse(Errc::duplicate_key, where, "twice");
    }
    return {};
  }

  Status read_certificate(std::string_view where, Bytes& out) {
    const auto der = reader_.read_bytes(kMaxCertificateBytes);
    if (!der) return refuse(where, der.error(), Errc::bad_certificate_length);
    if (der->empty()) return refuse(Errc::bad_certificate_length, where, "empty");
    out = base::to_bytes(*der);
    return {};
  }

  Status read_cabundle() {
    const auto read_one = [this]() -> Status {
      const std::string where = "cabundle[" + std::to_string(fields_.cabundle.size()) + "]";
      return read_certificate(where, fields_.cabundle.emplace_back());
    };
    const Status read = cbor::for_each_item(reader_, kMaxCabundle, read_one);
    if (!read) return own(read.error(), "cabundle", Errc::bad_cabundle_count);
    if (fields_.cabundle.empty()) return refuse(Errc::bad_cabundle_count, "cabundle", "empty");
    return {};
  }

  Status read_optional(std::string_view where, std::optional<Bytes>& out) {
    const auto bytes = reader_.read_bytes(kMaxFieldBytes);
    if (!bytes) return refuse(where, bytes.error(), Errc::field_too_long);
    out = base::to_bytes(*bytes);
    return {};
  }

  cbor::Reader reader_;
  DocumentFields& fields_;
  std::bitset<kKeyCount> seen_;
};

struct Envelope {
  BytesView payload;
  BytesView signature;
};

// What is no COSE_Sign1 at all is said so, whatever the first item is instead.
Status read_array_of_four(cbor::Reader& reader) {
  const auto kind = reader.peek();
  if (!kind) return refuse("COSE_Sign1", kind.error(), Errc::not_cose_sign1);
  if (*kind == cbor::Kind::tag) {
    const auto tag = reader.read_tag();
    if (!tag) return refuse("COSE_Sign1", tag.error());
    if (*tag != kTagCoseSign1) {
      return refuse(Errc::not_cose_sign1, "COSE_Sign1", "tag " + std::to_string(*tag));
    }
  }
  const auto count = reader.read_array(4);
  if (!count && count.error().is(cbor::Errc::truncated)) return refuse("COSE_Sign1", count.error());
  if (!count) return refuse(Errc::not_cose_sign1, "COSE_Sign1", count.error().to_string());
  if (*count != 4) {
    return refuse(Errc::not_cose_sign1, "COSE_Sign1", "array of " + std::to_string(*count));
  }
  return {};
}

Result<Envelope> read_envelope(BytesView cose) {
  cbor::Reader reader(cose);
  CONCORDAT_CHECK(read_array_of_four(reader));
  const auto header = reader.read_bytes(kMaxDocumentBytes);
  if (!header) return refuse("protected header", header.error());
  if (!base::equal(*header, kProtectedHeader)) {
    return refuse(Errc::algorithm_not_es384, "protected header",
                  std::to_string(header->size()) + " bytes other than a1013822");
  }
  // Not covered by the signature, so nothing may ride in it.
  const auto unprotected = reader.read_map(0);
  if (!unprotected) {
    return refuse("unprotected header", unprotected.error(), Errc::unprotected_header_not_empty);
  }
  if (!*unprotected) {
    return refuse(Errc::not_preferred_encoding, "unprotected header", "of indefinite length");
  }
  const auto payload = reader.read_bytes(kMaxDocumentBytes);
  if (!payload) return refuse("payload", payload.error());
  const auto signature = reader.read_bytes(kMaxDocumentBytes);
  if (!signature) return refuse("signature", signature.error());
  if (signature->size() != kSignatureBytes) {
    return refuse(Errc::signature_length, "signature",
                  std::to_string(signature->size()) + " bytes");
  }
  if (const Status end = reader.finish(); !end) return refuse("COSE_Sign1", end.error());
  return Envelope{*payload, *signature};
}

}  // namespace

Result<UnverifiedDocument> UnverifiedDocument::parse(BytesView cose) {
  if (cose.size() > kMaxDocumentBytes) {
    return Error(Errc::document_too_large, std::to_string(cose.size()) + " bytes");
  }
  CONCORDAT_TRY(const Envelope envelope, read_envelope(cose));
  UnverifiedDocument document;
  CONCORDAT_CHECK(PayloadParser(envelope.payload, document.fields_).parse());
  document.payload_ = base::to_bytes(envelope.payload);
  std::ranges::copy(envelope.signature, document.signature_.begin());
  return document;
}

}  // namespace concordat::attest

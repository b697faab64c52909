#include "keyservice/keyring/envelope.hpp"

#include <limits>

#include "attest/base/cbor.hpp"
#include "keyservice/keyring/key_errc.hpp"
#include "peer/limits.hpp"
#include "policy/key_pattern.hpp"

namespace concordat::keyservice {
namespace {

using base::Error;
using base::Result;
using base::Status;
using base::cbor::Reader;
using base::cbor::Writer;

struct Sizes {
  std::size_t least = 0;
  std::size_t most = 0;
};

// Of the envelope's array.
constexpr std::size_t item_count(EnvelopeKind kind) noexcept {
  switch (kind) {
    case EnvelopeKind::ciphertext:
      return 7;
    case EnvelopeKind::wrapped_key:
      return 8;
    case EnvelopeKind::signature:
    case EnvelopeKind::mac:
      break;
  }
  return 6;
}
constexpr std::size_t kMostItems = 8;
constexpr std::size_t kWrappedItems = 4;

constexpr EnvelopeKind kind_of(Algorithm algorithm) noexcept {
  switch (algorithm) {
    case Algorithm::hkdf_sha384_aes256_gcm:
      return EnvelopeKind::ciphertext;
    case Algorithm::hmac_sha256:
      return EnvelopeKind::mac;
    case Algorithm::ed25519:
    case Algorithm::ecdsa_p256_sha256:
    case Algorithm::ecdsa_p384_sha384:
      break;
  }
  return EnvelopeKind::signature;
}

constexpr bool is_of_kind(Algorithm algorithm, EnvelopeKind kind) noexcept {
  const bool is_sealed = kind == EnvelopeKind::wrapped_key;
  return kind_of(algorithm) == (is_sealed ? EnvelopeKind::ciphertext : kind);
}

Sizes body_sizes(const Envelope& envelope) noexcept {
  switch (envelope.kind) {
    case EnvelopeKind::ciphertext:
      return {peer::kAeadTagSize, kMaxPlaintext + peer::kAeadTagSize};
    case EnvelopeKind::wrapped_key:
      return {1 + peer::kAeadTagSize, kMaxWrappedBytes + peer::kAeadTagSize};
    case EnvelopeKind::mac:
      return {kMacSize, kMacSize};
    case EnvelopeKind::signature:
      break;
  }
  if (envelope.algorithm != Algorithm::ed25519) return {1, kMaxSignature};
  return {kEd25519SignatureSize, kEd25519SignatureSize};
}

Error malformed(std::string what) {
  return Error(KeyErrc::envelope_malformed, std::move(what));
}

// A number from 1 to `last`, which an enum of ours names.
template <class Enum>
Result<Enum> read_enum(Reader& reader, Enum last, std::string_view what) {
  CONCORDAT_TRY(const std::uint64_t value, reader.read_uint());
  if (value == 0 || value > static_cast<std::uint64_t>(last)) {
    return malformed("no " + std::string(what) + " has number " + std::to_string(value));
  }
  return static_cast<Enum>(value);
}

Result<std::string> read_name(Reader& reader) {
  CONCORDAT_TRY(const std::string_view name, reader.read_text(kMaxKeyName));
  CONCORDAT_CHECK(policy::check_key_name(name));
  return std::string(name);
}

Result<std::uint32_t> read_version(Reader& reader) {
  CONCORDAT_TRY(const std::uint64_t version, reader.read_uint());
  if (version == 0 || version > std::numeric_limits<std::uint32_t>::max()) {
    return malformed("version " + std::to_string(version));
  }
  return static_cast<std::uint32_t>(version);
}

Result<std::optional<WrappedKey>> read_wrapped(Reader& reader) {
  CONCORDAT_TRY(const bool is_bytes, reader.take_null());
  if (is_bytes) return std::optional<WrappedKey>();
  CONCORDAT_TRY(const std::size_t count, reader.read_array(kWrappedItems));
  if (count != kWrappedItems) return malformed("the wrapped key's description has another shape");
  WrappedKey out;
  CONCORDAT_TRY(out.type, read_enum(reader, KeyType::hmac, "type of key"));
  if (out.type == KeyType::derived) return malformed("derived keys are not wrapped");
  CONCORDAT_TRY(out.name, read_name(reader));
  CONCORDAT_TRY(out.version, read_version(reader));
  CONCORDAT_TRY(out.exportable, reader.read_bool());
  return std::optional(std::move(out));
}

Status read_maker(Reader& reader, std::size_t count, Envelope& out) {
  CONCORDAT_TRY(out.kind, read_enum(reader, EnvelopeKind::mac, "kind of envelope"));
  if (count != item_count(out.kind)) return malformed(std::to_string(count) + " items");
  CONCORDAT_TRY(out.algorithm, read_enum(reader, Algorithm::hmac_sha256, "algorithm"));
  if (!is_of_kind(out.algorithm, out.kind)) {
    return malformed(std::string(to_string(out.algorithm)) + " makes no " +
                     std::string(to_string(out.kind)));
  }
  CONCORDAT_TRY(out.key_name, read_name(reader));
  CONCORDAT_TRY(out.key_version, read_version(reader));
  return {};
}

bool has_salt(EnvelopeKind kind) noexcept {
  return kind == EnvelopeKind::ciphertext || kind == EnvelopeKind::wrapped_key;
}

Result<Envelope> read_envelope(Reader& reader) {
  Envelope out;
  CONCORDAT_TRY(const std::size_t count, reader.read_array(kMostItems));
  CONCORDAT_TRY(const std::uint64_t format, reader.read_uint());
  if (format != kEnvelopeFormat) {
    return Error(KeyErrc::other_envelope_format, "format " + std::to_string(format));
  }
  CONCORDAT_CHECK(read_maker(reader, count, out));
  if (out.kind == EnvelopeKind::wrapped_key) {
    CONCORDAT_TRY(out.wrapped, read_wrapped(reader));
  }
  if (has_salt(out.kind)) {
    CONCORDAT_TRY(const base::BytesView salt, reader.read_bytes(kSaltSize));
    CONCORDAT_TRY(out.salt, Salt::from(salt));
  }
  const Sizes sizes = body_sizes(out);
  CONCORDAT_TRY(const base::BytesView body, reader.read_bytes(sizes.most));
  if (body.size() < sizes.least) {
    return malformed("a " + std::string(to_string(out.kind)) + " of " +
                     std::to_string(body.size()) + " bytes");
  }
  out.body = base::to_bytes(body);
  CONCORDAT_CHECK(reader.finish());
  return out;
}

}  // namespace

std::string_view to_string(EnvelopeKind kind) noexcept {
  switch (kind) {
    case EnvelopeKind::signature:
      return "signature";
    case EnvelopeKind::ciphertext:
      return "ciphertext";
    case EnvelopeKind::wrapped_key:
      return "wrapped key";
    case EnvelopeKind::mac:
      return "mac";
  }
  return "unknown";
}

std::string_view to_string(Algorithm algorithm) noexcept {
  switch (algorithm) {
    case Algorithm::ed25519:
      return "Ed25519";
    case Algorithm::ecdsa_p256_sha256:
      return "ECDSA-P256-SHA256";
    case Algorithm::ecdsa_p384_sha384:
      return "ECDSA-P384-SHA384";
    case Algorithm::hkdf_sha384_aes256_gcm:
      return "HKDF-SHA384-AES256-GCM";
    case Algorithm::hmac_sha256:
      return "HMAC-SHA256";
  }
  return "unknown";
}

base::Bytes encode_header(const Envelope& envelope) {
  Writer out;
  out.array(item_count(envelope.kind)).uint(kEnvelopeFormat);
  out.uint(static_cast<std::uint64_t>(envelope.kind));
  out.uint(static_cast<std::uint64_t>(envelope.algorithm));
  out.text(envelope.key_name).uint(envelope.key_version);
  if (envelope.kind == EnvelopeKind::wrapped_key && envelope.wrapped) {
    const WrappedKey& wrapped = *envelope.wrapped;
    out.array(kWrappedItems).uint(static_cast<std::uint64_t>(wrapped.type)).text(wrapped.name);
    out.uint(wrapped.version).boolean(wrapped.exportable);
  } else if (envelope.kind == EnvelopeKind::wrapped_key) {
    out.null();
  }
  if (has_salt(envelope.kind)) out.bytes(envelope.salt.view());
  return std::move(out).take();
}

base::Bytes encode(const Envelope& envelope) {
  Writer out;
  out.raw(encode_header(envelope)).bytes(envelope.body);
  return std::move(out).take();
}

Result<Envelope> decode_envelope(base::BytesView encoded) {
  if (encoded.size() > kMaxEnvelope) return malformed(std::to_string(encoded.size()) + " bytes");
  Reader reader(encoded);
  auto out = read_envelope(reader);
  if (out || out.error().is(KeyErrc::envelope_malformed) ||
      out.error().is(KeyErrc::other_envelope_format)) {
    return out;
  }
  return malformed(out.error().to_string());
}

Status check_maker(const Envelope& envelope, EnvelopeKind kind, Algorithm algorithm,
                   const KeyInUse& key) {
  const auto not_but = [](std::string_view found, std::string_view wanted) {
    return std::string(found) + ", not " + std::string(wanted);
  };
  if (envelope.kind != kind) {
    return Error(KeyErrc::other_kind, not_but(to_string(envelope.kind), to_string(kind)));
  }
  if (envelope.key_name != key.name) {
    return Error(KeyErrc::other_key, not_but(envelope.key_name, key.name));
  }
  if (envelope.key_version != key.version) {
    return Error(KeyErrc::other_version,
                 not_but(std::to_string(envelope.key_version),
                         std::to_string(key.version) + " of " + std::string(key.name)));
  }
  if (envelope.algorithm != algorithm) {
    return Error(KeyErrc::other_algorithm,
                 not_but(to_string(envelope.algorithm), to_string(algorithm)));
  }
  return {};
}

}  // namespace concordat::keyservice

#include "keyservice/keyring/sealing.hpp"

#include <array>

#include "attest/base/cbor.hpp"
#include "attest/base/hash.hpp"
#include "attest/base/secret_access.hpp"
#include "keyservice/keyring/allowed_operations.hpp"
#include "keyservice/keyring/key_errc.hpp"
#include "keyservice/keyring/key_material.hpp"
#include "peer/aead.hpp"
#include "peer/limits.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using base::Status;
using peer::Aead;
using policy::Operation;

// Each key seals one message.
constexpr std::array<std::uint8_t, peer::kAeadNonceSize> kNonce{};

Status check_size(std::string_view what, std::size_t size, std::size_t most) {
  if (size <= most) return {};
  return Error(KeyErrc::input_too_large, std::string(what) + " of " + std::to_string(size) +
                                             " bytes; at most " + std::to_string(most));
}

KeyUse use_of(EnvelopeKind kind) noexcept {
  return kind == EnvelopeKind::ciphertext ? KeyUse::encryption : KeyUse::wrapping;
}

Result<SecretBytes> message_key(const KeyInUse& key, const Envelope& envelope, BytesView header) {
  CONCORDAT_TRY(const SecretBytes bytes, bytes_for(key, use_of(envelope.kind)));
  return base::hkdf_expand(base::hkdf_extract(envelope.salt.view(), bytes), header,
                           kMessageKeySize);
}

Bytes bound(Bytes header, BytesView associated) {
  base::cbor::Writer out;
  out.raw(header).bytes(associated);
  return std::move(out).take();
}

// `kind` and `wrapped` say what it is; the rest is filled in.
Result<Envelope> seal(EnvelopeKind kind, std::optional<WrappedKey> wrapped, const KeyInUse& key,
                      BytesView associated, const SecretBytes& plaintext,
                      base::RandomSource& random) {
  Envelope out;
  out.kind = kind;
  out.algorithm = Algorithm::hkdf_sha384_aes256_gcm;
  out.key_name = key.name;
  out.key_version = key.version;
  out.wrapped = std::move(wrapped);
  random.fill(out.salt.mutable_view());
  Bytes header = encode_header(out);
  CONCORDAT_TRY(const SecretBytes fresh, message_key(key, out, header));
  out.body.resize(plaintext.size() + peer::kAeadTagSize);
  Aead(fresh, Aead::Direction::seal)
      .seal(kNonce, bound(std::move(header), associated), plaintext.expose(SecretAccess{}),
            out.body);
  return out;
}

Result<SecretBytes> open(EnvelopeKind kind, const KeyInUse& key, BytesView associated,
                         const Envelope& envelope) {
  CONCORDAT_CHECK(check_maker(envelope, kind, Algorithm::hkdf_sha384_aes256_gcm, key));
  if (envelope.body.size() < peer::kAeadTagSize) {
    return Error(KeyErrc::envelope_malformed, "the body is shorter than its tag");
  }
  Bytes header = encode_header(envelope);
  CONCORDAT_TRY(const SecretBytes fresh, message_key(key, envelope, header));
  SecretBytes plaintext = SecretBytes::zeroed(envelope.body.size() - peer::kAeadTagSize);
  const auto opened = Aead(fresh, Aead::Direction::open)
                          .open(kNonce, bound(std::move(header), associated), envelope.body,
                                plaintext.expose_mutable(SecretAccess{}));
  if (!opened) {
    return Error(KeyErrc::authentication_failed,
                 "the envelope or what it is bound to was altered, or the key is another one");
  }
  return plaintext;
}

Status check_wrapped_bytes(const SecretBytes& bytes) {
  if (bytes.empty()) return Error(KeyErrc::bad_key_material, "nothing to wrap");
  return check_size("a key to wrap", bytes.size(), kMaxWrappedBytes);
}

// Derived keys wrap under a key that `get` does not give.
bool may_be_given_out(const KeyInUse& wrapping) noexcept {
  return wrapping.exportable && wrapping.type != KeyType::derived;
}

Status check_not_weakened(const KeyInUse& key, bool wrapped_is_exportable) {
  if (wrapped_is_exportable || !may_be_given_out(key)) return {};
  return Error(KeyErrc::not_exportable,
               described(key) + " is exportable: it must not wrap a key that is not");
}

Result<SecretBytes> open_wrapped(const KeyInUse& key, BytesView associated,
                                 const Envelope& envelope) {
  CONCORDAT_CHECK(check_allowed(key, Operation::unwrap));
  CONCORDAT_TRY(SecretBytes bytes, open(EnvelopeKind::wrapped_key, key, associated, envelope));
  if (envelope.wrapped) CONCORDAT_CHECK(check_material(envelope.wrapped->type, bytes));
  return bytes;
}

Status check_same_key(const KeyInUse& from, const KeyInUse& to) {
  if (to.name != from.name || to.type != from.type) {
    return Error(KeyErrc::other_key, described(to) + " is another key than " + described(from));
  }
  if (to.version < from.version) {
    return Error(KeyErrc::other_version, described(to) + " is older than " + described(from));
  }
  return {};
}

}  // namespace

Result<Envelope> encrypt(const KeyInUse& key, BytesView associated, const SecretBytes& plaintext,
                         base::RandomSource& random) {
  CONCORDAT_CHECK(check_allowed(key, Operation::encrypt));
  CONCORDAT_CHECK(check_size("a plaintext", plaintext.size(), kMaxPlaintext));
  CONCORDAT_CHECK(check_size("associated data", associated.size(), kMaxAssociatedData));
  return seal(EnvelopeKind::ciphertext, std::nullopt, key, associated, plaintext, random);
}

Result<SecretBytes> decrypt(const KeyInUse& key, BytesView associated, const Envelope& envelope) {
  CONCORDAT_CHECK(check_allowed(key, Operation::decrypt));
  CONCORDAT_CHECK(check_size("associated data", associated.size(), kMaxAssociatedData));
  return open(EnvelopeKind::ciphertext, key, associated, envelope);
}

Result<Envelope> wrap_bytes(const KeyInUse& key, const SecretBytes& bytes,
                            base::RandomSource& random) {
  CONCORDAT_CHECK(check_allowed(key, Operation::wrap));
  CONCORDAT_CHECK(check_wrapped_bytes(bytes));
  return seal(EnvelopeKind::wrapped_key, std::nullopt, key, {}, bytes, random);
}

Result<Envelope> wrap_key(const KeyInUse& key, const KeyInUse& wrapped,
                          base::RandomSource& random) {
  CONCORDAT_CHECK(check_allowed(key, Operation::wrap));
  if (wrapped.type == KeyType::derived) {
    return Error(KeyErrc::operation_not_of_key, described(wrapped) + ": it has nothing to wrap");
  }
  CONCORDAT_CHECK(check_not_weakened(key, wrapped.exportable));
  CONCORDAT_TRY(const SecretBytes material, bytes_for(wrapped, KeyUse::secret));
  return seal(
      EnvelopeKind::wrapped_key,
      WrappedKey{wrapped.type, std::string(wrapped.name), wrapped.version, wrapped.exportable}, key,
      {}, material, random);
}

Result<SecretBytes> unwrap(const KeyInUse& key, const Envelope& envelope) {
  CONCORDAT_TRY(SecretBytes bytes, open_wrapped(key, {}, envelope));
  if (envelope.wrapped && !envelope.wrapped->exportable) {
    return Error(KeyErrc::not_exportable,
                 envelope.wrapped->name + " version " + std::to_string(envelope.wrapped->version));
  }
  return bytes;
}

Result<UnwrappedKey> unwrap_key(const KeyInUse& key, const Envelope& envelope) {
  CONCORDAT_TRY(SecretBytes material, open_wrapped(key, {}, envelope));
  if (!envelope.wrapped) return Error(KeyErrc::other_kind, "wrapped bytes, not a key of a keyring");
  return UnwrappedKey{*envelope.wrapped, std::move(material)};
}

Result<Envelope> rewrap(const KeyInUse& from, const KeyInUse& to, BytesView associated,
                        const Envelope& envelope, base::RandomSource& random) {
  CONCORDAT_CHECK(check_same_key(from, to));
  if (envelope.kind == EnvelopeKind::wrapped_key) {
    CONCORDAT_TRY(const SecretBytes bytes, open_wrapped(from, associated, envelope));
    if (envelope.wrapped) CONCORDAT_CHECK(check_not_weakened(to, envelope.wrapped->exportable));
    return seal(envelope.kind, envelope.wrapped, to, associated, bytes, random);
  }
  CONCORDAT_TRY(const SecretBytes plaintext, decrypt(from, associated, envelope));
  return seal(EnvelopeKind::ciphertext, std::nullopt, to, associated, plaintext, random);
}

}  // namespace concordat::keyservice

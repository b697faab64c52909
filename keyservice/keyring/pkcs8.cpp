#include "keyservice/keyring/pkcs8.hpp"

#include "attest/base/secret_access.hpp"
#include "keyservice/keyring/der_reader.hpp"
#include "keyservice/keyring/key_errc.hpp"
#include "keyservice/keyring/key_material.hpp"
#include "keyservice/keyring/nist_curve.hpp"
#include "keyservice/keyring/operation_limits.hpp"
#include "keyservice/keyring/public_key.hpp"

namespace concordat::keyservice {
namespace {

using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using base::Status;

// Content octets of object identifiers.
constexpr std::uint8_t kIdEcPublicKey[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
constexpr std::uint8_t kIdP256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr std::uint8_t kIdP384[] = {0x2b, 0x81, 0x04, 0x00, 0x22};
constexpr std::uint8_t kIdX25519[] = {0x2b, 0x65, 0x6e};
constexpr std::uint8_t kIdEd25519[] = {0x2b, 0x65, 0x70};

// Context-specific tags of OneAsymmetricKey (its module has implicit tags) and of ECPrivateKey
// (explicit ones).
constexpr DerTag kAttributes{0xa0};
constexpr DerTag kPublicKey{0x81};
constexpr DerTag kEcParameters{0xa0};
constexpr DerTag kEcPublicKey{0xa1};

Error bad(std::string_view what) {
  return Error(KeyErrc::bad_key_material, "PKCS#8: " + std::string(what));
}

Result<BytesView> read(DerReader& reader, DerTag tag, std::string_view what) {
  if (const auto content = reader.read(tag)) return *content;
  return bad(std::string(what) + " missing or not DER");
}

// A BIT STRING's content without its count of unused bits, which must be none.
Result<BytesView> whole_bits(BytesView content) {
  if (content.empty() || content.front() != 0) return bad("a public key that ends within a byte");
  return content.subspan(1);
}

struct CurveName {
  KeyType type;
  BytesView identifier;
};
constexpr CurveName kNistCurves[] = {{KeyType::p256, kIdP256}, {KeyType::p384, kIdP384}};
constexpr CurveName kMontgomeryCurves[] = {{KeyType::x25519, kIdX25519},
                                           {KeyType::ed25519, kIdEd25519}};

Result<KeyType> named(std::span<const CurveName> curves, BytesView identifier) {
  for (const CurveName& curve : curves) {
    if (base::equal(curve.identifier, identifier)) return curve.type;
  }
  return Error(KeyErrc::other_key_type, "a kind of key that the keyring does not have");
}

Result<KeyType> read_algorithm(BytesView sequence) {
  DerReader reader(sequence);
  CONCORDAT_TRY(const BytesView algorithm, read(reader, kDerObjectIdentifier, "algorithm"));
  if (!base::equal(algorithm, kIdEcPublicKey)) {
    CONCORDAT_TRY(const KeyType type, named(kMontgomeryCurves, algorithm));
    if (!reader.at_end()) return bad("parameters where the algorithm has none");
    return type;
  }
  CONCORDAT_TRY(const BytesView curve, read(reader, kDerObjectIdentifier, "name of the curve"));
  if (!reader.at_end()) return bad("bytes after the algorithm");
  return named(kNistCurves, curve);
}

// Of a key file: the secret, and the copies of its public key.
struct Parts {
  BytesView secret;
  BytesView public_keys[2];
};

// ECPrivateKey (RFC 5915 section 3).
Status read_ec_private_key(BytesView octets, KeyType type, Parts& out) {
  DerReader outer(octets);
  CONCORDAT_TRY(const BytesView sequence, read(outer, kDerSequence, "ECPrivateKey"));
  if (!outer.at_end()) return bad("bytes after ECPrivateKey");
  DerReader reader(sequence);
  CONCORDAT_TRY(const BytesView version, read(reader, kDerInteger, "version of ECPrivateKey"));
  if (version.size() != 1 || version.front() != 1) return bad("a version of ECPrivateKey not 1");
  CONCORDAT_TRY(out.secret, read(reader, kDerOctetString, "private key"));
  if (reader.is_at(kEcParameters)) {
    CONCORDAT_TRY(const BytesView parameters, read(reader, kEcParameters, "parameters"));
    DerReader inner(parameters);
    CONCORDAT_TRY(const BytesView curve, read(inner, kDerObjectIdentifier, "name of the curve"));
    CONCORDAT_TRY(const KeyType found, named(kNistCurves, curve));
    if (!inner.at_end() || found != type) return bad("it names two curves");
  }
  if (reader.is_at(kEcPublicKey)) {
    CONCORDAT_TRY(const BytesView tagged, read(reader, kEcPublicKey, "public key"));
    DerReader inner(tagged);
    CONCORDAT_TRY(const BytesView bits, read(inner, kDerBitString, "public key"));
    if (!inner.at_end()) return bad("bytes after the public key");
    CONCORDAT_TRY(out.public_keys[0], whole_bits(bits));
    if (out.public_keys[0].empty()) return bad("an empty public key");
  }
  return reader.at_end() ? Status() : Status(bad("bytes after the public key"));
}

Status read_private_key(BytesView octets, KeyType type, Parts& out) {
  if (type == KeyType::p256 || type == KeyType::p384) {
    return read_ec_private_key(octets, type, out);
  }
  DerReader reader(octets);  // CurvePrivateKey (RFC 8410 section 7)
  CONCORDAT_TRY(out.secret, read(reader, kDerOctetString, "CurvePrivateKey"));
  return reader.at_end() ? Status() : Status(bad("bytes after CurvePrivateKey"));
}

Status check_same(KeyType type, BytesView stated, const PublicKey& own) {
  base::Bytes point = base::to_bytes(stated);
  if (type == KeyType::p256 || type == KeyType::p384) {
    CONCORDAT_TRY(point, uncompressed(nist_curve(type), stated));
  }
  if (point == own.raw) return {};
  return bad("the public key is not that of the private key");
}

Result<SecretBytes> checked(KeyType type, const Parts& parts) {
  SecretBytes secret = SecretBytes::zeroed(parts.secret.size());
  std::ranges::copy(parts.secret, secret.expose_mutable(SecretAccess{}).begin());
  CONCORDAT_CHECK(check_material(type, secret));
  CONCORDAT_TRY(const PublicKey own, public_key_of(type, secret));
  for (const BytesView stated : parts.public_keys) {
    if (!stated.empty()) CONCORDAT_CHECK(check_same(type, stated, own));
  }
  return secret;
}

// What follows the private key: attributes, which say nothing of the key itself, and in version 2
// the public key.
Status read_rest(DerReader& reader, bool is_version_2, Parts& parts) {
  if (reader.is_at(kAttributes)) {
    CONCORDAT_TRY(const BytesView ignored, read(reader, kAttributes, "attributes"));
    static_cast<void>(ignored);
  }
  if (is_version_2 && reader.is_at(kPublicKey)) {
    CONCORDAT_TRY(const BytesView bits, read(reader, kPublicKey, "public key"));
    CONCORDAT_TRY(parts.public_keys[1], whole_bits(bits));
    if (parts.public_keys[1].empty()) return bad("an empty public key");
  }
  return reader.at_end() ? Status() : Status(bad("bytes after the key"));
}

}  // namespace

Result<SecretBytes> import_pkcs8(KeyType type, const SecretBytes& der) {
  if (der.size() > kMaxPkcs8) return bad(std::to_string(der.size()) + " bytes");
  DerReader file(der.expose(SecretAccess{}));
  CONCORDAT_TRY(const BytesView sequence, read(file, kDerSequence, "PrivateKeyInfo"));
  if (!file.at_end()) return bad("bytes after the end");
  DerReader reader(sequence);
  if (reader.is_at(kDerSequence)) return bad("it is encrypted; decrypt it first");
  CONCORDAT_TRY(const BytesView version, read(reader, kDerInteger, "version"));
  if (version.size() != 1 || version.front() > 1) return bad("another version than 1 or 2");
  if (reader.is_at(kDerOctetString)) {
    return bad("it is a bare EC key; convert it with openssl pkcs8 -topk8 -nocrypt -outform DER");
  }
  CONCORDAT_TRY(const BytesView algorithm, read(reader, kDerSequence, "algorithm"));
  CONCORDAT_TRY(const KeyType found, read_algorithm(algorithm));
  if (found != type) {
    return Error(KeyErrc::other_key_type,
                 std::string(to_string(found)) + ", not " + std::string(to_string(type)));
  }
  CONCORDAT_TRY(const BytesView octets, read(reader, kDerOctetString, "private key"));
  Parts parts;
  CONCORDAT_CHECK(read_private_key(octets, type, parts));
  CONCORDAT_CHECK(read_rest(reader, version.front() == 1, parts));
  return checked(type, parts);
}

}  // namespace concordat::keyservice

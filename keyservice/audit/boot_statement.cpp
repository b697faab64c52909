#include "keyservice/audit/boot_statement.hpp"

#include "attest/base/cbor_fixed.hpp"
#include "attest/claims.hpp"
#include "keyservice/audit/limits.hpp"
#include "policy/public_key.hpp"

namespace concordat::keyservice::audit {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;

// RFC 8410: SEQUENCE { SEQUENCE { id-Ed25519 }, BIT STRING }, the key's 32 bytes last.
constexpr std::array<std::uint8_t, 12> kEd25519Spki{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                    0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
constexpr std::size_t kStatementItems = 4;

Result<BootStatement> read_items(BytesView encoded) {
  base::cbor::Reader reader(encoded);
  BootStatement out;
  CONCORDAT_TRY(out.origin, reader.read_text(kMaxKeyNameSize));
  CONCORDAT_TRY(out.boot, read_fixed<BootId>(reader));
  CONCORDAT_TRY(out.log_key, read_fixed<attest::SignerKey>(reader));
  CONCORDAT_TRY(out.policy, read_fixed<policy::PolicyDigest>(reader));
  CONCORDAT_CHECK(reader.finish());
  return out;
}

Result<attest::SignerKey> read_key(BytesView spki) {
  if (spki.size() != kEd25519Spki.size() + attest::SignerKey::kSize ||
      !base::equal(spki.first(kEd25519Spki.size()), kEd25519Spki)) {
    return Error(Errc::malformed_statement, "public_key is no Ed25519 key");
  }
  return attest::SignerKey::from(spki.subspan(kEd25519Spki.size()));
}

}  // namespace

attest::MintRequest boot_document(const BootStatement& statement) {
  base::cbor::Writer items;
  items.text(statement.origin).bytes(statement.boot.view()).bytes(statement.log_key.view());
  items.bytes(statement.policy.view());
  attest::MintRequest request;
  request.purpose = attest::Purpose::audit;
  request.items = {std::move(items).take(), kStatementItems};
  Bytes key;
  key.reserve(kEd25519Spki.size() + attest::SignerKey::kSize);
  base::append(key, kEd25519Spki);
  base::append(key, statement.boot_key.view());
  request.public_key = std::move(key);
  return request;
}

Result<BootStatement> read_boot_statement(const attest::VerifiedClaims& claims) {
  CONCORDAT_TRY(const auto items, attest::check_purpose(attest::Purpose::audit, claims));
  auto statement = read_items(items.encoded);
  if (!statement || items.count != kStatementItems) {
    return Error(Errc::malformed_statement, statement ? std::to_string(items.count) + " items"
                                                      : statement.error().to_string());
  }
  CONCORDAT_TRY(statement->boot_key, read_key(claims.public_key().value()));
  if (!policy::is_public_key(statement->boot_key) || !policy::is_public_key(statement->log_key)) {
    return Error(Errc::malformed_statement, "a key that is nobody's");
  }
  return statement;
}

}  // namespace concordat::keyservice::audit

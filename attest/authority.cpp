#include "attest/authority.hpp"

#include <sodium.h>

#include "attest/base/cbor.hpp"

namespace concordat::attest {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
namespace cbor = base::cbor;

bool is_realm_character(char c, bool first) noexcept {
  const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  return alphanumeric || (!first && (c == '.' || c == '-' || c == '_'));
}

// `signers` sorted.
Status check_signers(const std::vector<SignerKey>& signers) {
  if (signers.empty() || signers.size() > kMaxSigners) {
    return Error(AuthorityErrc::bad_signers, std::to_string(signers.size()) + " keys, want 1 to " +
                                                 std::to_string(kMaxSigners));
  }
  if (const auto twin = std::ranges::adjacent_find(signers); twin != signers.end()) {
    return Error(AuthorityErrc::bad_signers, "key " + twin->hex() + " is there twice");
  }
  for (const SignerKey& key : signers) {
    if (crypto_core_ed25519_is_valid_point(key.view().data()) != 1) {
      return Error(AuthorityErrc::bad_signers, key.hex() + " is not an Ed25519 public key");
    }
  }
  return {};
}

Status check(const AuthorityFields& fields) {
  CONCORDAT_CHECK(check_realm(fields.realm));
  CONCORDAT_CHECK(check_signers(fields.signers));
  if (fields.threshold < 1 || fields.threshold > fields.signers.size()) {
    return Error(AuthorityErrc::bad_threshold,
                 std::to_string(fields.threshold) + " of " + std::to_string(fields.signers.size()));
  }
  if (fields.epoch < 1 || fields.epoch > kMaxEpoch) {
    return Error(AuthorityErrc::bad_epoch,
                 std::to_string(fields.epoch) + ", want 1 to " + std::to_string(kMaxEpoch));
  }
  return {};
}

Bytes encode(const AuthorityFields& fields) {
  cbor::Writer writer;
  writer.map(4).text("epoch").uint(fields.epoch).text("realm").text(fields.realm);
  writer.text("signers").array(fields.signers.size());
  for (const SignerKey& key : fields.signers)
    writer.bytes(key.view());
  writer.text("threshold").uint(fields.threshold);
  return std::move(writer).take();
}

Status read_key(cbor::Reader& reader, std::string_view wanted) {
  CONCORDAT_TRY(const std::string_view key, reader.read_text(16));
  if (key != wanted) return Error(cbor::Errc::unknown_key, "want " + std::string(wanted));
  return {};
}

Result<AuthorityFields> decode(BytesView encoded) {
  cbor::Reader reader(encoded);
  AuthorityFields fields;
  CONCORDAT_TRY(const auto entries, reader.read_map(4));
  if (entries != 4u) return Error(cbor::Errc::missing_key, "want 4 entries");
  CONCORDAT_CHECK(read_key(reader, "epoch"));
  CONCORDAT_TRY(fields.epoch, reader.read_uint());
  CONCORDAT_CHECK(read_key(reader, "realm"));
  CONCORDAT_TRY(fields.realm, reader.read_text(kMaxRealmSize));
  CONCORDAT_CHECK(read_key(reader, "signers"));
  CONCORDAT_TRY(const std::size_t count, reader.read_array(kMaxSigners));
  for (std::size_t i = 0; i < count; ++i) {
    CONCORDAT_TRY(const BytesView bytes, reader.read_bytes(SignerKey::kSize));
    CONCORDAT_TRY(const SignerKey key, SignerKey::from(bytes));
    fields.signers.push_back(key);
  }
  CONCORDAT_CHECK(read_key(reader, "threshold"));
  CONCORDAT_TRY(const std::uint64_t threshold, reader.read_uint());
  if (threshold > kMaxSigners) return Error(cbor::Errc::too_large, "threshold");
  fields.threshold = static_cast<unsigned>(threshold);
  CONCORDAT_CHECK(reader.finish());
  return fields;
}

AuthorityDigest digest_of(BytesView encoded) {
  const base::Sha384Digest hash = base::sha384({base::as_bytes(kAuthorityDomain), encoded});
  return AuthorityDigest::from(hash.view()).value();
}

Status require_bound(NsmTransport& nsm, const PcrValue& wanted) {
  CONCORDAT_TRY(const auto after, nsm::describe_pcr(nsm, kAuthorityPcr));
  if (after.lock && after.data == wanted) return {};
  return Error(AuthorityErrc::register_not_bound,
               std::string("read back ") + (after.lock ? "locked " : "unlocked ") +
                   after.data.hex() + ", want locked " + wanted.hex());
}

}  // namespace

base::CodeInfo describe(AuthorityErrc code) noexcept {
  switch (code) {
    case AuthorityErrc::bad_realm:
      return {"bad_realm", "not a realm name"};
    case AuthorityErrc::bad_signers:
      return {"bad_signers", "not a valid set of authority signers"};
    case AuthorityErrc::bad_threshold:
      return {"bad_threshold", "threshold is not between 1 and the number of signers"};
    case AuthorityErrc::bad_epoch:
      return {"bad_epoch", "epoch out of range"};
    case AuthorityErrc::malformed_descriptor:
      return {"malformed_descriptor", "not an authority descriptor in its one encoding"};
    case AuthorityErrc::register_in_use:
      return {"register_in_use", "PCR16 was extended before the authority was bound"};
    case AuthorityErrc::other_authority:
      return {"other_authority", "PCR16 is bound to another authority"};
    case AuthorityErrc::register_not_bound:
      return {"register_not_bound", "PCR16 does not hold the authority after binding"};
  }
  return {"unknown", "unknown authority error"};
}

Status check_realm(std::string_view realm) {
  if (realm.empty() || realm.size() > kMaxRealmSize) {
    return Error(
        AuthorityErrc::bad_realm,
        std::to_string(realm.size()) + " characters, want 1 to " + std::to_string(kMaxRealmSize));
  }
  for (std::size_t i = 0; i < realm.size(); ++i) {
    if (!is_realm_character(realm[i], i == 0)) {
      return Error(AuthorityErrc::bad_realm,
                   "character " + std::to_string(i + 1) +
                       ": want a-z, 0-9, '.', '-', '_', and a letter or digit first");
    }
  }
  return {};
}

AuthorityDescriptor::AuthorityDescriptor(AuthorityFields fields)
    : fields_(std::move(fields)),
      encoded_(encode(fields_)),
      digest_(digest_of(encoded_)),
      pcr16_(authority_pcr16(digest_)) {}

Result<AuthorityDescriptor> AuthorityDescriptor::create(AuthorityFields fields) {
  std::ranges::sort(fields.signers);
  CONCORDAT_CHECK(check(fields));
  return AuthorityDescriptor(std::move(fields));
}

Result<AuthorityDescriptor> AuthorityDescriptor::parse(BytesView encoded) {
  auto fields = decode(encoded);
  if (!fields) return Error(AuthorityErrc::malformed_descriptor, fields.error().to_string());
  CONCORDAT_TRY(AuthorityDescriptor descriptor, create(*std::move(fields)));
  if (!base::equal(descriptor.encoded(), encoded)) {
    return Error(AuthorityErrc::malformed_descriptor, "signers are not sorted");
  }
  return descriptor;
}

PcrValue authority_pcr16(const AuthorityDigest& digest) {
  return extended_pcr(PcrValue(), digest.view());
}

Result<AuthorityBinding> bind_authority(NsmTransport& nsm, const AuthorityDescriptor& authority) {
  const PcrValue& wanted = authority.pcr16();
  CONCORDAT_TRY(const auto before, nsm::describe_pcr(nsm, kAuthorityPcr));
  if (before.lock) {
    if (before.data == wanted) return AuthorityBinding::bound_already;
    return Error(AuthorityErrc::other_authority,
                 "PCR16 is " + before.data.hex() +
                     " until this enclave ends, this authority's is " + wanted.hex() +
                     "; start a new enclave for another authority");
  }
  if (!before.data.is_zero()) {
    return Error(AuthorityErrc::register_in_use, "PCR16 is " + before.data.hex());
  }
  CONCORDAT_CHECK(nsm::extend_pcr(nsm, kAuthorityPcr, authority.digest().view()));
  CONCORDAT_CHECK(nsm::lock_pcr(nsm, kAuthorityPcr));
  CONCORDAT_CHECK(require_bound(nsm, wanted));
  return AuthorityBinding::bound_now;
}

}  // namespace concordat::attest

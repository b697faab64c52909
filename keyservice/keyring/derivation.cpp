#include "keyservice/keyring/derivation.hpp"

#include <sodium.h>

#include "attest/base/cbor.hpp"
#include "attest/base/hash.hpp"
#include "attest/base/secret_access.hpp"
#include "attest/base/stack_wipe.hpp"
#include "keyservice/keyring/allowed_operations.hpp"
#include "keyservice/keyring/key_errc.hpp"
#include "keyservice/keyring/key_material.hpp"
#include "keyservice/keyring/public_key.hpp"

namespace concordat::keyservice {
namespace {

using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using base::Status;

constexpr std::string_view kDerive = "concordat/derive/1";
constexpr std::string_view kAgree = "concordat/agree/1";

Status check_sizes(BytesView context, std::size_t size) {
  if (context.size() > kMaxContext) {
    return Error(KeyErrc::input_too_large, "a context of " + std::to_string(context.size()) +
                                               " bytes; at most " + std::to_string(kMaxContext));
  }
  if (size == 0 || size > kMaxDerivedSize) {
    return Error(KeyErrc::bad_output_size,
                 std::to_string(size) + " bytes; 1 to " + std::to_string(kMaxDerivedSize));
  }
  return {};
}

Result<SecretBytes> shared_secret(const SecretBytes& scalar, const PeerPublicKey& peer) {
  const base::StackWipe wipe;
  SecretBytes out = SecretBytes::zeroed(crypto_scalarmult_BYTES);
  const auto bytes = out.expose_mutable(SecretAccess{});
  const int ok =
      crypto_scalarmult(bytes.data(), scalar.expose(SecretAccess{}).data(), peer.view().data());
  // libsodium refuses points of low order itself; the result is judged all the same.
  if (ok != 0 || sodium_is_zero(bytes.data(), bytes.size()) == 1) {
    return Error(KeyErrc::bad_peer_key, "a point of low order: the shared secret is zero");
  }
  return out;
}

}  // namespace

Result<SecretBytes> derive(const KeyInUse& key, BytesView context, std::size_t size) {
  CONCORDAT_CHECK(check_allowed(key, policy::Operation::derive));
  if (key.type == KeyType::x25519) {
    return Error(KeyErrc::operation_not_of_key,
                 described(key) + " derives with the other side's public key only");
  }
  CONCORDAT_CHECK(check_sizes(context, size));
  CONCORDAT_TRY(const SecretBytes bytes, bytes_for(key, KeyUse::derivation));
  base::cbor::Writer info;
  info.array(5).text(kDerive).text(key.name).uint(key.version).uint(size).bytes(context);
  return base::hkdf_expand(base::hkdf_extract(base::as_bytes(kDerive), bytes), info.view(), size);
}

Result<SecretBytes> agree(const KeyInUse& key, const PeerPublicKey& peer, BytesView context,
                          std::size_t size) {
  CONCORDAT_CHECK(check_allowed(key, policy::Operation::derive));
  if (key.type != KeyType::x25519) {
    return Error(KeyErrc::operation_not_of_key, described(key) + " agrees with no public key");
  }
  CONCORDAT_CHECK(check_sizes(context, size));
  CONCORDAT_TRY(const SecretBytes scalar, bytes_for(key, KeyUse::derivation));
  CONCORDAT_TRY(const SecretBytes shared, shared_secret(scalar, peer));
  CONCORDAT_TRY(const PublicKey own, public_key_of(KeyType::x25519, scalar));
  const bool own_first = std::ranges::lexicographical_compare(own.raw, peer.view());
  base::cbor::Writer info;
  info.array(5).text(kAgree);
  info.bytes(own_first ? BytesView(own.raw) : peer.view());
  info.bytes(own_first ? peer.view() : BytesView(own.raw));
  info.uint(size).bytes(context);
  return base::hkdf_expand(base::hkdf_extract(base::as_bytes(kAgree), shared), info.view(), size);
}

Result<SecretBytes> random_bytes(base::RandomSource& random, std::size_t size) {
  if (size == 0 || size > kMaxRandomSize) {
    return Error(KeyErrc::bad_output_size,
                 std::to_string(size) + " bytes; 1 to " + std::to_string(kMaxRandomSize));
  }
  SecretBytes out = SecretBytes::zeroed(size);
  random.fill(out.expose_mutable(SecretAccess{}));
  return out;
}

}  // namespace concordat::keyservice

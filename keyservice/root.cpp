#include "keyservice/root.hpp"

#include "attest/base/cbor.hpp"
#include "attest/base/hash.hpp"
#include "attest/base/secret_access.hpp"
#include "keyservice/error.hpp"
#include "keyservice/journal/limits.hpp"

namespace concordat::keyservice {

using base::SecretBytes;

std::string_view to_string(KeyUse use) noexcept {
  switch (use) {
    case KeyUse::secret:
      return "secret";
    case KeyUse::ed25519_seed:
      return "ed25519";
    case KeyUse::encryption:
      return "encryption";
    case KeyUse::wrapping:
      return "wrapping";
    case KeyUse::mac:
      return "mac";
    case KeyUse::derivation:
      return "derivation";
  }
  return "unknown";
}

base::Result<Root> Root::create(std::uint32_t generation, SecretBytes root) {
  if (root.size() != kRootSize) {
    return base::Error(Errc::wrong_root, std::to_string(root.size()) + " bytes");
  }
  return Root(generation, base::hkdf_extract(base::as_bytes("concordat/root/1"), root));
}

base::Result<Root> Root::from_prk(std::uint32_t generation, SecretBytes prk) {
  if (prk.size() != kRootPrkSize) {
    return base::Error(Errc::wrong_root, std::to_string(prk.size()) + " bytes");
  }
  return Root(generation, std::move(prk));
}

Root::Root(std::uint32_t generation, SecretBytes prk)
    : generation_(generation), prk_(std::move(prk)) {
  const SecretBytes commitment =
      base::hkdf_expand(prk_, base::as_bytes("concordat/root-commitment/1"), kCommitmentSize);
  std::ranges::copy(commitment.expose(base::SecretAccess{}), commitment_.mutable_view().begin());
}

base::Status Root::check_commitment(base::BytesView pinned) const {
  if (!base::equal_constant_time(commitment_.view(), pinned)) {
    return base::Error(Errc::wrong_root, "generation " + std::to_string(generation_));
  }
  return {};
}

SecretBytes Root::derive(KeyUse use, std::string_view name, std::uint32_t version) const {
  base::cbor::Writer info;
  info.array(4).text("concordat/key/1").text(to_string(use)).text(name).uint(version);
  return base::hkdf_expand(prk_, info.view(), kDerivedKeySize);
}

SecretBytes Root::journal_key() const {
  return base::hkdf_expand(prk_, base::as_bytes("concordat/journal-key/1"),
                           journal::kJournalKeySize);
}

SecretBytes Root::head_key() const {
  return base::hkdf_expand(prk_, base::as_bytes("concordat/head-key/1"), kHeadKeySize);
}

SecretBytes Root::audit_key(std::string_view origin) const {
  base::cbor::Writer info;
  info.array(2).text("concordat/audit-key/1").text(origin);
  return base::hkdf_expand(prk_, info.view(), kDerivedKeySize);
}

}  // namespace concordat::keyservice

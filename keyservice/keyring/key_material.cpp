#include "keyservice/keyring/key_material.hpp"

#include <sodium.h>

#include "attest/base/secret_access.hpp"
#include "keyservice/keyring/allowed_operations.hpp"
#include "keyservice/keyring/key_errc.hpp"
#include "keyservice/keyring/nist_curve.hpp"
#include "keyservice/keyring/operation_limits.hpp"

namespace concordat::keyservice {
namespace {

using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;

struct MaterialSizes {
  std::size_t least = 0;
  std::size_t most = 0;
};

constexpr MaterialSizes sizes_of(KeyType type) noexcept {
  switch (type) {
    case KeyType::derived:
      return {};
    case KeyType::p384:
      return {48, 48};
    case KeyType::hmac:
      return {kMinHmacKey, kMaxHmacKey};
    case KeyType::ed25519:
    case KeyType::p256:
    case KeyType::x25519:
    case KeyType::aes256:
      return {32, 32};
  }
  return {};
}

bool is_of_nist_curve(KeyType type) noexcept {
  return type == KeyType::p256 || type == KeyType::p384;
}

// Bytes at random are no scalar of P-256 once in 2^32 times: so many in a row are no accident.
constexpr int kAttempts = 16;

Error no_material(KeyType type) {
  return Error(KeyErrc::other_key_type, std::string(to_string(type)) + " keys have no material");
}

}  // namespace

Result<SecretBytes> generate(KeyType type, base::RandomSource& random) {
  if (type == KeyType::derived) return no_material(type);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    SecretBytes out = SecretBytes::zeroed(sizes_of(type).least);
    random.fill(out.expose_mutable(SecretAccess{}));
    if (check_material(type, out)) return out;
  }
  return Error(KeyErrc::bad_key_material, "the source of randomness gives no key");
}

Result<SecretBytes> import_raw(KeyType type, SecretBytes bytes) {
  CONCORDAT_CHECK(check_material(type, bytes));
  return bytes;
}

base::Status check_material(KeyType type, const SecretBytes& material) {
  const MaterialSizes sizes = sizes_of(type);
  if (type == KeyType::derived) return no_material(type);
  if (material.size() < sizes.least || material.size() > sizes.most) {
    std::string wanted = std::to_string(sizes.least);
    if (sizes.most != sizes.least) wanted += " to " + std::to_string(sizes.most);
    return Error(KeyErrc::bad_key_material, std::to_string(material.size()) + " bytes; " +
                                                std::string(to_string(type)) + " takes " + wanted);
  }
  if (sodium_is_zero(material.expose(SecretAccess{}).data(), material.size()) == 1) {
    return Error(KeyErrc::bad_key_material, "all bytes are zero");
  }
  if (is_of_nist_curve(type) && !is_scalar(nist_curve(type), material)) {
    return Error(KeyErrc::bad_key_material, "the scalar is not below the order of the curve");
  }
  return {};
}

Result<SecretBytes> get(const KeyInUse& key) {
  CONCORDAT_CHECK(check_allowed(key, policy::Operation::get));
  if (!key.exportable) return Error(KeyErrc::not_exportable, described(key));
  return bytes_for(key, KeyUse::secret);
}

Result<SecretBytes> bytes_for(const KeyInUse& key, KeyUse use) {
  if (key.type == KeyType::derived) {
    if (key.root == nullptr) return Error(KeyErrc::bad_key_material, described(key) + ": no root");
    return key.root->derive(use, key.name, key.version);
  }
  if (key.material == nullptr) {
    return Error(KeyErrc::bad_key_material, described(key) + ": no material");
  }
  // It was checked when it came in, and is checked again because nothing here may read beyond it.
  CONCORDAT_CHECK(check_material(key.type, *key.material));
  return key.material->clone();
}

}  // namespace concordat::keyservice

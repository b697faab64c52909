#include "policy/holder_key.hpp"

namespace concordat::policy {

using base::SecretBytes;
using base::hpke::PrivateKey;

namespace {

constexpr SecretKeyKind kKind{"concordat/recovery-key/1", "RECOVERY KEY"};

}  // namespace

base::Result<PrivateKey> decode_holder_key(const SecretBytes& file, const SecretBytes* passphrase) {
  CONCORDAT_TRY(SecretKeyFile content, decode_secret_key(kKind, file, passphrase));
  CONCORDAT_TRY(PrivateKey key, PrivateKey::from_bytes(std::move(content.secret)));
  if (!base::equal(key.public_key().view(), content.public_key.view())) {
    return base::Error(KeyFileErrc::not_a_key_file, "its public key belongs to another secret");
  }
  return key;
}

base::Result<SecretBytes> encode_holder_key(const PrivateKey& key, const SecretBytes* passphrase,
                                            PassphraseCost cost) {
  return encode_secret_key(kKind, key.public_key().view(), key.bytes(), passphrase, cost);
}

}  // namespace concordat::policy

#include "policy/signer_key.hpp"

#include <sodium.h>

#include <nlohmann/json.hpp>

#include "attest/base/secret_access.hpp"
#include "policy/field_reader.hpp"

namespace concordat::policy {
namespace {

using base::Error;
using base::SecretAccess;
using base::SecretBytes;

constexpr SecretKeyKind kKind{"concordat/signer-key/1", "SIGNER KEY"};
constexpr std::string_view kPublicFormat = "concordat/signer-public-key/1";

}  // namespace

SigningKey SigningKey::generate() {
  return *from_seed(SecretBytes::random(crypto_sign_SEEDBYTES));
}

base::Result<SigningKey> SigningKey::from_seed(SecretBytes seed) {
  if (seed.size() != crypto_sign_SEEDBYTES) {
    return Error(base::EncodingErrc::wrong_length, "an Ed25519 seed has 32 bytes");
  }
  SecretBytes secret_key = SecretBytes::zeroed(crypto_sign_SECRETKEYBYTES);
  SignerKey public_key;
  crypto_sign_seed_keypair(public_key.mutable_view().data(),
                           secret_key.expose_mutable(SecretAccess{}).data(),
                           seed.expose(SecretAccess{}).data());
  return SigningKey(std::move(seed), std::move(secret_key), public_key);
}

base::Result<SigningKey> SigningKey::decode(const SecretBytes& file,
                                            const SecretBytes* passphrase) {
  CONCORDAT_TRY(SecretKeyFile content, decode_secret_key(kKind, file, passphrase));
  CONCORDAT_TRY(SigningKey key, from_seed(std::move(content.secret)));
  if (!base::equal(key.public_key().view(), content.public_key.view())) {
    return Error(KeyFileErrc::not_a_key_file, "its public key belongs to another secret");
  }
  return key;
}

base::Result<SecretBytes> SigningKey::encode(const SecretBytes* passphrase,
                                             PassphraseCost cost) const {
  return encode_secret_key(kKind, public_key_.view(), seed_, passphrase, cost);
}

base::Result<Signature> SigningKey::sign(base::BytesView message) const {
  Signature signature;
  crypto_sign_detached(signature.mutable_view().data(), nullptr, message.data(), message.size(),
                       secret_key_.expose(SecretAccess{}).data());
  return signature;
}

std::string encode_public_key(const SignerKey& key) {
  const nlohmann::ordered_json file = {
      {"format", kPublicFormat}, {"key_id", key_id(key)}, {"public_key", key.hex()}};
  return file.dump(2) + "\n";
}

base::Result<SignerKey> decode_public_key(std::string_view file) {
  const json::Parsed parsed = json::parse(file, {kMaxKeyFile, 2, 16});
  if (!parsed.root) return Error(KeyFileErrc::not_a_key_file, parsed.why.to_string());
  json::Report report;
  const json::Path path;
  const json::Fields fields(*parsed.root, path, report, {"format", "key_id", "public_key"});
  if (fields.text("format", 64) != kPublicFormat) {
    fields.error(PolicyErrc::bad_value, "format", "want " + quote(kPublicFormat));
  }
  const auto key = SignerKey::from_hex(fields.text("public_key", 2 * SignerKey::kSize));
  if (!key) {
    fields.error(PolicyErrc::bad_value, "public_key", "want 64 hexadecimal digits");
  } else if (fields.text("key_id", 64) != key_id(*key)) {
    fields.error(PolicyErrc::bad_value, "key_id", "not the SHA-256 of public_key");
  }
  const Findings findings = std::move(report).take(file, *parsed.root);
  if (!findings.empty()) return Error(KeyFileErrc::not_a_key_file, findings.front().to_string());
  return *key;
}

}  // namespace concordat::policy

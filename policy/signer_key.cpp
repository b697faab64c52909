#include "policy/signer_key.hpp"

#include <sodium.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attest/base/cbor.hpp"
#include "attest/base/secret_access.hpp"
#include "policy/field_reader.hpp"

namespace concordat::policy {
namespace {

using base::Error;
using base::SecretAccess;
using base::SecretBytes;

constexpr std::string_view kSecretFormat = "concordat/signer-key/1";
constexpr std::string_view kPublicFormat = "concordat/signer-public-key/1";
constexpr std::string_view kBegin = "-----BEGIN CONCORDAT SIGNER KEY-----\n";
constexpr std::string_view kEnd = "\n-----END CONCORDAT SIGNER KEY-----\n";
constexpr std::size_t kSealedSize = crypto_sign_SEEDBYTES + crypto_secretbox_MACBYTES;
// What a key file may ask of whoever opens it; `encode` stays far below.
constexpr std::uint64_t kMaxOperations = 16;
constexpr std::uint64_t kMaxMemory = std::uint64_t{1} << 30;

struct Seal {
  std::uint64_t operations = 0;
  std::uint64_t memory = 0;
  std::array<std::uint8_t, crypto_pwhash_argon2id_SALTBYTES> salt{};
  std::array<std::uint8_t, crypto_secretbox_NONCEBYTES> nonce{};
};

Error not_a_key_file(std::string why) {
  return Error(KeyFileErrc::not_a_key_file, std::move(why));
}

base::Result<SecretBytes> key_from_passphrase(const SecretBytes& passphrase, const Seal& seal) {
  if (passphrase.empty()) return Error(KeyFileErrc::empty_passphrase);
  SecretBytes key = SecretBytes::zeroed(crypto_secretbox_KEYBYTES);
  const auto out = key.expose_mutable(SecretAccess{});
  const base::BytesView text = passphrase.expose(SecretAccess{});
  if (crypto_pwhash_argon2id(out.data(), out.size(), reinterpret_cast<const char*>(text.data()),
                             text.size(), seal.salt.data(), seal.operations, seal.memory,
                             crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0) {
    return Error(KeyFileErrc::out_of_memory, std::to_string(seal.memory >> 20) + " MiB");
  }
  return key;
}

Seal fresh_seal(PassphraseCost cost) {
  Seal seal;
  const bool moderate = cost == PassphraseCost::moderate;
  seal.operations = moderate ? crypto_pwhash_argon2id_OPSLIMIT_MODERATE
                             : crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE;
  seal.memory = moderate ? crypto_pwhash_argon2id_MEMLIMIT_MODERATE
                         : crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE;
  randombytes_buf(seal.salt.data(), seal.salt.size());
  randombytes_buf(seal.nonce.data(), seal.nonce.size());
  return seal;
}

// Everything before the secret's own bytes, which are appended in guarded memory.
base::Bytes header(const SignerKey& key, const std::optional<Seal>& seal) {
  base::cbor::Writer writer;
  writer.array(4).text(kSecretFormat).bytes(key.view());
  if (seal) {
    writer.array(4).uint(seal->operations).uint(seal->memory).bytes(seal->salt).bytes(seal->nonce);
  } else {
    writer.null();
  }
  return std::move(writer).take();
}

// base64 between the two lines, all of it in guarded memory.
SecretBytes armoured(const SecretBytes& content) {
  const base::BytesView bytes = content.expose(SecretAccess{});
  const std::size_t with_nul =
      sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  SecretBytes text = SecretBytes::zeroed(with_nul);
  sodium_bin2base64(reinterpret_cast<char*>(text.expose_mutable(SecretAccess{}).data()), with_nul,
                    bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  const base::BytesView base64 = text.expose(SecretAccess{}).first(with_nul - 1);
  SecretBytes out = SecretBytes::zeroed(kBegin.size() + base64.size() + kEnd.size());
  auto at = out.expose_mutable(SecretAccess{}).begin();
  at = std::ranges::copy(kBegin, at).out;
  at = std::ranges::copy(base64, at).out;
  std::ranges::copy(kEnd, at);
  return out;
}

base::Result<SecretBytes> unarmoured(const SecretBytes& file) {
  std::string_view text = base::as_text(file.expose(SecretAccess{}));
  if (!text.starts_with(kBegin) || !text.ends_with(kEnd) ||
      text.size() < kBegin.size() + kEnd.size()) {
    return not_a_key_file("the lines BEGIN and END CONCORDAT SIGNER KEY are missing");
  }
  text.remove_prefix(kBegin.size());
  text.remove_suffix(kEnd.size());
  SecretBytes buffer = SecretBytes::zeroed(text.size() / 4 * 3 + 3);
  const auto out = buffer.expose_mutable(SecretAccess{});
  std::size_t size = 0;
  if (sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size, nullptr,
                        sodium_base64_VARIANT_ORIGINAL) != 0) {
    return not_a_key_file("not base64 between its two lines");
  }
  return SecretBytes::take(out.first(size));
}

template <std::size_t N>
base::Status read_exactly(base::cbor::Reader& reader, std::array<std::uint8_t, N>& out) {
  CONCORDAT_TRY(const base::BytesView bytes, reader.read_bytes(N));
  if (bytes.size() != N) return Error(base::EncodingErrc::wrong_length);
  std::ranges::copy(bytes, out.begin());
  return {};
}

base::Result<std::optional<Seal>> read_seal(base::cbor::Reader& reader) {
  CONCORDAT_TRY(const bool open, reader.take_null());
  if (open) return std::optional<Seal>();
  CONCORDAT_TRY(const std::size_t count, reader.read_array(4));
  if (count != 4) return not_a_key_file("the seal has another shape");
  Seal seal;
  CONCORDAT_TRY(seal.operations, reader.read_uint());
  CONCORDAT_TRY(seal.memory, reader.read_uint());
  if (seal.operations < crypto_pwhash_argon2id_OPSLIMIT_MIN || seal.operations > kMaxOperations ||
      seal.memory < crypto_pwhash_argon2id_MEMLIMIT_MIN || seal.memory > kMaxMemory) {
    return not_a_key_file("the cost of its passphrase is out of bounds");
  }
  CONCORDAT_CHECK(read_exactly(reader, seal.salt));
  CONCORDAT_CHECK(read_exactly(reader, seal.nonce));
  return std::optional(seal);
}

struct Contents {
  SignerKey public_key;
  std::optional<Seal> seal;
  base::BytesView secret;  // into the file's guarded memory
};

base::Result<Contents> read_contents(base::BytesView encoded) {
  base::cbor::Reader reader(encoded);
  Contents out;
  CONCORDAT_TRY(const std::size_t count, reader.read_array(4));
  CONCORDAT_TRY(const std::string_view format, reader.read_text(kSecretFormat.size()));
  if (count != 4 || format != kSecretFormat) return not_a_key_file("another format");
  CONCORDAT_TRY(const base::BytesView key, reader.read_bytes(SignerKey::kSize));
  CONCORDAT_TRY(out.public_key, SignerKey::from(key));
  CONCORDAT_TRY(out.seal, read_seal(reader));
  CONCORDAT_TRY(out.secret, reader.read_bytes(kSealedSize));
  CONCORDAT_CHECK(reader.finish());
  if (out.secret.size() != (out.seal ? kSealedSize : crypto_sign_SEEDBYTES)) {
    return not_a_key_file("the secret has another length");
  }
  return out;
}

base::Result<SecretBytes> open_seed(const Contents& contents, const SecretBytes* passphrase) {
  SecretBytes seed = SecretBytes::zeroed(crypto_sign_SEEDBYTES);
  const auto out = seed.expose_mutable(SecretAccess{});
  if (!contents.seal) {
    std::ranges::copy(contents.secret, out.begin());
    return seed;
  }
  if (passphrase == nullptr) return Error(KeyFileErrc::passphrase_needed);
  CONCORDAT_TRY(const SecretBytes key, key_from_passphrase(*passphrase, *contents.seal));
  if (crypto_secretbox_open_easy(out.data(), contents.secret.data(), contents.secret.size(),
                                 contents.seal->nonce.data(),
                                 key.expose(SecretAccess{}).data()) != 0) {
    return Error(KeyFileErrc::wrong_passphrase);
  }
  return seed;
}

}  // namespace

base::CodeInfo describe(KeyFileErrc code) noexcept {
  switch (code) {
    case KeyFileErrc::not_a_key_file:
      return {"not_a_key_file", "not a signer's key file"};
    case KeyFileErrc::passphrase_needed:
      return {"passphrase_needed", "the key is sealed by a passphrase"};
    case KeyFileErrc::wrong_passphrase:
      return {"wrong_passphrase", "the passphrase does not open the key, or the file was altered"};
    case KeyFileErrc::empty_passphrase:
      return {"empty_passphrase", "the passphrase is empty"};
    case KeyFileErrc::out_of_memory:
      return {"passphrase_out_of_memory", "not enough memory to try the passphrase"};
  }
  return {"unknown", "unknown key file error"};
}

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
  CONCORDAT_TRY(const SecretBytes encoded, unarmoured(file));
  const auto contents = read_contents(encoded.expose(SecretAccess{}));
  if (!contents) {
    if (contents.error().is(KeyFileErrc::not_a_key_file)) return contents.error();
    return not_a_key_file(contents.error().to_string());
  }
  CONCORDAT_TRY(SecretBytes seed, open_seed(*contents, passphrase));
  CONCORDAT_TRY(SigningKey key, from_seed(std::move(seed)));
  if (key.public_key() != contents->public_key) {
    return not_a_key_file("its public key belongs to another secret");
  }
  return key;
}

base::Result<SecretBytes> SigningKey::encode(const SecretBytes* passphrase,
                                             PassphraseCost cost) const {
  std::optional<Seal> seal;
  if (passphrase != nullptr) seal = fresh_seal(cost);
  const base::Bytes head = header(public_key_, seal);
  const base::BytesView seed = seed_.expose(SecretAccess{});
  const std::size_t size = seal ? kSealedSize : seed.size();
  // A byte string of 24 to 255 bytes: head 0x58 and its length (RFC 8949 section 3.1).
  SecretBytes content = SecretBytes::zeroed(head.size() + 2 + size);
  const auto out = content.expose_mutable(SecretAccess{});
  std::ranges::copy(head, out.begin());
  out[head.size()] = 0x58;
  out[head.size() + 1] = static_cast<std::uint8_t>(size);
  const auto secret = out.subspan(head.size() + 2);
  if (!seal) {
    std::ranges::copy(seed, secret.begin());
    return armoured(content);
  }
  CONCORDAT_TRY(const SecretBytes key, key_from_passphrase(*passphrase, *seal));
  crypto_secretbox_easy(secret.data(), seed.data(), seed.size(), seal->nonce.data(),
                        key.expose(SecretAccess{}).data());
  return armoured(content);
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
  if (!parsed.root) return not_a_key_file(parsed.why.to_string());
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
  if (!findings.empty()) return not_a_key_file(findings.front().to_string());
  return *key;
}

}  // namespace concordat::policy

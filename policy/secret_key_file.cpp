#include "policy/secret_key_file.hpp"

#include <sodium.h>

#include <algorithm>
#include <optional>

#include "attest/base/cbor.hpp"
#include "attest/base/secret_access.hpp"

namespace concordat::policy {
namespace {

using base::Error;
using base::SecretAccess;
using base::SecretBytes;

constexpr std::size_t kSecretSize = 32;
constexpr std::size_t kSealedSize = kSecretSize + crypto_secretbox_MACBYTES;
constexpr std::size_t kMaxFormat = 64;
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
base::Bytes header(std::string_view format, base::BytesView public_key,
                   const std::optional<Seal>& seal) {
  base::cbor::Writer writer;
  writer.array(4).text(format).bytes(public_key);
  if (seal) {
    writer.array(4).uint(seal->operations).uint(seal->memory).bytes(seal->salt).bytes(seal->nonce);
  } else {
    writer.null();
  }
  return std::move(writer).take();
}

std::string line(std::string_view word, std::string_view title) {
  return "-----" + std::string(word) + " CONCORDAT " + std::string(title) + "-----\n";
}

// base64 between the two lines, all of it in guarded memory.
SecretBytes armoured(std::string_view title, const SecretBytes& content) {
  const std::string begin = line("BEGIN", title), end = "\n" + line("END", title);
  const base::BytesView bytes = content.expose(SecretAccess{});
  const std::size_t with_nul =
      sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  SecretBytes text = SecretBytes::zeroed(with_nul);
  sodium_bin2base64(reinterpret_cast<char*>(text.expose_mutable(SecretAccess{}).data()), with_nul,
                    bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  const base::BytesView base64 = text.expose(SecretAccess{}).first(with_nul - 1);
  SecretBytes out = SecretBytes::zeroed(begin.size() + base64.size() + end.size());
  auto at = out.expose_mutable(SecretAccess{}).begin();
  at = std::ranges::copy(begin, at).out;
  at = std::ranges::copy(base64, at).out;
  std::ranges::copy(end, at);
  return out;
}

base::Result<SecretBytes> unarmoured(std::string_view title, const SecretBytes& file) {
  const std::string begin = line("BEGIN", title), end = "\n" + line("END", title);
  std::string_view text = base::as_text(file.expose(SecretAccess{}));
  if (!text.starts_with(begin) || !text.ends_with(end) || text.size() < begin.size() + end.size()) {
    return not_a_key_file("the lines BEGIN and END CONCORDAT " + std::string(title) +
                          " are missing");
  }
  text.remove_prefix(begin.size());
  text.remove_suffix(end.size());
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
  base::BytesView public_key;
  std::optional<Seal> seal;
  base::BytesView secret;  // into the file's guarded memory
};

base::Result<Contents> read_contents(std::string_view wanted, base::BytesView encoded) {
  base::cbor::Reader reader(encoded);
  Contents out;
  CONCORDAT_TRY(const std::size_t count, reader.read_array(4));
  CONCORDAT_TRY(const std::string_view format, reader.read_text(kMaxFormat));
  if (count != 4 || format != wanted) return not_a_key_file("another format");
  CONCORDAT_TRY(out.public_key, reader.read_bytes(kSecretSize));
  CONCORDAT_TRY(out.seal, read_seal(reader));
  CONCORDAT_TRY(out.secret, reader.read_bytes(kSealedSize));
  CONCORDAT_CHECK(reader.finish());
  if (out.secret.size() != (out.seal ? kSealedSize : kSecretSize)) {
    return not_a_key_file("the secret has another length");
  }
  return out;
}

base::Result<SecretBytes> open_secret(const Contents& contents, const SecretBytes* passphrase) {
  SecretBytes secret = SecretBytes::zeroed(kSecretSize);
  const auto out = secret.expose_mutable(SecretAccess{});
  if (!contents.seal) {
    std::ranges::copy(contents.secret, out.begin());
    return secret;
  }
  if (passphrase == nullptr) return Error(KeyFileErrc::passphrase_needed);
  CONCORDAT_TRY(const SecretBytes key, key_from_passphrase(*passphrase, *contents.seal));
  if (crypto_secretbox_open_easy(out.data(), contents.secret.data(), contents.secret.size(),
                                 contents.seal->nonce.data(),
                                 key.expose(SecretAccess{}).data()) != 0) {
    return Error(KeyFileErrc::wrong_passphrase);
  }
  return secret;
}

}  // namespace

base::CodeInfo describe(KeyFileErrc code) noexcept {
  switch (code) {
    case KeyFileErrc::not_a_key_file:
      return {"not_a_key_file", "not a key file of this kind"};
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

base::Result<SecretKeyFile> decode_secret_key(const SecretKeyKind& kind, const SecretBytes& file,
                                              const SecretBytes* passphrase) {
  CONCORDAT_TRY(const SecretBytes encoded, unarmoured(kind.title, file));
  const auto contents = read_contents(kind.format, encoded.expose(SecretAccess{}));
  if (!contents) {
    if (contents.error().is(KeyFileErrc::not_a_key_file)) return contents.error();
    return not_a_key_file(contents.error().to_string());
  }
  SecretKeyFile out;
  const auto public_key = decltype(out.public_key)::from(contents->public_key);
  if (!public_key) return not_a_key_file(public_key.error().to_string());
  out.public_key = *public_key;
  CONCORDAT_TRY(out.secret, open_secret(*contents, passphrase));
  return out;
}

base::Result<SecretBytes> encode_secret_key(const SecretKeyKind& kind, base::BytesView public_key,
                                            const SecretBytes& secret_key,
                                            const SecretBytes* passphrase, PassphraseCost cost) {
  std::optional<Seal> seal;
  if (passphrase != nullptr) seal = fresh_seal(cost);
  const base::Bytes head = header(kind.format, public_key, seal);
  const base::BytesView plain = secret_key.expose(SecretAccess{});
  const std::size_t size = seal ? kSealedSize : plain.size();
  // A byte string of 24 to 255 bytes: head 0x58 and its length (RFC 8949 section 3.1).
  SecretBytes content = SecretBytes::zeroed(head.size() + 2 + size);
  const auto out = content.expose_mutable(SecretAccess{});
  std::ranges::copy(head, out.begin());
  out[head.size()] = 0x58;
  out[head.size() + 1] = static_cast<std::uint8_t>(size);
  const auto secret = out.subspan(head.size() + 2);
  if (!seal) {
    std::ranges::copy(plain, secret.begin());
    return armoured(kind.title, content);
  }
  CONCORDAT_TRY(const SecretBytes key, key_from_passphrase(*passphrase, *seal));
  crypto_secretbox_easy(secret.data(), plain.data(), plain.size(), seal->nonce.data(),
                        key.expose(SecretAccess{}).data());
  return armoured(kind.title, content);
}

}  // namespace concordat::policy

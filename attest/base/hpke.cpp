#include "attest/base/hpke.hpp"

#include <sodium.h>

#include "attest/base/hash.hpp"
#include "attest/base/secret_access.hpp"
#include "attest/base/stack_wipe.hpp"

namespace concordat::base::hpke {
namespace {

static_assert(kKeySize == crypto_scalarmult_BYTES);
static_assert(kOverhead == kKeySize + crypto_aead_chacha20poly1305_ietf_ABYTES);

// RFC 9180 section 7: kem 0x0020; kdf 0x0001, aead 0x0003.
constexpr std::array<std::uint8_t, 5> kKemSuite{'K', 'E', 'M', 0x00, 0x20};
constexpr std::array<std::uint8_t, 10> kSuite{'H',  'P',  'K',  'E',  0x00,
                                              0x20, 0x00, 0x01, 0x00, 0x03};
constexpr std::uint8_t kModeBase = 0, kModeAuth = 2;

BytesView view(const SecretBytes& secret) noexcept {
  return secret.expose(SecretAccess{});
}

SecretBytes joined(std::initializer_list<BytesView> parts) {
  std::size_t size = 0;
  for (const BytesView part : parts)
    size += part.size();
  SecretBytes out = SecretBytes::zeroed(size);
  auto at = out.expose_mutable(SecretAccess{}).begin();
  for (const BytesView part : parts)
    at = std::ranges::copy(part, at).out;
  return out;
}

// HKDF-Extract is HMAC(salt, input); section 4's LabeledExtract.
SecretBytes labeled_extract(const SecretBytes& salt, BytesView suite, std::string_view label,
                            BytesView input) {
  return hmac_sha256(salt, view(joined({as_bytes("HPKE-v1"), suite, as_bytes(label), input})));
}

// LabeledExpand, of at most 32 bytes: then HKDF-Expand is one HMAC.
SecretBytes labeled_expand(const SecretBytes& key, BytesView suite, std::string_view label,
                           BytesView info, std::uint8_t size) {
  const std::array<std::uint8_t, 2> length{0, size};
  const std::array<std::uint8_t, 1> first{1};
  SecretBytes block = hmac_sha256(
      key, view(joined({length, as_bytes("HPKE-v1"), suite, as_bytes(label), info, first})));
  return SecretBytes::take(block.expose_mutable(SecretAccess{}).first(size));
}

Result<SecretBytes> agree(const PrivateKey& own, const PublicKey& other) {
  const StackWipe wipe;
  SecretBytes out = SecretBytes::zeroed(kKeySize);
  const auto bytes = out.expose_mutable(SecretAccess{});
  const int failed = crypto_scalarmult(bytes.data(), view(own.bytes()).data(), other.view().data());
  // libsodium refuses points of low order itself; the result is judged all the same.
  if (failed != 0 || sodium_is_zero(bytes.data(), bytes.size()) == 1) {
    return Error(Errc::bad_key, "of low order: " + other.hex());
  }
  return out;
}

struct KeyAndNonce {
  SecretBytes key, nonce;
};

// Sections 4.1 and 5.1: `agreed` is one Diffie-Hellman result, or two in mode auth, where `context`
// holds the sender's key, too.
KeyAndNonce key_schedule(std::uint8_t mode, const SecretBytes& agreed, BytesView context,
                         BytesView info) {
  const SecretBytes nothing;
  const SecretBytes extracted = labeled_extract(nothing, kKemSuite, "eae_prk", view(agreed));
  const SecretBytes shared = labeled_expand(extracted, kKemSuite, "shared_secret", context, 32);
  const SecretBytes no_psk = labeled_extract(nothing, kSuite, "psk_id_hash", {});
  const SecretBytes info_hash = labeled_extract(nothing, kSuite, "info_hash", info);
  const std::array<std::uint8_t, 1> mode_byte{mode};
  const SecretBytes schedule = joined({mode_byte, view(no_psk), view(info_hash)});
  const SecretBytes secret = labeled_extract(shared, kSuite, "secret", {});
  return {labeled_expand(secret, kSuite, "key", view(schedule), 32),
          labeled_expand(secret, kSuite, "base_nonce", view(schedule), 12)};
}

Bytes kem_context(const PublicKey& ephemeral, const PublicKey& recipient, const PublicKey* sender) {
  Bytes out = to_bytes(ephemeral.view());
  append(out, recipient.view());
  if (sender != nullptr) append(out, sender->view());
  return out;
}

}  // namespace

CodeInfo describe(Errc code) noexcept {
  switch (code) {
    case Errc::bad_key:
      return {"bad_hpke_key", "not a key that something can be sealed to"};
    case Errc::not_authentic:
      return {"not_authentic", "not sealed to this key, by this sender, for this use"};
  }
  return {"unknown", "unknown sealing error"};
}

PrivateKey PrivateKey::generate() {
  return *from_bytes(SecretBytes::random(kKeySize));
}

Result<PrivateKey> PrivateKey::from_bytes(SecretBytes bytes) {
  if (bytes.size() != kKeySize) {
    return Error(Errc::bad_key, std::to_string(bytes.size()) + " bytes, want 32");
  }
  const StackWipe wipe;
  PublicKey public_key;
  crypto_scalarmult_base(public_key.mutable_view().data(), view(bytes).data());
  return PrivateKey(std::move(bytes), public_key);
}

namespace detail {

Result<Bytes> seal_with(const PrivateKey& ephemeral, const PrivateKey* sender,
                        const PublicKey& recipient, BytesView info, BytesView associated,
                        const SecretBytes& plaintext) {
  CONCORDAT_TRY(SecretBytes agreed, agree(ephemeral, recipient));
  if (sender != nullptr) {
    CONCORDAT_TRY(const SecretBytes own, agree(*sender, recipient));
    agreed = joined({view(agreed), view(own)});
  }
  const KeyAndNonce keys = key_schedule(
      sender == nullptr ? kModeBase : kModeAuth, agreed,
      kem_context(ephemeral.public_key(), recipient, sender ? &sender->public_key() : nullptr),
      info);
  Bytes out = to_bytes(ephemeral.public_key().view());
  out.resize(kOverhead + plaintext.size());
  crypto_aead_chacha20poly1305_ietf_encrypt(
      out.data() + kKeySize, nullptr, view(plaintext).data(), plaintext.size(), associated.data(),
      associated.size(), nullptr, view(keys.nonce).data(), view(keys.key).data());
  return out;
}

Result<SecretBytes> open_with(const PublicKey* sender, const PrivateKey& recipient, BytesView info,
                              BytesView associated, BytesView sealed) {
  if (sealed.size() < kOverhead) {
    return Error(Errc::not_authentic, std::to_string(sealed.size()) + " bytes are too few");
  }
  CONCORDAT_TRY(const PublicKey ephemeral, PublicKey::from(sealed.first(kKeySize)));
  CONCORDAT_TRY(SecretBytes agreed, agree(recipient, ephemeral));
  if (sender != nullptr) {
    CONCORDAT_TRY(const SecretBytes theirs, agree(recipient, *sender));
    agreed = joined({view(agreed), view(theirs)});
  }
  const KeyAndNonce keys =
      key_schedule(sender == nullptr ? kModeBase : kModeAuth, agreed,
                   kem_context(ephemeral, recipient.public_key(), sender), info);
  const BytesView ciphertext = sealed.subspan(kKeySize);
  SecretBytes out = SecretBytes::zeroed(sealed.size() - kOverhead);
  const int failed = crypto_aead_chacha20poly1305_ietf_decrypt(
      out.expose_mutable(SecretAccess{}).data(), nullptr, nullptr, ciphertext.data(),
      ciphertext.size(), associated.data(), associated.size(), view(keys.nonce).data(),
      view(keys.key).data());
  if (failed != 0) return Error(Errc::not_authentic);
  return out;
}

}  // namespace detail

Result<Bytes> seal(const PublicKey& recipient, BytesView info, const SecretBytes& plaintext) {
  return detail::seal_with(PrivateKey::generate(), nullptr, recipient, info, {}, plaintext);
}

Result<SecretBytes> open(const PrivateKey& recipient, BytesView info, BytesView sealed) {
  return detail::open_with(nullptr, recipient, info, {}, sealed);
}

Result<Bytes> seal_from(const PrivateKey& sender, const PublicKey& recipient, BytesView info,
                        const SecretBytes& plaintext) {
  return detail::seal_with(PrivateKey::generate(), &sender, recipient, info, {}, plaintext);
}

Result<SecretBytes> open_from(const PublicKey& sender, const PrivateKey& recipient, BytesView info,
                              BytesView sealed) {
  return detail::open_with(&sender, recipient, info, {}, sealed);
}

}  // namespace concordat::base::hpke

#include "deploy/lab/cms_seal.hpp"

#include <openssl/rsa.h>

#include "attest/base/hash.hpp"
#include "attest/base/random.hpp"
#include "attest/base/secret_access.hpp"

namespace concordat::lab {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;

constexpr int kRecipientBits = 2048;
constexpr std::size_t kBlock = 16;

// X.690 section 8.1: identifier, length, content.
Bytes tlv(std::uint8_t identifier, std::initializer_list<BytesView> parts) {
  std::size_t size = 0;
  for (const BytesView part : parts)
    size += part.size();
  Bytes out{identifier};
  if (size >= 0x100) {
    out.insert(out.end(), {0x82, static_cast<std::uint8_t>(size >> 8)});
  } else if (size >= 0x80) {
    out.push_back(0x81);
  }
  out.push_back(static_cast<std::uint8_t>(size));
  for (const BytesView part : parts)
    base::append(out, part);
  return out;
}

// Indefinite form: length octet 0x80, content, two zero octets.
Bytes indefinite(std::uint8_t identifier, std::initializer_list<BytesView> parts) {
  Bytes out{identifier, 0x80};
  for (const BytesView part : parts)
    base::append(out, part);
  out.insert(out.end(), {0x00, 0x00});
  return out;
}

constexpr std::uint8_t kSequence = 0x30;
constexpr std::uint8_t kSet = 0x31;
constexpr std::uint8_t kOctetString = 0x04;
constexpr std::uint8_t kObject = 0x06;
constexpr std::uint8_t kContext0 = 0x80;
constexpr std::uint8_t kConstructedContext0 = 0xa0;
constexpr std::uint8_t kConstructedContext1 = 0xa1;

// Object identifiers, encoded (RFC 5652, RFC 8017, RFC 3565).
constexpr std::uint8_t kEnvelopedData[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03};
constexpr std::uint8_t kData[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01};
constexpr std::uint8_t kRsaesOaep[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07};
constexpr std::uint8_t kMgf1[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08};
constexpr std::uint8_t kSha256[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01};
constexpr std::uint8_t kAes256Cbc[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a};
constexpr std::uint8_t kVersion2[] = {0x02, 0x01, 0x02};
constexpr std::uint8_t kNull[] = {0x05, 0x00};

Bytes oaep_sha256_algorithm() {
  const Bytes sha256 = tlv(kSequence, {tlv(kObject, {kSha256}), kNull});
  const Bytes mgf1 = tlv(kSequence, {tlv(kObject, {kMgf1}), sha256});
  const Bytes parameters =
      tlv(kSequence, {tlv(kConstructedContext0, {sha256}), tlv(kConstructedContext1, {mgf1})});
  return tlv(kSequence, {tlv(kObject, {kRsaesOaep}), parameters});
}

Bytes encode(BytesView key_identifier, BytesView encrypted_key, BytesView iv, BytesView content) {
  const Bytes recipient =
      tlv(kSequence, {kVersion2, tlv(kContext0, {key_identifier}), oaep_sha256_algorithm(),
                      tlv(kOctetString, {encrypted_key})});
  const Bytes cipher = tlv(kSequence, {tlv(kObject, {kAes256Cbc}), tlv(kOctetString, {iv})});
  const Bytes encrypted_content =
      indefinite(kSequence, {tlv(kObject, {kData}), cipher,
                             indefinite(kConstructedContext0, {tlv(kOctetString, {content})})});
  const Bytes enveloped =
      indefinite(kSequence, {kVersion2, tlv(kSet, {recipient}), encrypted_content});
  return indefinite(
      kSequence, {tlv(kObject, {kEnvelopedData}), indefinite(kConstructedContext0, {enveloped})});
}

Result<Bytes> wrap_key(EVP_PKEY* recipient, const SecretBytes& key) {
  base::PkeyContextPtr context(EVP_PKEY_CTX_new(recipient, nullptr));
  Bytes out(kRecipientBits / 8);
  std::size_t size = out.size();
  const BytesView in = key.expose(SecretAccess{});
  if (!context || EVP_PKEY_encrypt_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256()) != 1 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256()) != 1 ||
      EVP_PKEY_encrypt(context.get(), out.data(), &size, in.data(), in.size()) != 1) {
    return base::openssl_error("encrypting to the recipient's key");
  }
  return out;
}

Result<Bytes> encrypt_content(const SecretBytes& key, BytesView iv, const SecretBytes& plaintext) {
  base::CipherContextPtr context(EVP_CIPHER_CTX_new());
  const BytesView in = plaintext.expose(SecretAccess{});
  Bytes out(in.size() + kBlock);
  int head = 0;
  int tail = 0;
  if (!context ||
      EVP_EncryptInit_ex2(context.get(), EVP_aes_256_cbc(), key.expose(SecretAccess{}).data(),
                          iv.data(), nullptr) != 1 ||
      EVP_EncryptUpdate(context.get(), out.data(), &head, in.data(), static_cast<int>(in.size())) !=
          1 ||
      EVP_EncryptFinal_ex(context.get(), out.data() + head, &tail) != 1) {
    return base::openssl_error("encrypting the content");
  }
  out.resize(static_cast<std::size_t>(head + tail));
  return out;
}

}  // namespace

Result<base::PkeyPtr> parse_recipient_public_key(BytesView spki) {
  const unsigned char* at = spki.data();
  base::PkeyPtr key(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())));
  if (!key || at != spki.data() + spki.size() || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA ||
      EVP_PKEY_get_bits(key.get()) != kRecipientBits) {
    return Error(base::CryptoErrc::bad_key,
                 "the document's public_key is not an RSA-2048 SubjectPublicKeyInfo");
  }
  return key;
}

Result<Bytes> seal_for_recipient(BytesView spki, const SecretBytes& plaintext) {
  CONCORDAT_TRY(const base::PkeyPtr recipient, parse_recipient_public_key(spki));
  constexpr std::size_t kContentKeySize = 32;
  const SecretBytes key = SecretBytes::random(kContentKeySize);
  std::array<std::uint8_t, kBlock> iv{};
  base::SystemRandom().fill(iv);
  CONCORDAT_TRY(const Bytes wrapped, wrap_key(recipient.get(), key));
  CONCORDAT_TRY(const Bytes content, encrypt_content(key, iv, plaintext));
  return encode(base::sha256({spki}).view(), wrapped, iv, content);
}

}  // namespace concordat::lab

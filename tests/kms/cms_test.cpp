// CiphertextForRecipient: what AWS returned, what emulators return, and everything that is refused.
#include "keyservice/cms.hpp"

#include <gtest/gtest.h>
#include <openssl/cms.h>
#include <openssl/rsa.h>

#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "attest/base/secret_access.hpp"
#include "deploy/lab/certificate.hpp"
#include "deploy/lab/cms_seal.hpp"
#include "tests/support/vectors.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::BytesView;
using base::SecretBytes;

using CmsPtr = std::unique_ptr<CMS_ContentInfo, base::OpensslDeleter<CMS_ContentInfo_free>>;

const RecipientKey& our_key() {
  static const RecipientKey key = RecipientKey::generate().value();
  return key;
}

Bytes exposed(const SecretBytes& secret) {
  return base::to_bytes(secret.expose(base::SecretAccess{}));
}
SecretBytes secret(std::string text) {
  return SecretBytes::take({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

// A certificate over the recipient's key, only so that OpenSSL's CMS_encrypt can name a recipient.
base::X509Ptr certificate() {
  static const lab::Credential issuer = [] {
    lab::CertificateProfile profile{{{"CN", "issuer"}}, {1}, {0}, {4'000'000'000'000}, {}};
    base::PkeyPtr key = lab::generate_p384_key().value();
    base::X509Ptr made = lab::make_certificate(profile, key.get(), nullptr).value();
    return lab::Credential{std::move(made), std::move(key)};
  }();
  const lab::CertificateProfile profile{
      {{"CN", "recipient"}}, {1}, {0}, {4'000'000'000'000}, {{NID_subject_key_identifier, "hash"}}};
  return lab::make_certificate(profile, our_key().handle(), &issuer).value();
}

// One message of OpenSSL's own making.
struct Recipe {
  const EVP_CIPHER* cipher = EVP_aes_256_cbc();
  int padding = RSA_PKCS1_OAEP_PADDING;
  const EVP_MD* hash = EVP_sha256();
  const EVP_MD* mask_hash = EVP_sha256();
  std::string label = "";
  int recipients = 1;
  unsigned flags = 0;  // CMS_USE_KEYID: named by key identifier (SHA-1, as OpenSSL makes it)
  std::string content = "the root";
};

void add_recipient(CMS_ContentInfo* cms, const Recipe& recipe) {
  CMS_RecipientInfo* recipient =
      CMS_add1_recipient_cert(cms, certificate().get(), recipe.flags | CMS_KEY_PARAM);
  EVP_PKEY_CTX* context = CMS_RecipientInfo_get0_pkey_ctx(recipient);
  ASSERT_EQ(EVP_PKEY_CTX_set_rsa_padding(context, recipe.padding), 1);
  if (recipe.padding != RSA_PKCS1_OAEP_PADDING) return;
  ASSERT_EQ(EVP_PKEY_CTX_set_rsa_oaep_md(context, recipe.hash), 1);
  ASSERT_EQ(EVP_PKEY_CTX_set_rsa_mgf1_md(context, recipe.mask_hash), 1);
  if (!recipe.label.empty()) {
    ASSERT_EQ(EVP_PKEY_CTX_set0_rsa_oaep_label(context, OPENSSL_strdup(recipe.label.c_str()),
                                               static_cast<int>(recipe.label.size())),
              1);
  }
}

Bytes make(const Recipe& recipe) {
  CmsPtr cms(CMS_encrypt(nullptr, nullptr, recipe.cipher, CMS_PARTIAL | CMS_BINARY));
  for (int i = 0; i < recipe.recipients; ++i)
    add_recipient(cms.get(), recipe);
  base::BioPtr in(BIO_new_mem_buf(recipe.content.data(), static_cast<int>(recipe.content.size())));
  EXPECT_EQ(CMS_final(cms.get(), in.get(), nullptr, CMS_BINARY), 1) << base::take_openssl_errors();
  unsigned char* der = nullptr;
  const int size = i2d_CMS_ContentInfo(cms.get(), &der);
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

base::Error refusal(BytesView cms, const RecipientKey& key = our_key()) {
  const auto opened = open_ciphertext_for_recipient(cms, key);
  EXPECT_FALSE(opened);
  return opened.error();
}

TEST(RecipientKey, IsWhatKmsTakes) {
  EXPECT_EQ(our_key().public_key_der().size(), 294u);
  EXPECT_EQ(EVP_PKEY_get_bits(our_key().handle()), 2048);
  // 65537 is the last INTEGER of the encoding.
  EXPECT_EQ(base::to_hex(our_key().public_key_der().last(5)), "0203010001");
}

TEST(RecipientKey, RefusesOtherKeys) {
  const base::PkeyPtr small(EVP_RSA_gen(1024));
  const base::PkeyPtr curve = lab::generate_p384_key().value();
  for (const EVP_PKEY* key : {small.get(), curve.get()}) {
    unsigned char* der = nullptr;
    const int size = i2d_PrivateKey(key, &der);
    EXPECT_TRUE(RecipientKey::from_private_der({der, static_cast<std::size_t>(size)})
                    .error()
                    .is(base::CryptoErrc::bad_key));
    OPENSSL_free(der);
  }
  EXPECT_FALSE(RecipientKey::from_private_der({}));
}

TEST(CmsVectors, OpensWhatKmsReturned) {
  CONCORDAT_REQUIRE_VECTORS();
  const auto folder = test::vectors_folder();
  const auto index = nlohmann::json::parse(
      base::as_text(base::read_file(folder / "kms/index.json", 1 << 20).value()));
  int opened = 0;
  for (const auto& entry : index) {
    const std::string name = entry.value("file", "");
    const Bytes cms = base::read_file(folder / name, 1 << 16).value();
    if (!entry["key"].is_string()) {  // its private key was never published: it must name another
      EXPECT_TRUE(refusal(cms).is(CmsErrc::not_our_key)) << name;
      continue;
    }
    const Bytes der = base::read_file(folder / entry["key"].get<std::string>(), 1 << 16).value();
    const RecipientKey key = RecipientKey::from_private_der(der).value();
    const auto plain = open_ciphertext_for_recipient(cms, key);
    ASSERT_TRUE(plain) << name << ": " << plain.error().to_string();
    EXPECT_EQ(exposed(*plain),
              base::read_file(folder / entry["plain"].get<std::string>(), 1 << 16).value())
        << name;
    ++opened;
  }
  EXPECT_GE(opened, 2);
}

TEST(CmsVectors, TheLabSealsInTheVeryFormOfKms) {
  CONCORDAT_REQUIRE_VECTORS();
  const auto folder = test::vectors_folder() / "kms";
  const Bytes real = base::read_file(folder / "real_bb9acb6fd587.ber", 1 << 16).value();
  const RecipientKey key =
      RecipientKey::from_private_der(
          base::read_file(folder / "real_bb9acb6fd587.key.der", 1 << 16).value())
          .value();
  Bytes ours = lab::seal_for_recipient(key.public_key_der(), SecretBytes::random(32)).value();
  ASSERT_EQ(ours.size(), real.size());
  // All but the wrapped key, the IV and the content is the same, bytes and offsets.
  for (const auto& [at, size] : {std::pair{131, 256}, std::pair{415, 16}, std::pair{435, 48}}) {
    std::copy_n(real.begin() + at, size, ours.begin() + at);
  }
  EXPECT_EQ(base::to_hex(ours), base::to_hex(real));
}

TEST(Cms, OpensWhatTheLabSeals) {
  for (const std::size_t size : {1u, 15u, 16u, 32u, 4096u}) {
    const SecretBytes plain = SecretBytes::random(size);
    const Bytes cms = lab::seal_for_recipient(our_key().public_key_der(), plain).value();
    const auto opened = open_ciphertext_for_recipient(cms, our_key());
    ASSERT_TRUE(opened) << opened.error().to_string();
    EXPECT_TRUE(*opened == plain);
  }
}

TEST(Cms, OpensTheShapeOfEmulators) {  // DER, v0, issuer and serial number
  const auto opened = open_ciphertext_for_recipient(make({}), our_key());
  ASSERT_TRUE(opened) << opened.error().to_string();
  EXPECT_EQ(base::as_text(exposed(*opened)), "the root");
}

TEST(Cms, OpensTheEmptyOaepParametersOfOldReplies) {
  const Bytes cms = make({.hash = EVP_sha1(), .mask_hash = EVP_sha1()});
  // OpenSSL leaves the defaults out: an empty SEQUENCE after the object identifier.
  const Bytes empty = base::from_hex("06092a864886f70d0101073000").value();
  ASSERT_NE(std::search(cms.begin(), cms.end(), empty.begin(), empty.end()), cms.end());
  EXPECT_TRUE(open_ciphertext_for_recipient(cms, our_key()));
}

TEST(Cms, RefusesOtherKeyTransport) {
  EXPECT_TRUE(refusal(make({.padding = RSA_PKCS1_PADDING})).is(CmsErrc::key_algorithm));
  EXPECT_TRUE(refusal(make({.mask_hash = EVP_sha1()})).is(CmsErrc::key_algorithm));
  EXPECT_TRUE(refusal(make({.hash = EVP_sha1()})).is(CmsErrc::key_algorithm));
  EXPECT_TRUE(
      refusal(make({.hash = EVP_sha512(), .mask_hash = EVP_sha512()})).is(CmsErrc::key_algorithm));
  EXPECT_TRUE(refusal(make({.label = "label"})).is(CmsErrc::key_algorithm));
}

TEST(Cms, RefusesOtherContentCiphers) {
  EXPECT_TRUE(refusal(make({.cipher = EVP_aes_128_cbc()})).is(CmsErrc::content_algorithm));
  EXPECT_TRUE(refusal(make({.cipher = EVP_des_ede3_cbc()})).is(CmsErrc::content_algorithm));
  EXPECT_TRUE(refusal(make({.cipher = EVP_aes_256_ofb()})).is(CmsErrc::content_algorithm));
}

TEST(Cms, RefusesOtherRecipients) {
  EXPECT_TRUE(refusal(make({.recipients = 2})).is(CmsErrc::recipient_count));
  // OpenSSL's identifier is SHA-1 of the key: not the one that KMS uses.
  EXPECT_TRUE(refusal(make({.flags = CMS_USE_KEYID})).is(CmsErrc::not_our_key));
  const RecipientKey other = RecipientKey::generate().value();
  const Bytes cms = lab::seal_for_recipient(our_key().public_key_der(), secret("the root")).value();
  EXPECT_TRUE(refusal(cms, other).is(CmsErrc::not_our_key));
  // Named by issuer and serial number, only the decryption itself can tell.
  EXPECT_TRUE(refusal(make({}), other).is(CmsErrc::cannot_open));
}

TEST(Cms, RefusesEmptyContent) {
  EXPECT_TRUE(refusal(make({.content = ""})).is(CmsErrc::cannot_open));
}

TEST(Cms, RefusesOtherTypesAndTrailingBytes) {
  const std::string data = "data";
  const base::BioPtr in(BIO_new_mem_buf(data.data(), static_cast<int>(data.size())));
  const CmsPtr plain(CMS_data_create(in.get(), CMS_BINARY));
  unsigned char* der = nullptr;
  const int size = i2d_CMS_ContentInfo(plain.get(), &der);
  EXPECT_TRUE(refusal({der, static_cast<std::size_t>(size)}).is(CmsErrc::not_enveloped));
  OPENSSL_free(der);
  Bytes trailing = make({});
  trailing.push_back(0);
  EXPECT_TRUE(refusal(trailing).is(CmsErrc::malformed));
  EXPECT_TRUE(refusal({}).is(CmsErrc::malformed));
  EXPECT_TRUE(refusal(Bytes(6145, 0x30)).is(CmsErrc::too_large));
}

TEST(Cms, EveryTruncationIsRefused) {
  const Bytes cms = lab::seal_for_recipient(our_key().public_key_der(), secret("the root")).value();
  for (std::size_t n = 0; n < cms.size(); ++n) {
    EXPECT_FALSE(open_ciphertext_for_recipient(BytesView(cms).first(n), our_key())) << n;
  }
}

// CBC is malleable: a flipped bit of the IV goes through. Every other byte must not yield the
// plaintext; that the rest is caught is the root commitment's task.
TEST(Cms, NoFlippedByteOfTheWrappedKeyOpens) {
  const SecretBytes plain = secret("the root");
  const Bytes good = lab::seal_for_recipient(our_key().public_key_der(), plain).value();
  for (std::size_t at = 131; at < 131 + 256; at += 17) {
    Bytes flipped = good;
    flipped[at] ^= 1;
    EXPECT_TRUE(refusal(flipped).is(CmsErrc::cannot_open)) << at;
  }
}

TEST(CmsSeal, RefusesKeysThatKmsRefuses) {
  EXPECT_FALSE(lab::seal_for_recipient({}, secret("x")));
  Bytes trailing = base::to_bytes(our_key().public_key_der());
  trailing.push_back(0);
  EXPECT_FALSE(lab::seal_for_recipient(trailing, secret("x")));
}

}  // namespace
}  // namespace concordat::keyservice

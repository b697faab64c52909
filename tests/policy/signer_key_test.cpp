// Signers' key files: what opens them, and what does not.
#include "policy/signer_key.hpp"

#include <gtest/gtest.h>

#include "attest/base/secret_access.hpp"

namespace concordat::policy {
namespace {

using base::SecretAccess;
using base::SecretBytes;

SecretBytes secret(std::string_view text) {
  base::Bytes bytes = base::to_bytes(base::as_bytes(text));
  return SecretBytes::take(bytes);
}

std::string text_of(const SecretBytes& file) {
  return std::string(base::as_text(file.expose(SecretAccess{})));
}

TEST(SignerKey, IsRfc8032) {
  // RFC 8032 section 7.1, test 2.
  base::Bytes seed =
      base::from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").value();
  const auto key = SigningKey::from_seed(SecretBytes::take(seed)).value();
  EXPECT_EQ(key.public_key().hex(),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  EXPECT_EQ(key.sign(base::from_hex("72").value()).value().hex(),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f36"
            "13d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_FALSE(SigningKey::from_seed(SecretBytes::zeroed(31)).has_value());
}

TEST(SignerKey, RoundTripsOpenAndSealed) {
  const SigningKey key = SigningKey::generate();
  const SecretBytes passphrase = secret("correct horse");
  const auto open = key.encode(nullptr).value();
  const auto sealed = key.encode(&passphrase, PassphraseCost::interactive).value();
  EXPECT_EQ(SigningKey::decode(open, nullptr).value().public_key(), key.public_key());
  EXPECT_EQ(SigningKey::decode(open, &passphrase).value().public_key(), key.public_key());
  EXPECT_EQ(SigningKey::decode(sealed, &passphrase).value().public_key(), key.public_key());
  EXPECT_TRUE(SigningKey::decode(sealed, nullptr).error().is(KeyFileErrc::passphrase_needed));
  const SecretBytes wrong = secret("correct horsf");
  EXPECT_TRUE(SigningKey::decode(sealed, &wrong).error().is(KeyFileErrc::wrong_passphrase));
  const SecretBytes empty;
  EXPECT_TRUE(key.encode(&empty).error().is(KeyFileErrc::empty_passphrase));
}

TEST(SignerKey, RefusesAnAlteredOrForeignFile) {
  const SigningKey key = SigningKey::generate();
  const std::string file = text_of(key.encode(nullptr).value());
  for (std::size_t i = 0; i < file.size(); ++i) {
    std::string altered = file;
    altered[i] = altered[i] == 'A' ? 'B' : 'A';
    const auto decoded = SigningKey::decode(secret(altered), nullptr);
    ASSERT_FALSE(decoded.has_value()) << "at " << i;
    EXPECT_TRUE(decoded.error().is(KeyFileErrc::not_a_key_file)) << decoded.error().to_string();
  }
  for (std::size_t size = 0; size < file.size(); ++size)
    EXPECT_FALSE(SigningKey::decode(secret(file.substr(0, size)), nullptr).has_value()) << size;
  EXPECT_FALSE(SigningKey::decode(secret(encode_public_key(key.public_key())), nullptr));
}

TEST(SignerKey, PublicFileIsStrict) {
  const SigningKey key = SigningKey::generate();
  const std::string file = encode_public_key(key.public_key());
  EXPECT_EQ(decode_public_key(file).value(), key.public_key());
  const std::string id = key_id(key.public_key());
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = file;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const std::string& bad :
       {std::string(), std::string("{}"), with("/1", "/2"), with(id, std::string(64, '0')),
        with("key_id", "keyid"), with("\"public_key\"", "\"extra\": 1, \"public_key\""),
        text_of(key.encode(nullptr).value())}) {
    const auto decoded = decode_public_key(bad);
    ASSERT_FALSE(decoded.has_value()) << bad;
    EXPECT_TRUE(decoded.error().is(KeyFileErrc::not_a_key_file));
  }
}

}  // namespace
}  // namespace concordat::policy

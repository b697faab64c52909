#include "attest/base/hpke.hpp"

#include <gtest/gtest.h>

#include "attest/base/secret_access.hpp"

namespace concordat::base::hpke {
namespace {

PrivateKey key(std::string_view hex) {
  Bytes bytes = from_hex(hex).value();
  return PrivateKey::from_bytes(SecretBytes::take(bytes)).value();
}
SecretBytes secret(std::string_view text) {
  Bytes bytes = to_bytes(as_bytes(text));
  return SecretBytes::take(bytes);
}
std::string text(const SecretBytes& bytes) {
  return std::string(as_text(bytes.expose(SecretAccess{})));
}

// RFC 9180 appendix A.2.1 and A.2.3, message 0.
struct Vector {
  std::string_view ephemeral, sender, recipient, public_key, sealed;
};
constexpr std::string_view kPlaintext = "Beauty is truth, truth beauty";
constexpr Vector kBase{"f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600", "",
                       "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb",
                       "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a",
                       "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a"
                       "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce"
                       "81883d2dd1b51a28"};
constexpr Vector kAuth{"c94619e1af28971c8fa7957192b7e62a71ca2dcdde0a7cc4a8a9e741d600ab13",
                       "2def0cb58ffcf83d1062dd085c8aceca7f4c0c3fd05912d847b61f3e54121f05",
                       "3ca22a6d1cda1bb9480949ec5329d3bf0b080ca4c45879c95eddb55c70b80b82",
                       "1a478716d63cb2e16786ee93004486dc151e988b34b475043d3e0175bdb01c44",
                       "f7674cc8cd7baa5872d1f33dbaffe3314239f6197ddf5ded1746760bfc847e0e"
                       "ab1a13c9d4f01a87ec3440dbd756e2677bd2ecf9df0ce7ed73869b98e00c09be111cb9fdf0"
                       "77347aeb88e61bdf"};

TEST(Hpke, IsTheRfcs) {
  for (const Vector& vector : {kBase, kAuth}) {
    const PrivateKey recipient = key(vector.recipient);
    EXPECT_EQ(recipient.public_key().hex(), vector.public_key);
    std::optional<PrivateKey> sender;
    if (!vector.sender.empty()) sender.emplace(key(vector.sender));
    const auto info = as_bytes("Ode on a Grecian Urn");
    const auto associated = as_bytes("Count-0");
    const auto sealed =
        detail::seal_with(key(vector.ephemeral), sender ? &*sender : nullptr,
                          recipient.public_key(), info, associated, secret(kPlaintext));
    EXPECT_EQ(to_hex(sealed.value()), vector.sealed);
    const auto opened = detail::open_with(sender ? &sender->public_key() : nullptr, recipient, info,
                                          associated, sealed.value());
    EXPECT_EQ(text(opened.value()), kPlaintext);
  }
}

class Sealed : public testing::Test {
 protected:
  PrivateKey alice_ = PrivateKey::generate(), bob_ = PrivateKey::generate();
  Bytes info_ = to_bytes(as_bytes("what it is for"));
  Bytes base_ = seal(bob_.public_key(), info_, secret("share")).value();
  Bytes auth_ = seal_from(alice_, bob_.public_key(), info_, secret("share")).value();
};

TEST_F(Sealed, OpensForItsRecipient) {
  EXPECT_EQ(text(open(bob_, info_, base_).value()), "share");
  EXPECT_EQ(text(open_from(alice_.public_key(), bob_, info_, auth_).value()), "share");
  EXPECT_EQ(base_.size(), 5 + kOverhead);
}

TEST_F(Sealed, NoTwoShareAByteOfKey) {
  EXPECT_NE(base_, seal(bob_.public_key(), info_, secret("share")).value());
}

TEST_F(Sealed, OpensForNobodyElseUnderNoOtherInfoFromNoOtherSender) {
  const PrivateKey carol = PrivateKey::generate();
  const Bytes other = to_bytes(as_bytes("what it is not for"));
  for (const auto& opened :
       {open(carol, info_, base_), open(bob_, other, base_), open(bob_, info_, auth_),
        open_from(alice_.public_key(), bob_, info_, base_),
        open_from(carol.public_key(), bob_, info_, auth_),
        open_from(alice_.public_key(), carol, info_, auth_),
        open_from(alice_.public_key(), bob_, other, auth_)}) {
    ASSERT_FALSE(opened);
    EXPECT_TRUE(opened.error().is(Errc::not_authentic));
  }
}

TEST_F(Sealed, EveryFlippedByteIsRefused) {
  for (std::size_t at = 0; at < auth_.size(); ++at) {
    Bytes altered = auth_;
    altered[at] ^= 1;
    EXPECT_FALSE(open_from(alice_.public_key(), bob_, info_, altered)) << at;
  }
  for (std::size_t size = 0; size < base_.size(); ++size)
    EXPECT_FALSE(open(bob_, info_, BytesView(base_).first(size))) << size;
}

TEST_F(Sealed, NothingIsSealedToAKeyThatEverybodyKnows) {
  for (const bool one : {false, true}) {
    PublicKey low;
    low.mutable_view()[0] = one ? 1 : 0;
    EXPECT_TRUE(seal(low, info_, secret("share")).error().is(Errc::bad_key));
    EXPECT_TRUE(seal_from(alice_, low, info_, secret("share")).error().is(Errc::bad_key));
  }
}

}  // namespace
}  // namespace concordat::base::hpke

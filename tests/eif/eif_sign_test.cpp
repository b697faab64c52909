// What the signer writes the reader takes, and a key signs only for its own certificate.
#include "attest/eif_sign.hpp"

#include <gtest/gtest.h>

#include "tests/eif/parts.hpp"
#include "tests/eif/signer.hpp"

namespace concordat::attest {
namespace {

using base::Bytes;
using test::make_signer;
using test::Signer;

PcrValue pcr0() {
  return test::read_bytes(write_eif(test::small_parts()).value())->measurements.pcr0;
}

TEST(EifSign, TheReaderTakesWhatEachKindOfKeySigned) {
  for (const char* curve : {"P-256", "P-384", "P-521"}) {
    const Signer signer = make_signer(curve);
    const auto section = sign_eif(pcr0(), signer.certificate_pem, signer.key.get());
    ASSERT_TRUE(section) << curve << ": " << section.error().to_string();
    EifParts parts = test::small_parts();
    parts.signature = *section;
    const auto image = test::read_bytes(write_eif(parts).value());
    ASSERT_TRUE(image) << curve << ": " << image.error().to_string();
    EXPECT_EQ(image->measurements.pcr0, pcr0());
    const auto der_hash = base::sha384({signer.certificate_der});
    EXPECT_EQ(image->measurements.pcr8, base::sha384({Bytes(48), der_hash.view()}));
  }
}

TEST(EifSign, AnotherImageIsNotSigned) {
  const Signer signer = make_signer("P-384");
  PcrValue other = pcr0();
  other.mutable_view()[0] ^= 1;
  const Bytes section = sign_eif(other, signer.certificate_pem, signer.key.get()).value();
  EifParts parts = test::small_parts();
  parts.signature = section;
  EXPECT_TRUE(test::read_bytes(write_eif(parts).value()).error().is(EifErrc::signed_pcr0_differs));
}

TEST(EifSign, RefusesWhatNoReaderWouldTake) {
  const Signer signer = make_signer("P-384");
  const Signer other = make_signer("P-384");
  const auto with = [](const Bytes& certificate, EVP_PKEY* key) {
    return sign_eif(pcr0(), certificate, key).error();
  };
  EXPECT_TRUE(with(signer.certificate_pem, other.key.get()).is(base::CryptoErrc::bad_key));
  EXPECT_TRUE(with(signer.certificate_der, signer.key.get()).is(base::CryptoErrc::bad_certificate));
  EXPECT_TRUE(with({}, signer.key.get()).is(base::CryptoErrc::bad_certificate));
  const Signer bitcoin = make_signer("secp256k1");
  EXPECT_TRUE(with(bitcoin.certificate_pem, bitcoin.key.get()).is(EifErrc::unsupported_algorithm));
  const base::PkeyPtr ed25519(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  EXPECT_TRUE(with(signer.certificate_pem, ed25519.get()).is(EifErrc::unsupported_algorithm));
  EXPECT_TRUE(with(signer.certificate_pem, nullptr).is(EifErrc::unsupported_algorithm));
}

}  // namespace
}  // namespace concordat::attest

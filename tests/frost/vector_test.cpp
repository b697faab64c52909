// The numbers of RFC 9591, appendix E.1: FROST(Ed25519, SHA-512), 2 of 3, holders 1 and 3 sign.
#include "attest/base/secret_access.hpp"
#include "tests/frost/frost_fixture.hpp"

namespace concordat::session::frost {

// Lets the vectors' randomness in, where production has the generator's only.
class NonceVector {
 public:
  static Nonces make(const Scalar& secret, const base::SecretBytes& hiding,
                     const base::SecretBytes& binding) {
    return Nonces::from(secret, hiding, binding);
  }
  static std::string hiding(const Nonces& nonces) { return published(nonces.hiding_).hex(); }
  static std::string binding(const Nonces& nonces) { return published(nonces.binding_).hex(); }
};

namespace {

using base::sharing::Polynomial;
using base::sharing::Share;

constexpr std::string_view kGroupSecret =
    "7b1c33d3f5291d85de664833beb1ad469f7fb6025a0ec78b3a790c6e13a98304";
constexpr std::string_view kGroupPublic =
    "15d21ccd7ee42959562fc8aa63224c8851fb3ec85a3faf66040d380fb9738673";
constexpr std::string_view kSecondShare =
    "a91e66e012e4364ac9aaa405fcafd370402d9859f7b6685c07eed76bf409e80d";
constexpr std::string_view kCoefficient =
    "178199860edd8c62f5212ee91eff1295d0d670ab4ed4506866bae57e7030b204";
constexpr std::string_view kMessage = "test";
constexpr std::string_view kSignature =
    "36282629c383bb820a88b71cae937d41f2f2adfcc3d02e55507e2fb9e2dd3cbe"
    "bd9d2b0844e49ae0f3fa935161e1419aab7b47d21a37ebeae1f17d4987b3160b";

struct Signer {
  Index index;
  std::string_view share;
  std::string_view hiding_randomness, binding_randomness;
  std::string_view hiding_nonce, binding_nonce;
  std::string_view hiding_commitment, binding_commitment;
  std::string_view binding_factor;
  std::string_view signature_share;
};
constexpr std::array kSigners{
    Signer{1, "929dcc590407aae7d388761cddb0c0db6f5627aea8e217f4a033f2ec83d93509",
           "0fd2e39e111cdc266f6c0f4d0fd45c947761f1f5d3cb583dfcb9bbaf8d4c9fec",
           "69cd85f631d5f7f2721ed5e40519b1366f340a87c2f6856363dbdcda348a7501",
           "812d6104142944d5a55924de6d49940956206909f2acaeedecda2b726e630407",
           "b1110165fc2334149750b28dd813a39244f315cff14d4e89e6142f262ed83301",
           "b5aa8ab305882a6fc69cbee9327e5a45e54c08af61ae77cb8207be3d2ce13de3",
           "67e98ab55aa310c3120418e5050c9cf76cf387cb20ac9e4b6fdb6f82a469f932",
           "f2cb9d7dd9beff688da6fcc83fa89046b3479417f47f55600b106760eb3b5603",
           "001719ab5a53ee1a12095cd088fd149702c0720ce5fd2f29dbecf24b7281b603"},
    Signer{3, "d3cb090a075eb154e82fdb4b3cb507f110040905468bb9c46da8bdea643a9a02",
           "86d64a260059e495d0fb4fcc17ea3da7452391baa494d4b00321098ed2a0062f",
           "13e6b25afb2eba51716a9a7d44130c0dbae0004a9ef8d7b5550c8a0e07c61775",
           "c256de65476204095ebdc01bd11dc10e57b36bc96284595b8215222374f99c0e",
           "243d71944d929063bc51205714ae3c2218bd3451d0214dfb5aeec2a90c35180d",
           "cfbdb165bd8aad6eb79deb8d287bcc0ab6658ae57fdcc98ed12c0669e90aec91",
           "7487bc41a6e712eea2f2af24681b58b1cf1da278ea11fe4e8b78398965f13552",
           "b087686bf35a13f3dc78e780a34b0fe8a77fef1b9938c563f5573d71d8d7890f",
           "bd86125de990acc5e1f13781d8e32c03a9bbd4c53539bbc106058bfd14326007"},
};

base::SecretBytes secret(std::string_view hex) {
  base::Bytes bytes = base::from_hex(hex).value();
  return base::SecretBytes::take(bytes);
}
Scalar scalar(std::string_view hex) {
  return Scalar::from_bytes(secret(hex)).value();
}

// The group as the RFC's polynomial makes it.
GroupInfo rfc_group() {
  const Element public_key = Element::from_hex(kGroupPublic).value();
  base::Bytes commitments = base::to_bytes(public_key.view());
  base::append(commitments, base::sharing::times_base<Curve>(scalar(kCoefficient)).value().view());
  return GroupInfo::of(base::sharing::Commitments<Curve>::from_bytes(commitments).value(), 3)
      .value();
}
KeyShare rfc_share(const Signer& signer) {
  return KeyShare::create(rfc_group(), signer.index, scalar(signer.share)).value();
}
Nonces rfc_nonces(const Signer& signer) {
  return NonceVector::make(scalar(signer.share), secret(signer.hiding_randomness),
                           secret(signer.binding_randomness));
}

TEST(Rfc9591, TheKeyIsShared) {
  EXPECT_EQ(base::sharing::times_base<Curve>(scalar(kGroupSecret)).value().hex(), kGroupPublic);
  for (const Signer& signer : kSigners)
    EXPECT_EQ(rfc_share(signer).index(), signer.index);  // matches its verification share
  EXPECT_TRUE(KeyShare::create(rfc_group(), 2, scalar(kSecondShare)));
}

TEST(Rfc9591, NoncesAndTheirCommitments) {
  for (const Signer& signer : kSigners) {
    const Nonces nonces = rfc_nonces(signer);
    EXPECT_EQ(NonceVector::hiding(nonces), signer.hiding_nonce);
    EXPECT_EQ(NonceVector::binding(nonces), signer.binding_nonce);
    EXPECT_EQ(nonces.commitment().hiding.hex(), signer.hiding_commitment);
    EXPECT_EQ(nonces.commitment().binding.hex(), signer.binding_commitment);
  }
}

TEST(Rfc9591, BindingFactorsSharesAndSignature) {
  CommitmentList commitments;
  for (const Signer& signer : kSigners)
    commitments.emplace(signer.index, rfc_nonces(signer).commitment());
  const auto package =
      SigningPackage::create(rfc_group(), commitments, base::to_bytes(base::as_bytes(kMessage)))
          .value();
  std::map<Index, Scalar> shares;
  for (const Signer& signer : kSigners) {
    EXPECT_EQ(published(package.binding_factor(signer.index)).hex(), signer.binding_factor);
    Scalar share = package.sign(rfc_share(signer), rfc_nonces(signer)).value();
    EXPECT_EQ(published(share).hex(), signer.signature_share);
    EXPECT_TRUE(package.check(signer.index, share));
    shares.emplace(signer.index, std::move(share));
  }
  const Signature signature = package.aggregate(shares).value();
  EXPECT_EQ(signature.hex(), kSignature);
  EXPECT_TRUE(
      test::is_ed25519(signature.view(), rfc_group().public_key(), base::as_bytes(kMessage)));
}

}  // namespace
}  // namespace concordat::session::frost

#include <gtest/gtest.h>
#include <openssl/ec.h>

#include "attest/base/cbor.hpp"
#include "tests/eif/parts.hpp"
#include "tests/eif/signer.hpp"

namespace concordat::attest {
namespace {

using base::Bytes;
using base::BytesView;
using base::cbor::Writer;
using test::make_signer;
using test::Signer;

// r || s of an ECDSA signature, each `half` bytes.
Bytes sign_raw(EVP_PKEY* key, const EVP_MD* hash, BytesView message, std::size_t half) {
  const base::DigestContextPtr context(EVP_MD_CTX_new());
  EVP_DigestSignInit(context.get(), nullptr, hash, nullptr, key);
  std::size_t size = 0;
  EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size());
  Bytes der(size);
  EVP_DigestSign(context.get(), der.data(), &size, message.data(), message.size());
  const unsigned char* at = der.data();
  const std::unique_ptr<ECDSA_SIG, base::OpensslDeleter<ECDSA_SIG_free>> parsed(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
  Bytes raw(2 * half);
  BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), raw.data(), static_cast<int>(half));
  BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), raw.data() + half, static_cast<int>(half));
  return raw;
}

void write_int_array(Writer& writer, BytesView bytes) {
  writer.array(bytes.size());
  for (const std::uint8_t byte : bytes)
    writer.uint(byte);
}

// How a section is made; each member can be bent.
struct Recipe {
  const char* curve = "P-384";
  std::int64_t algorithm = -35;
  const EVP_MD* hash = EVP_sha384();
  std::size_t half = 48;
  std::uint64_t register_index = 0;
  Bytes register_value;
  bool tagged = false;
  bool flip_signature = false;
  bool swap_certificate = false;
  bool certificate_as_der = false;
  std::string before_certificate;
  std::string after_certificate;
  std::size_t entries = 1;
};

// What the section holds as certificate: the file that the signer named.
Bytes certificate_file(const Recipe& recipe, const Signer& signer) {
  Bytes file = base::to_bytes(base::as_bytes(recipe.before_certificate));
  base::append(file, recipe.certificate_as_der ? signer.certificate_der : signer.certificate_pem);
  base::append(file, base::as_bytes(recipe.after_certificate));
  return file;
}

Bytes payload_of(const Recipe& recipe) {
  Writer payload;
  payload.map(2).text("register_index").uint(recipe.register_index).text("register_value");
  write_int_array(payload, recipe.register_value);
  return std::move(payload).take();
}

Bytes cose_of(const Recipe& recipe, const Signer& signer) {
  Writer header;
  header.map(1).integer(1).integer(recipe.algorithm);
  const Bytes payload = payload_of(recipe);
  Writer to_be_signed;
  to_be_signed.array(4).text("Signature1").bytes(header.view()).bytes({}).bytes(payload);
  Bytes signature = sign_raw(signer.key.get(), recipe.hash, to_be_signed.view(), recipe.half);
  if (recipe.flip_signature) signature.back() ^= 1;
  Writer cose;
  if (recipe.tagged) cose.tag(18);
  cose.array(4).bytes(header.view()).map(0).bytes(payload).bytes(signature);
  return std::move(cose).take();
}

struct SignedImage {
  base::Result<EifImage> read;
  Bytes certificate_der;
};

SignedImage read_signed(const Recipe& recipe) {
  const Signer signer = make_signer(recipe.curve);
  const Signer other = make_signer(recipe.curve);
  Writer section;
  section.array(recipe.entries);
  for (std::size_t i = 0; i < recipe.entries; ++i) {
    section.map(2).text("signing_certificate");
    write_int_array(section, certificate_file(recipe, recipe.swap_certificate ? other : signer));
    section.text("signature");
    write_int_array(section, cose_of(recipe, signer));
  }
  EifParts parts = test::small_parts();
  parts.signature = section.view();
  return {test::read_bytes(write_eif(parts).value()), signer.certificate_der};
}

Recipe good_recipe() {
  Recipe recipe;
  const Bytes unsigned_image = write_eif(test::small_parts()).value();
  recipe.register_value =
      base::to_bytes(test::read_bytes(unsigned_image)->measurements.pcr0.view());
  return recipe;
}

void expect_refused(const Recipe& recipe, EifErrc code) {
  const auto image = read_signed(recipe);
  ASSERT_FALSE(image.read);
  EXPECT_TRUE(image.read.error().is(code)) << image.read.error().to_string();
}

TEST(EifSignature, EachAlgorithmWithItsCurve) {
  const auto unsigned_measurements =
      test::read_bytes(write_eif(test::small_parts()).value())->measurements;
  Recipe p256 = good_recipe();
  p256.curve = "P-256";
  p256.algorithm = -7;
  p256.hash = EVP_sha256();
  p256.half = 32;
  Recipe p521 = good_recipe();
  p521.curve = "P-521";
  p521.algorithm = -36;
  p521.hash = EVP_sha512();
  p521.half = 66;
  for (const Recipe& recipe : {good_recipe(), p256, p521}) {
    const auto image = read_signed(recipe);
    ASSERT_TRUE(image.read) << recipe.curve << ": " << image.read.error().to_string();
    EXPECT_EQ(image.read->measurements.pcr0, unsigned_measurements.pcr0);
    const auto der_hash = base::sha384({image.certificate_der});
    EXPECT_EQ(image.read->measurements.pcr8, base::sha384({Bytes(48), der_hash.view()}));
  }
}

TEST(EifSignature, TakesTheTaggedFormToo) {
  Recipe recipe = good_recipe();
  recipe.tagged = true;
  EXPECT_TRUE(read_signed(recipe).read);
}

TEST(EifSignature, RefusesAnotherPcr0) {
  Recipe recipe = good_recipe();
  recipe.register_value[47] ^= 1;
  expect_refused(recipe, EifErrc::signed_pcr0_differs);
  recipe.register_value.clear();
  expect_refused(recipe, EifErrc::signed_pcr0_differs);
}

TEST(EifSignature, RefusesAnotherRegister) {
  Recipe recipe = good_recipe();
  recipe.register_index = 1;
  expect_refused(recipe, EifErrc::bad_signature_section);
}

TEST(EifSignature, RefusesSignaturesThatDoNotVerify) {
  Recipe flipped = good_recipe();
  flipped.flip_signature = true;
  expect_refused(flipped, EifErrc::signature_invalid);
  Recipe swapped = good_recipe();
  swapped.swap_certificate = true;
  expect_refused(swapped, EifErrc::signature_invalid);
  Recipe padded = good_recipe();
  padded.half = 50;
  expect_refused(padded, EifErrc::signature_invalid);
}

TEST(EifSignature, RefusesAlgorithmsOfOtherKeys) {
  Recipe other_curve = good_recipe();
  other_curve.algorithm = -7;
  expect_refused(other_curve, EifErrc::unsupported_algorithm);
  Recipe not_nist = good_recipe();
  not_nist.curve = "secp256k1";
  not_nist.algorithm = -7;
  not_nist.half = 32;
  expect_refused(not_nist, EifErrc::unsupported_algorithm);
  Recipe unknown = good_recipe();
  unknown.algorithm = -8;
  expect_refused(unknown, EifErrc::unsupported_algorithm);
}

TEST(EifSignature, WantsExactlyOneEntry) {
  for (const std::size_t entries : {std::size_t{0}, std::size_t{2}}) {
    Recipe recipe = good_recipe();
    recipe.entries = entries;
    expect_refused(recipe, EifErrc::bad_signature_section);
  }
}

TEST(EifSignature, TheCertificateComesFirstInItsFile) {
  const std::string another = std::string(base::as_text(make_signer("P-384").certificate_pem));
  std::string trusted = another;
  for (std::size_t at = 0; (at = trusted.find(" CERT", at)) != trusted.npos; at += 13)
    trusted.insert(at, " TRUSTED");
  const std::string indented = std::string(" ").append(another);
  std::string other_line = another;
  other_line.insert(other_line.find('\n'), "x");
  for (const std::string& before :
       {std::string("Certificate:\n"), std::string("x"), trusted, indented, other_line,
        std::string("-----BEGIN X509 CERTIFICATE-----\n")}) {
    Recipe recipe = good_recipe();
    recipe.before_certificate = before;
    expect_refused(recipe, EifErrc::bad_signature_section);
  }
  Recipe der = good_recipe();
  der.certificate_as_der = true;
  expect_refused(der, EifErrc::bad_signature_section);
  // A chain's first certificate is its signer's, to every reader.
  Recipe chain = good_recipe();
  chain.before_certificate = "\r\n";
  chain.after_certificate = another;
  const auto image = read_signed(chain);
  ASSERT_TRUE(image.read) << image.read.error().to_string();
  EXPECT_EQ(image.read->measurements.pcr8,
            base::sha384({Bytes(48), base::sha384({image.certificate_der}).view()}));
}

TEST(EifSignature, RefusesSectionsThatAreNotTheFormat) {
  for (const char* hex : {"00", "81", "81a0", "81f6", "80", "9fff", "8161610000"}) {
    EifParts parts = test::small_parts();
    const Bytes section = base::from_hex(hex).value();
    parts.signature = section;
    const auto read = test::read_bytes(write_eif(parts).value());
    ASSERT_FALSE(read) << hex;
    EXPECT_TRUE(read.error().is(EifErrc::bad_signature_section)) << hex;
  }
}

}  // namespace
}  // namespace concordat::attest

#include "keyservice/keyring/envelope.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "attest/base/cbor.hpp"
#include "keyservice/keyring/sealing.hpp"
#include "keyservice/keyring/signing.hpp"
#include "tests/keyring/keys.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::cbor::Writer;

const Bytes kMessage{1, 2, 3};

struct Made {
  Envelope envelope;
  std::function<std::string(const Envelope&)> use;  // refusal of the operation that takes it
};

// One envelope of each kind and algorithm, and the operation that takes it.
std::vector<Made> one_of_each() {
  static base::SystemRandom random;
  static const TestKey ed25519(KeyType::ed25519);
  static const TestKey p256(KeyType::p256);
  static const TestKey p384(KeyType::p384);
  static const TestKey hmac(KeyType::hmac);
  static const TestKey aes256(KeyType::aes256);
  std::vector<Made> out;
  for (const TestKey* key : {&ed25519, &p256, &p384}) {
    out.push_back({sign(key->in_use(), kMessage).value(), [key](const Envelope& envelope) {
                     return refusal(verify(key->in_use(), envelope, kMessage));
                   }});
  }
  out.push_back({mac(hmac.in_use(), kMessage).value(), [](const Envelope& envelope) {
                   return refusal(verify(hmac.in_use(), envelope, kMessage));
                 }});
  out.push_back({encrypt(aes256.in_use(), kMessage, secret(kMessage), random).value(),
                 [](const Envelope& envelope) {
                   return refusal(decrypt(aes256.in_use(), kMessage, envelope));
                 }});
  out.push_back(
      {wrap_bytes(aes256.in_use(), secret(kMessage), random).value(),
       [](const Envelope& envelope) { return refusal(unwrap(aes256.in_use(), envelope)); }});
  out.push_back(
      {wrap_key(aes256.in_use(), p384.in_use(), random).value(),
       [](const Envelope& envelope) { return refusal(unwrap(aes256.in_use(), envelope)); }});
  return out;
}

std::string outcome(const Made& made, base::BytesView encoded) {
  const auto decoded = decode_envelope(encoded);
  return decoded ? made.use(*decoded) : refusal(decoded);
}

TEST(Envelope, OfEachKindIsTakenAsEncoded) {
  for (const Made& made : one_of_each()) {
    const Bytes encoded = encode(made.envelope);
    EXPECT_EQ(decode_envelope(encoded).value(), made.envelope);
    EXPECT_EQ(outcome(made, encoded), "") << to_string(made.envelope.kind);
    EXPECT_LE(encode_header(made.envelope).size() + 3, kMaxEnvelopeHeader);
  }
}

// KEYRING.md, section 3.
TEST(Envelope, IsAsDocumented) {
  Envelope envelope;
  envelope.kind = EnvelopeKind::wrapped_key;
  envelope.algorithm = Algorithm::hkdf_sha384_aes256_gcm;
  envelope.key_name = "a/b";
  envelope.key_version = 2;
  envelope.wrapped = WrappedKey{KeyType::aes256, "c", 1, true};
  envelope.body = Bytes(48, 0xbb);
  EXPECT_EQ(hex(encode(envelope)),
            "88"
            "01"
            "03"
            "04"
            "63612f62"
            "02"
            "8406616301f5"
            "5820" +
                std::string(64, '0') + "5830" + hex(Bytes(48, 0xbb)));
  envelope.wrapped.reset();
  envelope.kind = EnvelopeKind::ciphertext;
  EXPECT_EQ(hex(encode(envelope)),
            "87"
            "01"
            "02"
            "04"
            "63612f62"
            "02"
            "5820" +
                std::string(64, '0') + "5830" + hex(Bytes(48, 0xbb)));
  envelope.kind = EnvelopeKind::mac;
  envelope.algorithm = Algorithm::hmac_sha256;
  envelope.body = Bytes(32, 0xcc);
  EXPECT_EQ(hex(encode(envelope)),
            "86"
            "01"
            "04"
            "05"
            "63612f62"
            "02"
            "5820" +
                hex(Bytes(32, 0xcc)));
}

TEST(Envelope, EachFieldAlteredIsRefusedByName) {
  const auto altered = [](const Envelope& envelope, auto&& change) {
    Envelope out = envelope;
    change(out);
    return encode(out);
  };
  for (const Made& made : one_of_each()) {
    const Envelope& whole = made.envelope;
    const bool is_sealed = whole.algorithm == Algorithm::hkdf_sha384_aes256_gcm;
    SCOPED_TRACE(to_string(whole.kind));
    Bytes format = encode(whole);
    format[1] = 2;
    EXPECT_EQ(outcome(made, format), "other_envelope_format");
    EXPECT_EQ(outcome(made, altered(whole, [](Envelope& e) { e.key_name = "payments/tokenz"; })),
              "other_key");
    EXPECT_EQ(outcome(made, altered(whole, [](Envelope& e) { ++e.key_version; })), "other_version");
    EXPECT_EQ(outcome(made, altered(whole, [](Envelope& e) { e.body.back() ^= 1; })),
              "authentication_failed");
    EXPECT_EQ(outcome(made, altered(whole, [](Envelope& e) { e.body.front() ^= 1; })),
              "authentication_failed");
    if (is_sealed) {
      EXPECT_EQ(outcome(made, altered(whole, [](Envelope& e) { e.salt.mutable_view()[0] ^= 1; })),
                "authentication_failed");
    }
    for (int kind = 0; kind <= 5; ++kind) {
      if (kind == static_cast<int>(whole.kind)) continue;
      Bytes encoded = encode(whole);
      encoded[2] = static_cast<std::uint8_t>(kind);
      EXPECT_EQ(outcome(made, encoded), "envelope_malformed") << kind;
    }
    for (int algorithm = 0; algorithm <= 6; ++algorithm) {
      if (algorithm == static_cast<int>(whole.algorithm)) continue;
      Bytes encoded = encode(whole);
      encoded[3] = static_cast<std::uint8_t>(algorithm);
      const bool both_sign =
          whole.kind == EnvelopeKind::signature && algorithm >= 1 && algorithm <= 3;
      // A signature's length may give the other algorithm away before its name does.
      const std::string found = outcome(made, encoded);
      EXPECT_TRUE(found == "envelope_malformed" || (both_sign && found == "other_algorithm"))
          << algorithm << ": " << found;
    }
  }
}

TEST(Envelope, AnotherAlgorithmOfItsKindIsRefusedByName) {
  const TestKey p256(KeyType::p256);
  Envelope envelope = sign(p256.in_use(), kMessage).value();
  envelope.algorithm = Algorithm::ecdsa_p384_sha384;
  EXPECT_EQ(refusal(verify(p256.in_use(), envelope, kMessage)), "other_algorithm");
}

// A signature's own bits are flipped in signing_test.cpp.
TEST(Envelope, EveryFlippedBitIsRefused) {
  for (const Made& made : one_of_each()) {
    const Bytes encoded = encode(made.envelope);
    const bool is_signature = made.envelope.kind == EnvelopeKind::signature;
    const std::size_t end = encoded.size() - (is_signature ? made.envelope.body.size() : 0);
    for (std::size_t bit = 0; bit < end * 8; ++bit) {
      Bytes flipped = encoded;
      flipped[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      ASSERT_NE(outcome(made, flipped), "") << to_string(made.envelope.kind) << " bit " << bit;
    }
  }
}

TEST(Envelope, EveryTruncationAndEveryAppendedByteIsMalformed) {
  for (const Made& made : one_of_each()) {
    Bytes encoded = encode(made.envelope);
    for (std::size_t size = 0; size < encoded.size(); ++size)
      ASSERT_EQ(refusal(decode_envelope({encoded.data(), size})), "envelope_malformed") << size;
    encoded.push_back(0);
    EXPECT_EQ(refusal(decode_envelope(encoded)), "envelope_malformed");
  }
}

Writer head(std::size_t items, unsigned kind, unsigned algorithm) {
  Writer out;
  out.array(items).uint(1).uint(kind).uint(algorithm);
  return out;
}

TEST(Envelope, EveryValueIsBounded) {
  const auto mac_with = [](std::string_view name, std::uint64_t version, std::size_t size) {
    Writer out = head(6, 4, 5);
    out.text(name).uint(version).bytes(Bytes(size));
    return refusal(decode_envelope(out.view()));
  };
  EXPECT_EQ(mac_with("a", 1, 32), "");
  EXPECT_EQ(mac_with("a", 0xffffffff, 32), "");
  EXPECT_EQ(mac_with("a", 0, 32), "envelope_malformed");
  EXPECT_EQ(mac_with("a", 0x100000000, 32), "envelope_malformed");
  EXPECT_EQ(mac_with("a", 1, 31), "envelope_malformed");
  EXPECT_EQ(mac_with("a", 1, 33), "envelope_malformed");
  EXPECT_EQ(mac_with("", 1, 32), "envelope_malformed");
  EXPECT_EQ(mac_with("a//b", 1, 32), "envelope_malformed");
  EXPECT_EQ(mac_with("a\n", 1, 32), "envelope_malformed");
  EXPECT_EQ(mac_with(std::string(128, 'a'), 1, 32), "");
  EXPECT_EQ(mac_with(std::string(129, 'a'), 1, 32), "envelope_malformed");

  const auto sealed_with = [](unsigned kind, std::size_t salt, std::size_t size) {
    Writer out = head(kind == 2 ? 7 : 8, kind, 4);
    out.text("a").uint(1);
    if (kind == 3) out.null();
    out.bytes(Bytes(salt)).bytes(Bytes(size));
    return refusal(decode_envelope(out.view()));
  };
  EXPECT_EQ(sealed_with(2, 32, 16), "");
  EXPECT_EQ(sealed_with(2, 32, kMaxPlaintext + 16), "");
  EXPECT_EQ(sealed_with(2, 32, kMaxPlaintext + 17), "envelope_malformed");
  EXPECT_EQ(sealed_with(2, 32, 15), "envelope_malformed");
  EXPECT_EQ(sealed_with(2, 31, 16), "envelope_malformed");
  EXPECT_EQ(sealed_with(2, 33, 16), "envelope_malformed");
  EXPECT_EQ(sealed_with(3, 32, 17), "");
  EXPECT_EQ(sealed_with(3, 32, 16), "envelope_malformed");
  EXPECT_EQ(sealed_with(3, 32, kMaxWrappedBytes + 16), "");
  EXPECT_EQ(sealed_with(3, 32, kMaxWrappedBytes + 17), "envelope_malformed");
}

TEST(Envelope, ADescriptionOfAWrappedKeyIsOfOneOfTheKeyring) {
  const auto wrapped = [](std::size_t items, unsigned type, std::string_view name,
                          std::uint64_t version) {
    Writer out = head(8, 3, 4);
    out.text("a").uint(1).array(items).uint(type).text(name).uint(version).boolean(true);
    out.bytes(Bytes(32)).bytes(Bytes(48));
    return refusal(decode_envelope(out.view()));
  };
  EXPECT_EQ(wrapped(4, 6, "b", 1), "");
  EXPECT_EQ(wrapped(4, 1, "b", 1), "envelope_malformed");  // derived
  EXPECT_EQ(wrapped(4, 0, "b", 1), "envelope_malformed");
  EXPECT_EQ(wrapped(4, 8, "b", 1), "envelope_malformed");
  EXPECT_EQ(wrapped(4, 6, "b/", 1), "envelope_malformed");
  EXPECT_EQ(wrapped(4, 6, "b", 0), "envelope_malformed");
  EXPECT_EQ(wrapped(3, 6, "b", 1), "envelope_malformed");
}

TEST(Envelope, HasOneEncoding) {
  const auto long_number = base::from_hex(
      "8601"
      "1804"
      "05"
      "6161"
      "01"
      "5820" +
      std::string(64, '0'));
  EXPECT_EQ(refusal(decode_envelope(*long_number)), "envelope_malformed");
  const auto indefinite = base::from_hex(
      "9f01"
      "04"
      "05"
      "6161"
      "01"
      "5820" +
      std::string(64, '0') + "ff");
  EXPECT_EQ(refusal(decode_envelope(*indefinite)), "envelope_malformed");
  EXPECT_EQ(refusal(decode_envelope(Bytes(kMaxEnvelope + 1))), "envelope_malformed");
}

}  // namespace
}  // namespace concordat::keyservice

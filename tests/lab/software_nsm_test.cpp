// Does the software module answer as the device does (nsm-test/src/bin/nsm-check.rs), and are its
// documents of the shape of those that AWS issues?
#include "deploy/lab/software_nsm.hpp"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>

#include "attest/base/cbor.hpp"
#include "tests/lab/registers.hpp"

namespace concordat::lab {
namespace {

using attest::PcrValue;
using base::Bytes;
using base::UnixMillis;
using std::chrono::hours;
using std::chrono::minutes;
namespace nsm = attest::nsm;

EnclaveIdentity some_identity() {
  return {.instance_id = "i-0827e799ec9232d44",
          .role_arn = "arn:aws:iam::123456789012:role/lab",
          .pcr0 = filled(0xa0),
          .pcr1 = filled(0xa1),
          .pcr2 = filled(0xa2),
          .pcr8 = filled(0xa8),
          .debug = false};
}

// The parts of a document that these tests look at, read with the generic CBOR cursor.
struct Parts {
  Bytes protected_header;
  Bytes payload;
  Bytes signature;
  std::vector<std::string> keys;
  std::string module_id;
  std::string digest;
  std::uint64_t timestamp = 0;
  std::map<std::uint64_t, Bytes> pcrs;
  Bytes certificate;
  std::vector<Bytes> cabundle;
  std::map<std::string, std::optional<Bytes>> optional;
};

void read_value(base::cbor::Reader& reader, const std::string& key, Parts& parts) {
  constexpr std::size_t kMax = 4096;
  if (key == "module_id") {
    parts.module_id = reader.read_text(kMax).value();
  } else if (key == "digest") {
    parts.digest = reader.read_text(kMax).value();
  } else if (key == "timestamp") {
    parts.timestamp = reader.read_uint().value();
  } else if (key == "pcrs") {
    const std::size_t count = reader.read_map(32).value().value();
    for (std::size_t i = 0; i < count; ++i) {
      const auto index = reader.read_uint().value();
      parts.pcrs[index] = base::to_bytes(reader.read_bytes(kMax).value());
    }
  } else if (key == "certificate") {
    parts.certificate = base::to_bytes(reader.read_bytes(kMax).value());
  } else if (key == "cabundle") {
    const std::size_t count = reader.read_array(8).value();
    for (std::size_t i = 0; i < count; ++i) {
      parts.cabundle.push_back(base::to_bytes(reader.read_bytes(kMax).value()));
    }
  } else if (reader.take_null().value()) {
    parts.optional[key] = std::nullopt;
  } else {
    parts.optional[key] = base::to_bytes(reader.read_bytes(kMax).value());
  }
}

Parts take_apart(const Bytes& document) {
  Parts parts;
  base::cbor::Reader outer(document);
  EXPECT_EQ(outer.read_array(4).value(), 4u);
  parts.protected_header = base::to_bytes(outer.read_bytes(16).value());
  EXPECT_EQ(outer.read_map(0).value().value(), 0u);
  parts.payload = base::to_bytes(outer.read_bytes(16384).value());
  parts.signature = base::to_bytes(outer.read_bytes(200).value());
  EXPECT_TRUE(outer.finish());
  base::cbor::Reader reader(parts.payload);
  EXPECT_FALSE(reader.read_map(9).value().has_value()) << "AWS writes an indefinite map since 2025";
  while (!reader.take_break().value()) {
    parts.keys.emplace_back(reader.read_text(32).value());
    read_value(reader, parts.keys.back(), parts);
  }
  EXPECT_TRUE(reader.finish());
  return parts;
}

// An OpenSSL verification written apart from the code under test.
bool signature_is_good(const Parts& parts) {
  Bytes message;
  base::append(message, base::from_hex("846a5369676e617475726531").value());
  message.push_back(static_cast<std::uint8_t>(0x40 + parts.protected_header.size()));
  base::append(message, parts.protected_header);
  message.push_back(0x40);
  message.push_back(0x59);
  message.push_back(static_cast<std::uint8_t>(parts.payload.size() >> 8));
  message.push_back(static_cast<std::uint8_t>(parts.payload.size()));
  base::append(message, parts.payload);
  ECDSA_SIG* raw = ECDSA_SIG_new();
  ECDSA_SIG_set0(raw, BN_bin2bn(parts.signature.data(), 48, nullptr),
                 BN_bin2bn(parts.signature.data() + 48, 48, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(raw, &der);
  ECDSA_SIG_free(raw);
  const base::X509Ptr leaf = base::parse_certificate_der(parts.certificate).value();
  const base::DigestContextPtr context(EVP_MD_CTX_new());
  EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha384(), nullptr, X509_get0_pubkey(leaf.get()));
  const int verdict = EVP_DigestVerify(context.get(), der, static_cast<std::size_t>(size),
                                       message.data(), message.size());
  OPENSSL_free(der);
  return verdict == 1;
}

class SoftwareNsmTest : public testing::Test {
 protected:
  SoftwareNsm make(const EnclaveIdentity& identity = some_identity()) {
    return {*pki_, identity, [this] { return now_; }};
  }
  Parts attest(SoftwareNsm& device, const nsm::AttestationRequest& request = {}) {
    return take_apart(nsm::attestation(device, request).value());
  }

  UnixMillis now_ = kStart;
  std::unique_ptr<Pki> pki_ = Pki::create(kStart).value();
};

TEST_F(SoftwareNsmTest, DescribesItself) {
  SoftwareNsm device = make();
  const auto description = nsm::describe_nsm(device).value();
  EXPECT_EQ(description.max_pcrs, 32);
  EXPECT_EQ(description.digest, nsm::Digest::sha384);
  EXPECT_EQ(description.module_id, device.module_id());
  ASSERT_EQ(description.locked_pcrs.size(), 16u);
  for (std::uint16_t i = 0; i < 16; ++i)
    EXPECT_EQ(description.locked_pcrs[i], i);
}

TEST_F(SoftwareNsmTest, ModuleIdCarriesTheLaunchTime) {
  SoftwareNsm device = make();
  const std::string id = device.module_id();
  ASSERT_EQ(id.size(), std::string("i-0827e799ec9232d44-enc019b5640fdf630d6").size());
  EXPECT_TRUE(id.starts_with("i-0827e799ec9232d44-enc"));
  EXPECT_EQ(std::stoll(id.substr(23, 12), nullptr, 16), kStart.value);
}

TEST_F(SoftwareNsmTest, BootRegistersAreMeasuredAndLocked) {
  SoftwareNsm device = make();
  for (std::uint16_t i = 0; i < 32; ++i) {
    EXPECT_EQ(nsm::describe_pcr(device, i).value().lock, i < 16) << i;
  }
  const auto pcr = [&](std::uint16_t i) { return nsm::describe_pcr(device, i).value().data; };
  EXPECT_EQ(pcr(0), filled(0xa0));
  EXPECT_EQ(pcr(1), filled(0xa1));
  EXPECT_EQ(pcr(2), filled(0xa2));
  EXPECT_EQ(pcr(8), filled(0xa8));
  const Bytes zero(48);
  EXPECT_EQ(pcr(4), base::sha384({zero, base::as_bytes("i-0827e799ec9232d44")}));
  EXPECT_EQ(pcr(3), base::sha384({zero, base::as_bytes("arn:aws:iam::123456789012:role/lab")}));
  for (const int i : {5, 6, 7, 9, 15, 16, 31})
    EXPECT_TRUE(pcr(static_cast<std::uint16_t>(i)).is_zero()) << i;
}

TEST_F(SoftwareNsmTest, WithoutRolePcr3IsZero) {
  EnclaveIdentity identity = some_identity();
  identity.role_arn.clear();
  SoftwareNsm device = make(identity);
  EXPECT_TRUE(nsm::describe_pcr(device, 3).value().data.is_zero());
}

TEST_F(SoftwareNsmTest, DebugZeroesImageButNotInstance) {
  EnclaveIdentity identity = some_identity();
  identity.debug = true;
  SoftwareNsm device = make(identity);
  const Parts parts = attest(device);
  for (const std::uint64_t i : {0, 1, 2, 8})
    EXPECT_EQ(parts.pcrs.at(i), Bytes(48)) << i;
  EXPECT_NE(parts.pcrs.at(3), Bytes(48));
  EXPECT_NE(parts.pcrs.at(4), Bytes(48));
}

TEST_F(SoftwareNsmTest, ExtendsWithTheBytesThemselves) {
  SoftwareNsm device = make();
  const Bytes data{1, 2, 3};
  // The value in the API's own vectors for a zero register and 010203.
  EXPECT_EQ(nsm::extend_pcr(device, 16, data).value().hex(),
            "cb178fcd3f328244c05c6248723fd068b3a1dda878e1ab8be911098f199958add55d0c27f04826d27b44d9"
            "49a650694e");
  const PcrValue first = nsm::describe_pcr(device, 16).value().data;
  EXPECT_EQ(nsm::extend_pcr(device, 16, data).value(), base::sha384({first.view(), data}));
}

TEST_F(SoftwareNsmTest, LockedRegistersRefuse) {
  SoftwareNsm device = make();
  const Bytes data{1};
  EXPECT_TRUE(nsm::extend_pcr(device, 0, data).error().is(nsm::Errc::read_only_index));
  EXPECT_TRUE(nsm::lock_pcr(device, 15).error().is(nsm::Errc::read_only_index));
  ASSERT_TRUE(nsm::lock_pcr(device, 16));
  EXPECT_TRUE(nsm::lock_pcr(device, 16).error().is(nsm::Errc::read_only_index));
  EXPECT_TRUE(nsm::extend_pcr(device, 16, data).error().is(nsm::Errc::read_only_index));
  EXPECT_TRUE(nsm::describe_pcr(device, 16).value().data.is_zero());
}

TEST_F(SoftwareNsmTest, LockPcrsTakesARange) {
  SoftwareNsm device = make();
  EXPECT_TRUE(nsm::lock_pcrs(device, 33).error().is(nsm::Errc::invalid_index));
  ASSERT_TRUE(nsm::lock_pcrs(device, 20));
  EXPECT_TRUE(nsm::describe_pcr(device, 19).value().lock);
  EXPECT_FALSE(nsm::describe_pcr(device, 20).value().lock);
  ASSERT_TRUE(nsm::lock_pcrs(device, 32));
  EXPECT_TRUE(nsm::describe_pcr(device, 31).value().lock);
}

TEST_F(SoftwareNsmTest, IndicesEndAt31) {
  SoftwareNsm device = make();
  EXPECT_TRUE(nsm::describe_pcr(device, 32).error().is(nsm::Errc::invalid_index));
  EXPECT_TRUE(nsm::extend_pcr(device, 32, Bytes{1}).error().is(nsm::Errc::invalid_index));
  EXPECT_TRUE(nsm::lock_pcr(device, 32).error().is(nsm::Errc::invalid_index));
}

TEST_F(SoftwareNsmTest, GivesRandomBytes) {
  SoftwareNsm device = make();
  const Bytes one = nsm::get_random(device).value();
  EXPECT_EQ(one.size(), 256u);
  EXPECT_NE(one, nsm::get_random(device).value());
}

TEST_F(SoftwareNsmTest, GarbageIsAnsweredWithAnError) {
  SoftwareNsm device = make();
  const auto answer = nsm::decode_response(device.exchange(Bytes{0xff, 0x00}).value()).value();
  ASSERT_TRUE(std::holds_alternative<nsm::ErrorResponse>(answer));
  EXPECT_EQ(std::get<nsm::ErrorResponse>(answer).code, nsm::Errc::invalid_operation);
}

TEST_F(SoftwareNsmTest, DocumentHasTheShapeOfAws) {
  SoftwareNsm device = make();
  const Bytes document = nsm::attestation(device, {}).value();
  EXPECT_EQ(base::to_hex(base::BytesView(document).first(8)), "8444a1013822a059");
  const Parts parts = take_apart(document);
  const std::vector<std::string> order{"module_id",  "digest",      "timestamp",
                                       "pcrs",       "certificate", "cabundle",
                                       "public_key", "user_data",   "nonce"};
  EXPECT_EQ(parts.keys, order);
  EXPECT_EQ(parts.module_id, device.module_id());
  EXPECT_EQ(parts.digest, "SHA384");
  EXPECT_EQ(parts.timestamp, static_cast<std::uint64_t>(kStart.value));
  EXPECT_EQ(parts.pcrs.size(), 16u);
  EXPECT_EQ(parts.cabundle.size(), 4u);
  EXPECT_EQ(parts.cabundle[0], pki_->root_der());
  EXPECT_EQ(parts.signature.size(), 96u);
  for (const auto& [key, value] : parts.optional)
    EXPECT_FALSE(value) << key;
}

TEST_F(SoftwareNsmTest, DocumentIsSignedByItsLeaf) {
  SoftwareNsm device = make();
  Parts parts = attest(device);
  EXPECT_TRUE(signature_is_good(parts));
  parts.payload[40] ^= 1;
  EXPECT_FALSE(signature_is_good(parts));
}

TEST_F(SoftwareNsmTest, FieldsOf1024BytesAreTakenAndLongerOnesRefused) {
  SoftwareNsm device = make();
  const Bytes full(1024, 7);
  const Parts parts = attest(device, {.user_data = full, .nonce = full, .public_key = full});
  EXPECT_EQ(parts.optional.at("user_data"), full);
  EXPECT_EQ(parts.optional.at("nonce"), full);
  EXPECT_EQ(parts.optional.at("public_key"), full);
  EXPECT_EQ(attest(device, {.user_data = Bytes{}, .nonce = {}, .public_key = {}})
                .optional.at("user_data"),
            Bytes{});
  // Past the typed client, which refuses by itself.
  const Bytes request = nsm::encode_request(
      nsm::AttestationRequest{.user_data = Bytes(1025), .nonce = {}, .public_key = {}});
  const auto answer = nsm::decode_response(device.exchange(request).value()).value();
  ASSERT_TRUE(std::holds_alternative<nsm::ErrorResponse>(answer));
}

TEST_F(SoftwareNsmTest, DocumentHoldsEveryLockedRegister) {
  SoftwareNsm device = make();
  const PcrValue extended = nsm::extend_pcr(device, 16, Bytes{9}).value();
  EXPECT_FALSE(attest(device).pcrs.contains(16)) << "unlocked registers are not attested";
  ASSERT_TRUE(nsm::lock_pcr(device, 16));
  EXPECT_EQ(attest(device).pcrs.at(16), base::to_bytes(extended.view()));
}

TEST_F(SoftwareNsmTest, LeafIsReusedUntilNearlyExpired) {
  SoftwareNsm device = make();
  const Bytes first = attest(device).certificate;
  now_ = kStart + minutes(149);
  EXPECT_EQ(attest(device).certificate, first);
  now_ = kStart + minutes(151);
  const Parts renewed = attest(device);
  EXPECT_NE(renewed.certificate, first);
  EXPECT_TRUE(signature_is_good(renewed));
}

TEST_F(SoftwareNsmTest, EnclavesHaveKeysOfTheirOwn) {
  SoftwareNsm one = make();
  SoftwareNsm two = make();
  EXPECT_NE(attest(one).certificate, attest(two).certificate);
}

}  // namespace
}  // namespace concordat::lab

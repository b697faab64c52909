// NSM messages whose bytes the API's definition fixes.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "attest/nsm.hpp"
#include "tests/support/vectors.hpp"

namespace concordat::attest::nsm {
namespace {

nlohmann::json vectors(const char* part) {
  std::ifstream file(test::vectors_folder() / "nsm" / "nsm_vectors.json");
  return nlohmann::json::parse(file).at(part);
}

Bytes from_hex(std::string_view text) {
  return base::from_hex(text).value();
}

TEST(NsmVectors, RequestsAreExactBothWays) {
  CONCORDAT_REQUIRE_VECTORS();
  const std::map<std::string, Request> requests{
      {"DescribeNSM", DescribeNsmRequest{}},
      {"GetRandom", GetRandomRequest{}},
      {"DescribePCR index=0", DescribePcrRequest{0}},
      {"DescribePCR index=31", DescribePcrRequest{31}},
      {"ExtendPCR index=16 data=010203", ExtendPcrRequest{16, {1, 2, 3}}},
      {"LockPCR index=16", LockPcrRequest{16}},
      {"LockPCRs range=32", LockPcrsRequest{32}},
      {"Attestation all null", AttestationRequest{}},
      {"Attestation user_data=6869 nonce=01 public_key=null",
       AttestationRequest{from_hex("6869"), from_hex("01"), std::nullopt}},
  };
  std::size_t known = 0;
  const nlohmann::json vector_requests = vectors("requests");
  for (const auto& [name, value] : vector_requests.items()) {
    const Bytes bytes = from_hex(value.get<std::string>());
    const auto decoded = decode_request(bytes);
    ASSERT_TRUE(decoded) << name << ": " << decoded.error().to_string();
    EXPECT_EQ(encode_request(*decoded), bytes) << name;
    if (const auto it = requests.find(name); it != requests.end()) {
      EXPECT_EQ(encode_request(it->second), bytes) << name;
      ++known;
    }
  }
  EXPECT_EQ(known, requests.size());
}

TEST(NsmVectors, ResponsesDecodeAndSayTheSameAgain) {
  CONCORDAT_REQUIRE_VECTORS();
  const nlohmann::json responses = vectors("responses");
  for (const auto& [name, value] : responses.items()) {
    const Bytes bytes = from_hex(value.get<std::string>());
    const auto decoded = decode_response(bytes);
    ASSERT_TRUE(decoded) << name << ": " << decoded.error().to_string();
    const Bytes again = encode_response(*decoded);
    if (name.find("key order") == std::string::npos) {
      EXPECT_EQ(again, bytes) << name;
    } else {
      EXPECT_EQ(encode_response(decode_response(again).value()), again) << name;
    }
  }
}

TEST(NsmVectors, ResponsesSayWhatTheirNamesSay) {
  CONCORDAT_REQUIRE_VECTORS();
  const nlohmann::json responses = vectors("responses");
  const auto response = [&](const char* name) {
    return decode_response(from_hex(responses.at(name).get<std::string>())).value();
  };
  const auto described = std::get<DescribeNsmResponse>(response("DescribeNSM (QEMU key order)"));
  EXPECT_EQ(described.module_id, "i-234-enc5678");
  EXPECT_EQ(described.max_pcrs, 32);
  EXPECT_EQ(described.locked_pcrs.size(), 16u);
  EXPECT_EQ(described.version_major, 1);
  EXPECT_EQ(described.digest, Digest::sha384);
  const auto pcr = std::get<DescribePcrResponse>(response("DescribePCR"));
  EXPECT_TRUE(pcr.lock);
  EXPECT_TRUE(pcr.data.is_zero());
  const auto extended =
      std::get<ExtendPcrResponse>(response("ExtendPCR after extend of zero PCR with 010203"));
  EXPECT_EQ(extended.data, extended_pcr(PcrValue(), Bytes{1, 2, 3}));
  EXPECT_EQ(std::get<AttestationResponse>(response("Attestation (document = h'84')")).document,
            Bytes{0x84});
  for (int code = 1; code <= 8; ++code) {
    const std::string wire(wire_name(static_cast<Errc>(code)));
    EXPECT_EQ(std::get<ErrorResponse>(response(("Error " + wire).c_str())).code,
              static_cast<Errc>(code));
  }
}

}  // namespace
}  // namespace concordat::attest::nsm

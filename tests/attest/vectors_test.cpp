// Documents that AWS issued, and documents that must be refused: each by the index beside it.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "attest/custom_root.hpp"
#include "attest/verify.hpp"
#include "tests/support/vectors.hpp"

namespace concordat::attest {
namespace {

using base::Bytes;
using base::UnixMillis;
using nlohmann::json;

// 2026-11-01: after every certificate of the vectors below the root has expired.
constexpr UnixMillis kToday{1'793'491'200'000};

json load_index(const std::string& name) {
  std::ifstream file(test::vectors_folder() / name);
  return json::parse(file);
}

Bytes load(const json& row) {
  return base::read_file(test::vectors_folder() / row.at("file").get<std::string>(), 1 << 20)
      .value();
}

base::Result<VerifiedClaims> verify_bytes(const Bytes& bytes, const TrustAnchors& anchors,
                                          std::optional<UnixMillis> at, DebugDocuments debug) {
  CONCORDAT_TRY(const auto document, UnverifiedDocument::parse(bytes));
  return verify_archived(document, anchors, at.value_or(document.unverified().timestamp), debug);
}

std::string why(const base::Result<VerifiedClaims>& result) {
  return result ? "accepted" : std::string(result.error().name()) + ": " + result.error().detail();
}

json hex_or_null(const std::optional<Bytes>& field) {
  return field ? json(base::to_hex(*field)) : json(nullptr);
}

void expect_fields(const VerifiedClaims& claims, const json& row) {
  EXPECT_EQ(claims.module_id(), row.at("module_id"));
  EXPECT_EQ(claims.timestamp().value, row.at("timestamp_ms"));
  EXPECT_EQ(row.at("digest"), kDigestName);
  json pcrs = json::object();
  for (const auto& [index, value] : claims.pcrs())
    pcrs[std::to_string(index)] = value.hex();
  EXPECT_EQ(pcrs, row.at("pcrs"));
  EXPECT_EQ(hex_or_null(claims.public_key()), row.at("public_key"));
  EXPECT_EQ(hex_or_null(claims.user_data()), row.at("user_data"));
  EXPECT_EQ(hex_or_null(claims.nonce()), row.at("nonce"));
  EXPECT_EQ(claims.debug(), row.at("debug_mode"));
  EXPECT_EQ(claims.root(), RootKind::aws);
  EXPECT_EQ(base::format_rfc3339(claims.leaf_not_before()), row.at("leaf_not_before"));
  EXPECT_EQ(base::format_rfc3339(claims.leaf_not_after()), row.at("leaf_not_after"));
}

TEST(GenuineDocuments, AcceptedAtTheirOwnTimeWithTheirFields) {
  CONCORDAT_REQUIRE_VECTORS();
  int enclaves = 0;
  for (const json& row : load_index("genuine/index.json")) {
    if (row.at("kind") != "enclave") continue;
    SCOPED_TRACE(row.at("name"));
    const Bytes bytes = load(row);
    const auto claims =
        verify_bytes(bytes, TrustAnchors::aws(), std::nullopt, DebugDocuments::allow);
    ASSERT_TRUE(claims) << why(claims);
    expect_fields(*claims, row);
    const auto strict =
        verify_bytes(bytes, TrustAnchors::aws(), std::nullopt, DebugDocuments::refuse);
    EXPECT_EQ(why(strict), row.at("debug_mode") ? "debug_mode: " : "accepted");
    ++enclaves;
  }
  EXPECT_GE(enclaves, 65);
}

TEST(GenuineDocuments, RefusedToday) {
  CONCORDAT_REQUIRE_VECTORS();
  for (const json& row : load_index("genuine/index.json")) {
    SCOPED_TRACE(row.at("name"));
    const auto claims = verify_bytes(load(row), TrustAnchors::aws(), kToday, DebugDocuments::allow);
    ASSERT_FALSE(claims);
    EXPECT_TRUE(claims.error().is(row.at("kind") == "enclave" ? Errc::certificate_expired
                                                              : Errc::nitrotpm_document))
        << why(claims);
  }
}

TEST(GenuineDocuments, EveryBitOfTheSignatureAndPayloadCounts) {
  CONCORDAT_REQUIRE_VECTORS();
  const json index = load_index("genuine/index.json");
  const json& row = index.at(0);
  const Bytes good = load(row);
  const UnixMillis at{row.at("timestamp_ms")};
  // A stride that is prime to everything: about ninety flips over the whole document.
  for (std::size_t i = 0; i < good.size(); i += 53) {
    Bytes bad = good;
    bad[i] ^= static_cast<std::uint8_t>(1u << (i % 8));
    EXPECT_FALSE(verify_bytes(bad, TrustAnchors::aws(), at, DebugDocuments::allow))
        << "flipped byte " << i;
  }
}

TEST(Cases, EachByItsVerdict) {
  CONCORDAT_REQUIRE_VECTORS();
  int cases = 0;
  for (const json& row : load_index("cases.json")) {
    SCOPED_TRACE(row.at("file"));
    TrustAnchors anchors = TrustAnchors::aws();
    if (const std::string root = row.at("root"); root != "aws") {
      anchors =
          trust_anchors_from_root(base::read_file(test::vectors_folder() / root, 1 << 16).value())
              .value();
    }
    std::optional<UnixMillis> at;
    if (row.at("at") == "time_ms") at = UnixMillis{row.at("time_ms")};
    const auto claims = verify_bytes(load(row), anchors, at, DebugDocuments::allow);
    EXPECT_EQ(claims.has_value(), row.at("verdict") == "accept") << why(claims);
    EXPECT_TRUE(claims || find_refusal(claims.error()) != nullptr) << why(claims);
    ++cases;
  }
  EXPECT_GE(cases, 74);
}

TEST(Roots, FingerprintsAreThoseOfThePublishedCertificates) {
  CONCORDAT_REQUIRE_VECTORS();
  const auto kind_of = [](const char* file) {
    const Bytes pem = base::read_file(test::vectors_folder() / "roots" / file, 1 << 16).value();
    const auto certificate = base::parse_certificate(pem).value();
    return TrustAnchors::aws().find(base::certificate_der(certificate.get()).value());
  };
  EXPECT_EQ(kind_of("AWS_NitroEnclaves_Root-G1.pem"), RootKind::aws);
  EXPECT_EQ(kind_of("AWS_NitroEnclaves_Root-aws-us-gov.pem"), RootKind::aws_us_gov);
}

}  // namespace
}  // namespace concordat::attest

// `concordat measure`: output as nitro-cli's, byte for byte, and the three exit statuses.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "deploy/cli/commands.hpp"
#include "tests/eif/parts.hpp"
#include "tests/support/vectors.hpp"

namespace concordat::cli {
namespace {

struct Outcome {
  int status = 0;
  std::string out;
  std::string err;
};

Outcome measure(const std::vector<std::string>& arguments) {
  std::vector<const char*> argv{"concordat", "measure"};
  for (const std::string& argument : arguments)
    argv.push_back(argument.c_str());
  std::ostringstream out;
  std::ostringstream err;
  Invocation invocation{"concordat", out, err};
  const int status = run(static_cast<int>(argv.size()), argv.data(), invocation);
  return {status, out.str(), err.str()};
}

class MeasureTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "measureXXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(base::BytesView content) {
    const auto path = folder_ / "x.eif";
    std::ofstream(path, std::ios::binary) << base::as_text(content);
    return path.string();
  }
  std::filesystem::path folder_;
};

TEST_F(MeasureTest, PrintsNitroClisJson) {
  const base::Bytes image = attest::write_eif(attest::test::small_parts()).value();
  const auto wanted = attest::test::read_bytes(image)->measurements;
  const std::string path = write(image);
  const auto outcome = measure({path});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.out,
            "{\n"
            "  \"Measurements\": {\n"
            "    \"HashAlgorithm\": \"Sha384 { ... }\",\n"
            "    \"PCR0\": \"" +
                wanted.pcr0.hex() +
                "\",\n"
                "    \"PCR1\": \"" +
                wanted.pcr1.hex() +
                "\",\n"
                "    \"PCR2\": \"" +
                wanted.pcr2.hex() +
                "\"\n"
                "  }\n"
                "}\n");
  EXPECT_EQ(measure({path, "--json"}).out, outcome.out);
}

TEST_F(MeasureTest, PrintsPcr8OfSignedImagesOnly) {
  CONCORDAT_REQUIRE_VECTORS();
  const auto folder = test::vectors_folder() / "eif";
  const auto with_signature = measure({(folder / "tiny_signed.eif").string()});
  EXPECT_EQ(with_signature.status, 0);
  EXPECT_NE(with_signature.out.find("\"PCR8\": \"37f72a11"), std::string::npos);
  EXPECT_EQ(measure({(folder / "tiny_unsigned.eif").string()}).out.find("PCR8"), std::string::npos);
}

TEST_F(MeasureTest, RefusesADamagedImageInOneLine) {
  base::Bytes image = attest::write_eif(attest::test::small_parts()).value();
  image.back() ^= 1;
  const std::string path = write(image);
  const auto outcome = measure({path});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err.find("concordat: " + path + ": the image's checksum (CRC-32)"), 0u)
      << outcome.err;
  EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1);
}

TEST_F(MeasureTest, SaysARefusalInJsonToo) {
  base::Bytes image = attest::write_eif(attest::test::small_parts()).value();
  image.back() ^= 1;
  const auto refused = measure({write(image), "--json"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_EQ(refused.out.find(R"({"ok":false,"code":"bad_crc","error":"the image's checksum)"), 0u)
      << refused.out;
  const auto absent = measure({(folder_ / "absent.eif").string(), "--json"});
  EXPECT_EQ(absent.status, 1);
  EXPECT_EQ(absent.out.find(R"({"ok":false,"code":"unreadable",)"), 0u) << absent.out;
}

TEST_F(MeasureTest, WhatCannotBeReadIsAnInputError) {
  const auto absent = measure({(folder_ / "absent.eif").string()});
  EXPECT_EQ(absent.status, 1);
  EXPECT_NE(absent.err.find("absent.eif: No such file"), std::string::npos);
  EXPECT_EQ(measure({folder_.string()}).status, 1);
  EXPECT_EQ(measure({}).status, 1);
}

}  // namespace
}  // namespace concordat::cli

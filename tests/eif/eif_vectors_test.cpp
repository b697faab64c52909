// Small images with measurements computed by other software, and damaged ones.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "attest/eif.hpp"
#include "tests/support/vectors.hpp"

namespace concordat::attest {
namespace {

const std::map<std::string, EifErrc> kDamaged{
    {"bad_crc.eif", EifErrc::bad_crc},
    {"bad_magic.eif", EifErrc::bad_magic},
    {"truncated.eif", EifErrc::truncated},
    {"signed_wrong_pcr0.eif", EifErrc::signed_pcr0_differs},
};

base::Result<EifImage> read_file(const std::filesystem::path& path) {
  CONCORDAT_TRY(EifFile file, EifFile::open(path));
  return read_eif(file);
}

void expect_measurements(const EifMeasurements& found, const nlohmann::json& wanted) {
  EXPECT_EQ(found.pcr0.hex(), wanted.at("PCR0"));
  EXPECT_EQ(found.pcr1.hex(), wanted.at("PCR1"));
  EXPECT_EQ(found.pcr2.hex(), wanted.at("PCR2"));
  EXPECT_EQ(found.pcr8.has_value(), wanted.contains("PCR8"));
  if (found.pcr8 && wanted.contains("PCR8")) {
    EXPECT_EQ(found.pcr8->hex(), wanted.at("PCR8"));
  }
}

TEST(EifVectors, MeasureAsIndexedOrAreRefusedWithTheCause) {
  CONCORDAT_REQUIRE_VECTORS();
  const auto folder = concordat::test::vectors_folder() / "eif";
  std::ifstream index_file(folder / "index.json");
  const auto index = nlohmann::json::parse(index_file);
  std::size_t damaged = 0;
  for (const auto& entry : index) {
    const auto name = entry.at("file").get<std::string>();
    SCOPED_TRACE(name);
    const auto image = read_file(folder / name);
    if (entry.contains("expected")) {
      ASSERT_FALSE(image);
      if (const auto cause = kDamaged.find(name); cause != kDamaged.end()) {
        EXPECT_TRUE(image.error().is(cause->second)) << image.error().to_string();
        ++damaged;
      }
    } else {
      ASSERT_TRUE(image) << image.error().to_string();
      expect_measurements(image->measurements, entry.at("measurements"));
    }
  }
  EXPECT_EQ(damaged, kDamaged.size());
}

}  // namespace
}  // namespace concordat::attest

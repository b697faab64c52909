// nitro-cli's output, as its commands print it.
#include "policy/measurements.hpp"

#include <gtest/gtest.h>

namespace concordat::policy {
namespace {

std::string registers(const std::string& extra = "") {
  return R"("Measurements": {"HashAlgorithm": "Sha384 { ... }", "PCR0": ")" + std::string(96, 'a') +
         R"(", "PCR1": ")" + std::string(96, 'B') + R"(", "PCR2": ")" + std::string(96, 'c') +
         "\"" + extra + "}";
}

TEST(Measurements, FromEveryCommandThatPrintsThem) {
  const std::string pcr8 = ", \"PCR8\": \"" + std::string(96, 'd') + "\"";
  for (const std::string& text :
       {"{" + registers(pcr8) + "}",
        R"({"EifVersion": 4, )" + registers(pcr8) +
            R"(, "IsSigned": true, "Metadata": {"x": [1.5]}})",
        "[{" + registers(pcr8) + R"(, "EnclaveID": "i-1-enc2", "EnclaveCID": 16}])"}) {
    const auto measured = read_measurements(text).value();
    EXPECT_EQ(measured.pcr0.hex(), std::string(96, 'a'));
    EXPECT_EQ(measured.pcr1.hex(), std::string(96, 'b'));
    EXPECT_EQ(measured.pcr2.hex(), std::string(96, 'c'));
    EXPECT_EQ(measured.pcr8->hex(), std::string(96, 'd'));
  }
  EXPECT_FALSE(read_measurements("{" + registers() + "}").value().pcr8.has_value());
}

TEST(Measurements, RefusesWithThePlace) {
  const auto refusal = [](const std::string& text) {
    const auto measured = read_measurements(text);
    return measured ? "accepted" : measured.error().detail();
  };
  EXPECT_EQ(refusal("{}"), "1:1 /Measurements: want what nitro-cli or `concordat measure` prints");
  EXPECT_EQ(refusal("[]"), "1:1 want the measurements of one enclave, found 0 in a list");
  EXPECT_EQ(refusal(R"({"Measurements": {}})"), "1:18 /Measurements/PCR0: the register is missing");
  EXPECT_EQ(refusal("{" + registers(", \"PCR8\": 1") + "}"),
            "1:386 /Measurements/PCR8: want 96 hexadecimal digits");
  EXPECT_EQ(refusal("{" + registers(", \"PCR8\": \"" + std::string(96, '0') + "\"") + "}"),
            "1:386 /Measurements/PCR8: all zero: of an enclave in debug mode, no identity");
  EXPECT_TRUE(read_measurements("{" + registers(", \"PCR0\": \"\"") + "}")
                  .error()
                  .is(PolicyErrc::duplicate_key));
  EXPECT_TRUE(read_measurements("Start building...").error().is(PolicyErrc::not_json));
}

}  // namespace
}  // namespace concordat::policy

#include "attest/refusal.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "attest/base/cbor.hpp"
#include "tests/support/vectors.hpp"

namespace concordat::attest {
namespace {

TEST(Refusals, EveryCodeOnceInOrderWithANameOfItsOwn) {
  std::set<std::string_view> names;
  int value = 0;
  for (const Refusal& refusal : refusals()) {
    EXPECT_EQ(static_cast<int>(refusal.code), ++value) << refusal.name;
    EXPECT_TRUE(names.insert(refusal.name).second) << refusal.name;
    EXPECT_EQ(describe(refusal.code).name, refusal.name);
    EXPECT_EQ(find_refusal(base::Error(refusal.code))->code, refusal.code);
  }
  EXPECT_EQ(describe(static_cast<Errc>(value + 1)).name, "unknown");
  EXPECT_EQ(find_refusal(base::Error(base::cbor::Errc::truncated)), nullptr);
}

TEST(Refusals, StepsComeInTheOrderOfVerification) {
  Step last = Step::parse;
  for (const Refusal& refusal : refusals()) {
    EXPECT_GE(refusal.step, last) << refusal.name;
    last = refusal.step;
  }
  EXPECT_EQ(last, Step::pcr);
}

// What users read is what programs say.
TEST(Refusals, TheDocumentedTableIsThisOne) {
  std::string table = "| step | code | meaning |\n|---|---|---|\n";
  for (const Refusal& refusal : refusals()) {
    for (const std::string_view cell : {name(refusal.step), refusal.name}) {
      table.append("| `").append(cell).append("` ");
    }
    table.append("| ").append(refusal.message).append(" |\n");
  }
  std::ifstream file(std::string(CONCORDAT_SOURCE_DIR) + "/attest/REFUSALS.md");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_NE(text.str().find(table), std::string::npos) << "attest/REFUSALS.md must contain:\n"
                                                       << table;
}

}  // namespace
}  // namespace concordat::attest

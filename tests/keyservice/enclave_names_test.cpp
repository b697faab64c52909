#include "keyservice/enclave_names.hpp"

#include <gtest/gtest.h>

#include "keyservice/error.hpp"
#include "keyservice/limits.hpp"

namespace concordat::keyservice {
namespace {

TEST(EnclaveNames, AreReadInTheFilesOrder) {
  EXPECT_EQ(parse_enclave_names("custodians", "custodian").value(),
            std::vector<std::string>{"custodian"});
  EXPECT_EQ(parse_enclave_names("custodians", "b,a-1,c").value(),
            (std::vector<std::string>{"b", "a-1", "c"}));
}

TEST(EnclaveNames, AreRefusedWithWhatIsWrong) {
  for (const char* text : {"", ",", "a,", ",a", "a,,b", "a, b", "A", "a/b", "a,a"}) {
    const auto names = parse_enclave_names("custodians", text);
    ASSERT_FALSE(names) << text;
    EXPECT_TRUE(names.error().is(Errc::bad_setting));
    EXPECT_TRUE(names.error().detail().starts_with("custodians: '")) << names.error().detail();
  }
  std::string many = "c0";
  for (std::size_t i = 1; i < kMaxCustodians; ++i)
    many += ",c" + std::to_string(i);
  EXPECT_TRUE(parse_enclave_names("custodians", many));
  EXPECT_FALSE(parse_enclave_names("custodians", many + ",d"));
}

}  // namespace
}  // namespace concordat::keyservice

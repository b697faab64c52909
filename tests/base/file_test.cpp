#include "attest/base/file.hpp"

#include <gtest/gtest.h>

#include "attest/base/secret_access.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::base {
namespace {

class FileTest : public testing::Test {
 protected:
  test::TemporaryFolder temporary_;
  const std::filesystem::path& folder_ = temporary_.path();
};

TEST_F(FileTest, WritesWithModeAndReadsBack) {
  const auto path = folder_ / "key";
  ASSERT_TRUE(write_file(path, Bytes{1, 2, 3}, 0600));
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_EQ(read_file(path, 3).value(), (Bytes{1, 2, 3}));
  EXPECT_TRUE(equal(read_secret_file(path, 3).value().expose(SecretAccess{}), Bytes{1, 2, 3}));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(FileTest, RefusesMoreThanAllowed) {
  const auto path = folder_ / "large";
  ASSERT_TRUE(write_file(path, Bytes(200'000)));
  EXPECT_TRUE(read_file(path, 199'999).error().is(FileErrc::too_large));
  EXPECT_TRUE(read_secret_file(path, 199'999).error().is(FileErrc::too_large));
  EXPECT_EQ(read_file(path, 200'000).value().size(), 200'000u);
  EXPECT_EQ(read_file_start(path, 199'999).value().size(), 199'999u);
  EXPECT_EQ(read_file_start(path, 200'001).value().size(), 200'000u);
}

TEST_F(FileTest, NamesTheFileThatCannotBeRead) {
  const auto missing = read_file(folder_ / "none", 10);
  EXPECT_TRUE(missing.error().is(FileErrc::cannot_read));
  EXPECT_NE(missing.error().detail().find("none"), std::string::npos);
  EXPECT_TRUE(write_file(folder_ / "no" / "x", Bytes{}).error().is(FileErrc::cannot_write));
}

}  // namespace
}  // namespace concordat::base

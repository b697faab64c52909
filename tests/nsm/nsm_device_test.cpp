// The device as far as it can be tried without one: the ioctl itself is tried in the virtual
// machine test.
#include "attest/nsm_device.hpp"

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/stat.h>

#include <fstream>

namespace concordat::attest {
namespace {

TEST(NsmDevice, SaysWhyItCannotOpen) {
  const auto absent = NsmDevice::open("/nonexistent/nsm");
  ASSERT_FALSE(absent);
  EXPECT_TRUE(absent.error().is(NsmDeviceErrc::cannot_open));
  EXPECT_EQ(absent.error().detail(), "/nonexistent/nsm: No such file or directory");
}

TEST(NsmDevice, OpensNothingButACharacterDevice) {
  const std::string path = testing::TempDir() + "not_a_device";
  std::ofstream(path) << "x";
  EXPECT_TRUE(NsmDevice::open(path).error().is(NsmDeviceErrc::not_a_device));
  EXPECT_TRUE(restrict_device(path).error().is(NsmDeviceErrc::not_a_device));
  std::filesystem::remove(path);
}

TEST(NsmDevice, ADriverThatDoesNotKnowTheCallIsAnInternalError) {
  auto device = NsmDevice::open("/dev/null").value();
  const auto answer = device.exchange(nsm::encode_request(nsm::DescribeNsmRequest{}));
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().is(nsm::Errc::internal_error));
  EXPECT_NE(answer.error().detail().find("ioctl: "), std::string::npos);
}

TEST(NsmDevice, SendsNothingThatIsTooLong) {
  auto device = NsmDevice::open("/dev/null").value();
  const auto answer = device.exchange(base::Bytes(nsm::kMaxRequest + 1));
  EXPECT_TRUE(answer.error().is(nsm::Errc::input_too_large));
}

// A terminal stands for the device: a character device of the test's own.
TEST(RestrictDevice, LeavesTheDeviceToRootAloneOrFails) {
  int master = -1;
  int slave = -1;
  std::array<char, 128> name{};
  ASSERT_EQ(::openpty(&master, &slave, name.data(), nullptr, nullptr), 0);
  const base::Descriptor keep_master(master);
  const base::Descriptor keep_slave(slave);
  ASSERT_EQ(::fchmod(slave, 0666), 0);
  const base::Status restricted = restrict_device(name.data());
  if (::geteuid() != 0) {
    EXPECT_TRUE(restricted.error().is(NsmDeviceErrc::cannot_restrict));
    return;
  }
  ASSERT_TRUE(restricted) << restricted.error().to_string();
  struct stat status {};
  ASSERT_EQ(::fstat(slave, &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  EXPECT_EQ(status.st_uid, 0u);
  EXPECT_EQ(status.st_gid, 0u);
}

TEST(RestrictDevice, FollowsNoLink) {
  const std::string link = testing::TempDir() + "nsm_link";
  std::filesystem::remove(link);
  std::filesystem::create_symlink("/dev/null", link);
  EXPECT_TRUE(restrict_device(link).error().is(NsmDeviceErrc::cannot_open));
  std::filesystem::remove(link);
}

}  // namespace
}  // namespace concordat::attest

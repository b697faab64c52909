// Runs inside the guest. That the device of this test behaves as Linux's drivers/misc/nsm.c does,
// seen through nothing but system calls: what the production client meets here is what it would
// meet on Nitro.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "attest/base/descriptor.hpp"
#include "attest/nsm.hpp"

namespace concordat::vm {
namespace {

using base::Bytes;

constexpr unsigned long kIoctl = 0xC0200A00;

class DeviceAbi : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(device_.open()) << "/dev/nsm: " << std::strerror(errno); }

  struct Outcome {
    int error = 0;
    std::uint64_t length = 0;
    Bytes room;
  };

  // One request with `room` bytes for the response, all of them 0xEE before.
  Outcome ask(const Bytes& request, std::size_t room) const {
    Outcome outcome{.room = Bytes(room, 0xEE)};
    std::uint64_t raw[4] = {reinterpret_cast<std::uintptr_t>(request.data()), request.size(),
                            reinterpret_cast<std::uintptr_t>(outcome.room.data()), room};
    outcome.error = ::ioctl(device_.get(), kIoctl, raw) < 0 ? errno : 0;
    outcome.length = raw[3];
    return outcome;
  }

  base::Descriptor device_{::open("/dev/nsm", O_RDWR | O_CLOEXEC)};
};

const Bytes kDescribe = attest::nsm::encode_request(attest::nsm::DescribeNsmRequest{});

TEST_F(DeviceAbi, AnswersAndSaysHowLongTheAnswerIs) {
  const Outcome outcome = ask(kDescribe, 0x3000);
  ASSERT_EQ(outcome.error, 0);
  ASSERT_LT(outcome.length, 0x3000U);
  const auto response =
      attest::nsm::decode_response(base::BytesView(outcome.room).first(outcome.length));
  ASSERT_TRUE(response) << response.error().to_string();
  EXPECT_TRUE(std::holds_alternative<attest::nsm::DescribeNsmResponse>(*response));
  EXPECT_EQ(outcome.room[outcome.length], 0xEE) << "written past the answer's end";
}

TEST_F(DeviceAbi, CutsAnAnswerThatDoesNotFit) {
  const Outcome whole = ask(kDescribe, 0x3000);
  const Outcome cut = ask(kDescribe, 7);
  ASSERT_EQ(cut.error, 0);
  EXPECT_EQ(cut.length, 7U);
  EXPECT_TRUE(std::equal(cut.room.begin(), cut.room.end(), whole.room.begin()));
  EXPECT_EQ(ask(kDescribe, 0).length, 0U);
}

TEST_F(DeviceAbi, TakesRoomForMoreThanTheLongestAnswer) {
  EXPECT_EQ(ask(kDescribe, 0x10000).error, 0);
}

TEST_F(DeviceAbi, TakesTheLongestRequestAndNoLonger) {
  EXPECT_EQ(ask(Bytes(0x1000, 0xFF), 0x3000).error, 0);
  EXPECT_EQ(ask(Bytes(0x1001, 0xFF), 0x3000).error, EMSGSIZE);
}

TEST_F(DeviceAbi, RefusesMemoryThatIsNotTheCallers) {
  std::uint64_t raw[4] = {8, 16, 8, 16};
  EXPECT_EQ(::ioctl(device_.get(), kIoctl, raw), -1);
  EXPECT_EQ(errno, EFAULT);
}

TEST_F(DeviceAbi, HasNoOtherIoctl) {
  std::uint64_t raw[4] = {};
  EXPECT_EQ(::ioctl(device_.get(), kIoctl + 1, raw), -1);
  EXPECT_EQ(errno, EINVAL);
}

}  // namespace
}  // namespace concordat::vm

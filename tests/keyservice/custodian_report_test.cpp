#include "keyservice/custodian_report.hpp"

#include <gtest/gtest.h>

#include "policy/released_keys.hpp"
#include "tests/peer/dialogue.hpp"

namespace concordat::keyservice {
namespace {

// The report is written here and read by `policy impact --released`: one format, two ends.
class CustodianReportTest : public testing::Test {
 protected:
  policy::AdmittedPeer payments() {
    test::TestEnclave worker(world_, "payments-1", "payments");
    test::TestEnclave custodian(world_, "custodian-1", "custodian");
    peer::Dialogue dialogue(world_, worker, custodian);
    dialogue.run();
    return peer::enclave_of(std::move(dialogue.responder()).take_established());
  }
  std::vector<policy::ReleasedKey> read_back() {
    return policy::read_released_keys(report_.to_json(test::kNow, *world_.policy(1))).value().keys;
  }

  test::TestWorld world_;
  CustodianReport report_{test::kNow};
};

TEST_F(CustodianReportTest, IsReadBackByWhoeverAsksWhatToRotate) {
  const auto peer = payments();
  report_.refused(test::kNow, "enclave/a \"quoted\" \xff source",
                  base::Error(policy::AdmissionErrc::image_differs, "as role 'payments': PCR0"));
  report_.released(test::kNow, peer, "payments/card", 1, "get");
  report_.released(test::kNow + std::chrono::seconds(60), peer, "payments/card", 1, "get");
  report_.released(test::kNow, peer, "payments/card", 2, "sign");

  const auto released = read_back();
  ASSERT_EQ(released.size(), 2);
  for (const policy::ReleasedKey& entry : released) {
    EXPECT_EQ(entry.role, "payments");
    EXPECT_EQ(entry.image, peer.image());
    EXPECT_EQ(entry.module_id, peer.module_id());
    EXPECT_EQ(entry.key, "payments/card");
  }
  EXPECT_EQ(released[0].version, 1);
  EXPECT_EQ(released[0].operation, policy::Operation::get);
  EXPECT_EQ(released[0].last.value, test::kNow.value + 60'000) << "the last of both";
  EXPECT_EQ(released[1].version, 2);
  EXPECT_EQ(released[1].operation, policy::Operation::sign);
}

TEST_F(CustodianReportTest, IsReadBackWithUsesThatTellNoVersion) {
  const auto peer = payments();
  report_.released(test::kNow, peer, "payments/card", 0, "encrypt");
  const auto released = read_back();
  ASSERT_EQ(released.size(), 1);
  EXPECT_EQ(released[0].version, 0);
}

TEST_F(CustodianReportTest, KeepsTheLatestReleasesAndSaysThatOthersMadeRoom) {
  const auto peer = payments();
  const auto is_complete = [this] {
    return report_.to_json(test::kNow, *world_.policy(1)).find("\"releases_complete\":true") !=
           std::string::npos;
  };
  for (std::size_t i = 0; i < CustodianReport::kMaxReleases; ++i)
    report_.released(test::kNow + std::chrono::milliseconds(i), peer, "payments/card",
                     static_cast<std::uint32_t>(i + 1), "get");
  EXPECT_TRUE(is_complete());
  report_.released(test::kNow + std::chrono::hours(1), peer, "payments/other", 1, "get");
  EXPECT_FALSE(is_complete());
  const auto released = read_back();
  EXPECT_EQ(released.size(), CustodianReport::kMaxReleases);
  EXPECT_EQ(released.front().version, 2) << "the oldest made room";
  EXPECT_EQ(released.back().key, "payments/other");
}

}  // namespace
}  // namespace concordat::keyservice

#include "keyservice/audit/follow.hpp"

#include <gtest/gtest.h>

#include "keyservice/audit/copy.hpp"
#include "tests/audit/log_fixture.hpp"

namespace concordat::keyservice::audit {
namespace {

using base::Bytes;
using test::AuditWorld;
using test::Files;
using test::MemorySource;
using test::SharedFiles;

class FollowTest : public testing::Test {
 protected:
  // True while the log is good.
  bool look() {
    const auto looked =
        follower_.look([this](std::uint64_t index, const Entry&) { seen_.push_back(index); });
    EXPECT_TRUE(looked) << looked.error().to_string();
    return looked && *looked;
  }
  void expect_seen(std::uint64_t size) {
    ASSERT_EQ(seen_.size(), size);
    for (std::uint64_t i = 0; i < size; ++i)
      EXPECT_EQ(seen_[i], i);
  }
  [[nodiscard]] std::vector<Fault> faults() const {
    std::vector<Fault> out;
    for (const Finding& finding : follower_.findings())
      out.push_back(finding.fault);
    return out;
  }

  AuditWorld world_;
  SharedFiles shared_;
  MemorySource source_{shared_.files};
  Expectations expectations_{world_.anchors};
  Follower follower_{source_, expectations_};
  std::vector<std::uint64_t> seen_;
};

TEST_F(FollowTest, TellsEachEntryOnceAcrossTilesAndBoots) {
  std::uint64_t size = 0;
  for (std::uint8_t number = 1; number <= 3; ++number) {
    const auto boot = world_.opened(shared_, number);
    ++size;
    for (int step = 0; step < 5; ++step) {
      for (int i = 0; i < 60 * step; ++i, ++size)
        ASSERT_TRUE(world_.append(*boot, world_.use(size)));
      ASSERT_TRUE(look()) << follower_.findings().front().to_string();
      expect_seen(size);
      EXPECT_EQ(follower_.head().size, size);
      ASSERT_TRUE(look());
    }
  }
}

TEST_F(FollowTest, AnEmptyPlaceIsLookedAtAgain) {
  EXPECT_TRUE(follower_.look({}).error().is(Errc::file_missing));
  const auto boot = world_.opened(shared_, 1);
  EXPECT_TRUE(look());
  expect_seen(1);
}

TEST_F(FollowTest, ARollBackIsToldAndEndsIt) {
  const auto boot = world_.opened(shared_, 1);
  const Files earlier = shared_.files;
  ASSERT_TRUE(world_.append(*boot, world_.use(1)));
  ASSERT_TRUE(look());
  const Files later = std::exchange(shared_.files, earlier);
  EXPECT_FALSE(look());
  EXPECT_EQ(faults(), std::vector{Fault::rolled_back});
  shared_.files = later;
  EXPECT_FALSE(look()) << "whatever it says later";
}

TEST_F(FollowTest, AForkIsToldAndEndsIt) {
  const auto boot = world_.opened(shared_, 1);
  const SharedFiles before = shared_;
  ASSERT_TRUE(world_.append(*boot, world_.use(1)));
  ASSERT_TRUE(look());
  // The same custodian on a copy of its store from before.
  for (const int more : {1, 2, 300}) {
    SCOPED_TRACE(more);
    SharedFiles other = before;
    const auto next = world_.opened(other, 2);
    for (int i = 1; i < more; ++i)
      ASSERT_TRUE(world_.append(*next, world_.use(7)));
    MemorySource both(shared_.files);
    Follower follower(both, expectations_);
    ASSERT_TRUE(follower.look({}).value());
    const Files own = std::exchange(shared_.files, other.files);
    EXPECT_FALSE(follower.look({}).value());
    ASSERT_EQ(follower.findings().size(), 1U);
    EXPECT_EQ(follower.findings()[0].fault, Fault::forked);
    shared_.files = own;
  }
}

TEST_F(FollowTest, AnEntryThatIsNotTheCheckpointsIsNotTold) {
  const auto boot = world_.opened(shared_, 1);
  ASSERT_TRUE(look());
  ASSERT_TRUE(world_.append(*boot, world_.use(1)));
  Bytes& bundle = shared_.files.at("tile/entries/000.p/2");
  bundle.back() ^= 1;
  EXPECT_FALSE(look());
  EXPECT_EQ(faults(), std::vector{Fault::entry_changed});
  expect_seen(1);
}

TEST_F(FollowTest, AnotherLogIsTold) {
  expectations_.origin = "lab.example/audit/custodian-2";
  const auto boot = world_.opened(shared_, 1);
  EXPECT_FALSE(look());
  EXPECT_EQ(faults(), std::vector{Fault::checkpoint_of_other_log});
}

TEST_F(FollowTest, SignaturesOfAnotherKeyAreTold) {
  const auto boot = world_.opened(shared_, 1);
  ASSERT_TRUE(look());
  ASSERT_TRUE(world_.append(*boot, world_.use(1)));
  const auto head = SignedCheckpoint::parse(shared_.files.at("checkpoint")).value();
  const auto stranger = policy::SigningKey::generate();
  shared_.files["checkpoint"] = sign_checkpoint(head.checkpoint, {&stranger}).value();
  EXPECT_FALSE(look());
  EXPECT_EQ(faults(), (std::vector{Fault::checkpoint_signature_missing,
                                   Fault::checkpoint_signature_missing}));
}

// A folder in memory.
class MemoryDestination final : public Destination {
 public:
  bool has(const std::string& name) override { return files.contains(name); }
  base::Status write(const std::string& name, const Bytes& content) override {
    files[name] = content;
    written.push_back(name);
    return {};
  }
  Files files;
  std::vector<std::string> written;
};

TEST_F(FollowTest, ACopyIsWholeToAnAuditorAndGrowsByWhatIsNew) {
  const auto boot = world_.opened(shared_, 1);
  const auto admission = world_.admission();
  ASSERT_TRUE(world_.append(*boot, admission.event, admission.evidence));
  for (int i = 0; i < 400; ++i)
    ASSERT_TRUE(world_.append(*boot, world_.use(1)));
  MemoryDestination copy;
  ASSERT_EQ(copy_log(source_, copy).value().missing, 0U);
  EXPECT_EQ(copy.files, test::exported(shared_.files));
  EXPECT_EQ(copy.written.back(), "checkpoint");

  ASSERT_TRUE(world_.append(*boot, world_.use(2)));
  copy.written.clear();
  ASSERT_TRUE(copy_log(source_, copy));
  EXPECT_EQ(copy.written.size(), 4U)
      << "a partial bundle and tile, the level above, the checkpoint";
  const Report report = world_.verify(test::exported(copy.files));
  EXPECT_TRUE(report.is_good()) << test::told(report);
}

TEST_F(FollowTest, ACopySaysWhatIsMissing) {
  const auto boot = world_.opened(shared_, 1);
  shared_.files.erase("tile/0/000.p/1");
  MemoryDestination copy;
  EXPECT_EQ(copy_log(source_, copy).value().missing, 1U);
  shared_.files.erase("checkpoint");
  EXPECT_TRUE(copy_log(source_, copy).error().is(Errc::file_missing));
}

}  // namespace
}  // namespace concordat::keyservice::audit

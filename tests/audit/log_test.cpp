// The log as its custodian writes it: what is acknowledged is durable and whole, whatever the store
// does in between.
#include "keyservice/audit/log.hpp"

#include <gtest/gtest.h>

#include "keyservice/root.hpp"
#include "tests/audit/log_fixture.hpp"

namespace concordat::keyservice::audit {
namespace {

using test::AuditWorld;
using test::exported;
using test::kNow;
using test::SharedFiles;
using test::told;

class LogTest : public testing::Test {
 protected:
  void expect_good(std::uint64_t entries, std::size_t boots) {
    const Report report = world_.verify(exported(shared_.files));
    EXPECT_EQ(told(report), "");
    ASSERT_TRUE(report.checkpoint);
    EXPECT_EQ(report.checkpoint->size, entries);
    EXPECT_EQ(report.entries, entries);
    EXPECT_EQ(report.boots.size(), boots);
  }

  AuditWorld world_;
  SharedFiles shared_;
};

TEST_F(LogTest, BeginsWithItsBoot) {
  const auto boot = world_.opened(shared_, 1);
  EXPECT_TRUE(boot->log->is_open());
  EXPECT_EQ(boot->log->head().size, 1U);
  expect_good(1, 1);
}

TEST_F(LogTest, TellsWhereEachEntryStands) {
  const auto boot = world_.opened(shared_, 1);
  for (std::uint64_t i = 1; i <= 600; ++i)
    ASSERT_EQ(world_.append(*boot, world_.use(i)).value(), i);
  expect_good(601, 1);
}

TEST_F(LogTest, KeepsPartialFilesUntilThereIsTheFullOne) {
  const auto boot = world_.opened(shared_, 1);
  for (std::uint64_t i = 1; i < 255; ++i)
    ASSERT_TRUE(world_.append(*boot, world_.use(i)));
  for (std::size_t width = 1; width < 256; ++width) {
    EXPECT_TRUE(shared_.files.contains(path_of({0, 0, width})));
    EXPECT_TRUE(shared_.files.contains(path_of({Tile::kEntries, 0, width})));
  }
  ASSERT_TRUE(world_.append(*boot, world_.use(255)));
  std::size_t partial = 0;
  for (const auto& [name, content] : shared_.files)
    partial += name.find(".p/") != std::string::npos ? 1 : 0;
  EXPECT_EQ(partial, 1U);  // at level 1
  expect_good(256, 1);
}

TEST_F(LogTest, KeepsEvidenceOnce) {
  const auto boot = world_.opened(shared_, 1);
  const std::size_t before = shared_.files.size();
  const auto admission = world_.admission();
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(world_.append(*boot, admission.event, admission.evidence));
  // The document is new; the policy was the boot's already.
  EXPECT_EQ(exported(shared_.files).size(), before + 1);
  expect_good(6, 1);
}

TEST_F(LogTest, GathersABatchWhileOneIsWritten) {
  const auto boot = world_.opened(shared_, 1);
  boot->store.holds_answers = true;
  const std::size_t before = boot->store.writes;
  std::vector<std::uint64_t> durable;
  for (std::uint64_t i = 1; i <= 300; ++i) {
    boot->log->append(world_.use(i), {}, kNow, [&](base::Result<std::uint64_t> index) {
      durable.push_back(index.value());
      // Whoever is told finds it under the checkpoint that is told.
      EXPECT_LT(index.value(), boot->log->head().size);
    });
  }
  EXPECT_TRUE(durable.empty());
  boot->store.release();
  EXPECT_EQ(durable, std::vector<std::uint64_t>{1});
  boot->store.release();
  EXPECT_EQ(durable.size(), 300U);
  EXPECT_EQ(boot->store.writes - before, 2U);
  expect_good(301, 1);
}

TEST_F(LogTest, NextBootGoesOn) {
  for (std::uint8_t number = 1; number <= 3; ++number) {
    const auto boot = world_.opened(shared_, number);
    for (std::uint64_t i = 0; i < 255; ++i)
      ASSERT_TRUE(world_.append(*boot, world_.use(i)));
  }
  expect_good(3 * 256, 3);
}

TEST_F(LogTest, NextBootGoesOnFromEverySize) {
  for (std::uint64_t size = 1; size <= 20; ++size) {
    const auto boot = world_.opened(shared_, static_cast<std::uint8_t>(size));
    EXPECT_EQ(boot->log->head().size, size);
  }
  expect_good(20, 20);
}

TEST_F(LogTest, GoesOnAfterABatchWasTornAtEveryFile) {
  for (std::size_t files = 0; files < 8; ++files) {
    SharedFiles shared;
    {
      const auto boot = world_.opened(shared, 1);
      for (std::uint64_t i = 0; i < 254; ++i)
        ASSERT_TRUE(world_.append(*boot, world_.use(i)));
      boot->store.tears_after = files;
      boot->store.failure = Errc::unreachable;
      // Two entries: one full tile and bundle, a partial one, one at level 1, evidence.
      const auto admission = world_.admission();
      EXPECT_FALSE(world_.append(*boot, admission.event, admission.evidence));
    }
    const bool was_whole =
        audit::SignedCheckpoint::parse(shared.files["checkpoint"]).value().checkpoint.size == 256;
    const auto boot = world_.opened(shared, 2);
    for (std::uint64_t i = 0; i < 10; ++i)
      ASSERT_TRUE(world_.append(*boot, world_.use(1000 + i)));
    const Report report = world_.verify(exported(shared.files));
    for (const Finding& finding : report.findings)  // evidence of the entry that never was
      EXPECT_EQ(finding.fault, Fault::unexpected_file) << finding.to_string();
    EXPECT_EQ(report.checkpoint->size, was_whole ? 267U : 266U);
  }
}

TEST_F(LogTest, OffersTheSameAgainUntilItIsTaken) {
  const auto boot = world_.opened(shared_, 1);
  boot->store.tears_after = 1;
  boot->store.failure = Errc::unreachable;
  const std::size_t before = boot->store.writes;
  EXPECT_TRUE(world_.append(*boot, world_.use(1)).error().is(Errc::outcome_unknown));
  EXPECT_EQ(boot->store.writes - before, kMaxWrites);
  EXPECT_EQ(boot->log->head().size, 1U);
  EXPECT_EQ(boot->log->pending(), 1U);
  boot->store.tears_after.reset();
  boot->store.failure.reset();
  // Acknowledged late: the entry is there, before the next one.
  EXPECT_EQ(world_.append(*boot, world_.use(2)).value(), 2U);
  EXPECT_EQ(boot->log->pending(), 0U);
  expect_good(3, 1);
}

TEST_F(LogTest, ALostAnswerLeavesTheEntryOnce) {
  const auto boot = world_.opened(shared_, 1);
  boot->store.failure = Errc::unreachable;  // after all was written
  EXPECT_TRUE(world_.append(*boot, world_.use(1)).error().is(Errc::outcome_unknown));
  boot->store.failure.reset();
  boot->log->flush();
  EXPECT_EQ(boot->log->head().size, 2U);
  expect_good(2, 1);
}

TEST_F(LogTest, WhoWasSupersededWritesNoMore) {
  const auto old = world_.opened(shared_, 1);
  const auto boot = world_.opened(shared_, 2);
  EXPECT_TRUE(world_.append(*old, world_.use(1)).error().is(Errc::superseded));
  EXPECT_TRUE(world_.append(*old, world_.use(2)).error().is(Errc::superseded));
  EXPECT_TRUE(old->log->is_superseded());
  ASSERT_TRUE(world_.append(*boot, world_.use(3)));
  expect_good(3, 2);
}

TEST_F(LogTest, TakesNothingBeforeItIsOpenAndNoMoreThanItHolds) {
  const auto boot = world_.prepare(shared_, 1);
  EXPECT_TRUE(world_.append(*boot, world_.use(1)).error().is(Errc::not_loaded));
  ASSERT_TRUE(world_.open(*boot));
  boot->store.holds_answers = true;
  for (std::size_t i = 0; i < kMaxPendingEntries; ++i)
    boot->log->append(world_.use(i), {}, kNow, {});
  EXPECT_TRUE(world_.append(*boot, world_.use(1)).error().is(Errc::too_many_pending));
  boot->store.holds_answers = false;
  boot->store.release();
  EXPECT_EQ(boot->log->pending(), 0U);
  expect_good(1 + kMaxPendingEntries, 1);
}

TEST_F(LogTest, MayEndInTheCallThatItMakes) {
  const auto boot = world_.opened(shared_, 1);
  boot->store.holds_answers = true;
  int told = 0;
  const auto end = [&](const base::Result<std::uint64_t>& index) {
    told += index ? 1 : 0;
    boot->log.reset();
  };
  boot->log->append(world_.use(1), {}, kNow, end);
  boot->log->append(world_.use(2), {}, kNow, end);
  boot->store.release();
  boot->store.release();  // nothing is waited for any more
  EXPECT_EQ(told, 1);
  expect_good(3, 1);  // what had gathered was on its way already
}

TEST_F(LogTest, AnAnswerAfterItsEndIsDropped) {
  const auto boot = world_.opened(shared_, 1);
  boot->store.holds_answers = true;
  bool was_told = false;
  boot->log->append(world_.use(1), {}, kNow, [&](const auto&) { was_told = true; });
  boot->log.reset();
  boot->store.release();
  EXPECT_FALSE(was_told);
}

TEST_F(LogTest, TimeNeverGoesBack) {
  const auto boot = world_.opened(shared_, 1);
  ASSERT_TRUE(world_.append(*boot, world_.use(1), {}, kNow + std::chrono::minutes(2)));
  ASSERT_TRUE(world_.append(*boot, world_.use(2), {}, kNow));
  const auto next = world_.opened(shared_, 2);
  expect_good(4, 2);
}

// After a rotation of the root the log's key is another one, derived from the new root.
TEST_F(LogTest, GoesOnFromWhatTheKeyOfAnEarlierRootSigned) {
  {
    const auto boot = world_.opened(shared_, 1);
    ASSERT_TRUE(world_.append(*boot, world_.use(1)));
  }
  const policy::SigningKey earlier = std::exchange(world_.log_key, policy::SigningKey::generate());
  EXPECT_TRUE(world_.open(*world_.prepare(shared_, 2)).error().is(Errc::signature_invalid));
  const auto next = world_.prepare(shared_, 3);
  const auto opens_with = [&](std::vector<attest::SignerKey> keys) {
    next->log = std::make_unique<Log>(
        next->store, LogIdentity{test::kOrigin, next->statement.boot, &next->key, &world_.log_key,
                                 std::move(keys)});
    return world_.open(*next);
  };
  const auto stranger = policy::SigningKey::generate().public_key();
  EXPECT_TRUE(opens_with({stranger}).error().is(Errc::signature_invalid));
  next->evidence.first = world_.use(7);
  ASSERT_TRUE(opens_with({stranger, earlier.public_key()}));
  EXPECT_EQ(next->log->head().size, 4U) << "with what is said of a root that is new to the log";
  ASSERT_TRUE(world_.append(*next, world_.use(2)));
  EXPECT_EQ(next->log->head_time(), kNow);
  expect_good(5, 2);
  const auto last = world_.prepare(shared_, 4);
  last->evidence.first = world_.use(7);
  ASSERT_TRUE(world_.open(*last));
  expect_good(6, 3);
}

TEST_F(LogTest, DoesNotGoOnFromWhatIsNotItsOwn) {
  {
    const auto boot = world_.opened(shared_, 1);
    for (std::uint64_t i = 0; i < 300; ++i)
      ASSERT_TRUE(world_.append(*boot, world_.use(i)));
  }
  const test::Files good = shared_.files;
  const auto refusal = [&](const std::function<void(test::Files&)>& change) {
    shared_.files = good;
    change(shared_.files);
    const test::Files before = shared_.files;
    const auto boot = world_.prepare(shared_, 2);
    const base::Status opened = world_.open(*boot);
    EXPECT_EQ(shared_.files, before) << "it wrote";
    EXPECT_FALSE(boot->log->is_open());
    return opened ? std::string() : std::string(opened.error().name());
  };
  const auto flip = [](const std::string& name, std::size_t at) {
    return [name, at](test::Files& files) { files.at(name).at(at) ^= 1; };
  };
  const auto remove = [](const std::string& name) {
    return [name](test::Files& files) { files.erase(name); };
  };
  for (const char* name : {"tile/0/001.p/45", "tile/1/000.p/1", "tile/entries/001.p/45"}) {
    EXPECT_EQ(refusal(flip(name, 3)), "file_damaged") << name;
    EXPECT_EQ(refusal(remove(name)), "file_missing") << name;
  }
  const std::size_t origin = 2;
  EXPECT_EQ(refusal(flip("checkpoint", origin)), "other_origin");
  EXPECT_EQ(refusal([](test::Files& files) { files.at("checkpoint").pop_back(); }),
            "malformed_note");
  const auto stranger = policy::SigningKey::generate();
  EXPECT_EQ(refusal([&](test::Files& files) {
              const Checkpoint head{test::kOrigin, 301, Hash()};
              files["checkpoint"] = sign_checkpoint(head, {&stranger, &stranger}).value();
            }),
            "signature_invalid");
  EXPECT_EQ(refusal([&](test::Files& files) {  // its own, of another tree
              const Checkpoint head{test::kOrigin, 301, Hash()};
              files["checkpoint"] = sign_checkpoint(head, {&world_.log_key}).value();
            }),
            "file_damaged");
}

TEST_F(LogTest, GoesOnUnderTheLogKeyOfAnotherRootGeneration) {
  const auto first = world_.opened(shared_, 1);
  const auto old_key = world_.log_key.public_key();
  world_.log_key = policy::SigningKey::generate();
  const auto boot = world_.prepare(shared_, 2);
  boot->log = std::make_unique<Log>(
      boot->store,
      LogIdentity{test::kOrigin, boot->statement.boot, &boot->key, &world_.log_key, {}});
  EXPECT_TRUE(world_.open(*boot).error().is(Errc::signature_invalid));
  boot->log = std::make_unique<Log>(
      boot->store,
      LogIdentity{test::kOrigin, boot->statement.boot, &boot->key, &world_.log_key, {old_key}});
  EXPECT_TRUE(world_.open(*boot));
  expect_good(2, 2);
}

// A log that one log key signed and another one goes on with, and what is known of that beside it.
class HandedLogTest : public LogTest {
 protected:
  HandedLogTest() {
    const auto boot = world_.opened(shared_, 1);
    for (std::uint64_t i = 0; i < 300; ++i)
      EXPECT_TRUE(world_.append(*boot, world_.use(i)));
    at_ = boot->log->head();
    older_ = std::exchange(world_.log_key, policy::SigningKey::generate());
  }
  base::Status open(const LogHandover& handover, std::vector<attest::SignerKey> earlier = {}) {
    boot_ = world_.prepare(shared_, ++number_);
    boot_->log = std::make_unique<Log>(
        boot_->store, LogIdentity{test::kOrigin, boot_->statement.boot, &boot_->key,
                                  &world_.log_key, std::move(earlier), handover});
    return world_.open(*boot_);
  }
  std::string refusal(const LogHandover& handover) {
    const test::Files before = shared_.files;
    const base::Status opened = open(handover);
    EXPECT_TRUE(shared_.files == before) << "it wrote";
    EXPECT_FALSE(boot_->log->is_open());
    return opened ? std::string() : std::string(opened.error().name());
  }
  [[nodiscard]] LogHandover known() const { return {at_, {older_.public_key()}, {}}; }
  // By whoever has the older root.
  void invent(std::uint64_t entries) {
    test::SharedFiles invented;
    std::swap(world_.log_key, older_);
    {
      const auto boot = world_.opened(invented, 99);
      for (std::uint64_t i = 1; i < entries; ++i)
        ASSERT_TRUE(world_.append(*boot, world_.use(i)));
    }
    std::swap(world_.log_key, older_);
    shared_.files = invented.files;
  }

  Checkpoint at_;
  policy::SigningKey older_ = policy::SigningKey::generate();
  std::unique_ptr<test::AuditWorld::Boot> boot_;
  std::uint8_t number_ = 1;
};

TEST_F(HandedLogTest, IsHandedOverBeforeAnythingIsWrittenUnderTheNewerKey) {
  const test::Files before = shared_.files;
  std::optional<Checkpoint> handed;
  const auto hand_over = [&](const Checkpoint& from, const Store::Done& done) {
    EXPECT_TRUE(shared_.files == before);
    handed = from;
    done({});
  };
  ASSERT_TRUE(open({{}, {}, hand_over}, {older_.public_key()}));
  EXPECT_EQ(handed, at_);
  expect_good(302, 2);
}

TEST_F(HandedLogTest, IsNotGoneOnWithWhereItCannotBeHandedOver) {
  const auto hand_over = [](const Checkpoint&, const Store::Done& done) {
    done(base::Error(Errc::outcome_unknown));
  };
  LogHandover handover = known();
  handover.hand_over = hand_over;
  EXPECT_EQ(refusal(handover), "outcome_unknown");
}

// A custodian that was ended between the two goes on from the very same checkpoint.
TEST_F(HandedLogTest, TheReplacedKeyCountsForThatCheckpointAlone) {
  const test::Files good = shared_.files;
  for (const std::uint64_t entries : {1u, 301u, 400u}) {
    invent(entries);
    EXPECT_EQ(refusal(known()), "key_replaced") << entries;
  }
  shared_.files = good;
  ASSERT_TRUE(open(known()));
  expect_good(302, 2);
  invent(400);
  EXPECT_EQ(refusal(known()), "key_replaced") << "also when the newer one signed since";
}

TEST_F(HandedLogTest, EndsNowhereBeforeThat) {
  const test::Files good = shared_.files;
  LogHandover later = known();
  later.at->size = 302;
  ASSERT_TRUE(open(known()));
  EXPECT_EQ(boot_->log->head().size, 302u);
  ++later.at->size;
  EXPECT_EQ(refusal(later), "rolled_back");
  shared_.files.clear();
  EXPECT_EQ(refusal(known()), "rolled_back");
}

TEST_F(HandedLogTest, LedThroughWhereItWasHandedOver) {
  ASSERT_TRUE(open(known()));
  for (std::uint64_t i = 0; i < 300; ++i)
    ASSERT_TRUE(world_.append(*boot_, world_.use(i)));
  LogHandover other = known();
  other.at->root.mutable_view()[0] ^= 1;
  EXPECT_EQ(refusal(other), "forked");
  const std::string tile = "tile/0/001";  // through which that size runs
  const base::Bytes content = shared_.files.at(tile);
  shared_.files.erase(tile);
  EXPECT_EQ(refusal(known()), "file_missing");
  shared_.files[tile] = content;
  shared_.files[tile][40] ^= 1;
  EXPECT_EQ(refusal(known()), "forked") << "what is not of its tree proves nothing";
  shared_.files[tile] = content;
  ASSERT_TRUE(open(known()));
}

TEST(LogKey, IsOfTheRootAndTheLog) {
  const auto key = [](std::uint8_t byte, std::string_view origin) {
    base::Bytes secret(kRootSize, byte);
    const Root root = Root::create(1, base::SecretBytes::take(secret)).value();
    return policy::SigningKey::from_seed(root.audit_key(origin)).value().public_key();
  };
  EXPECT_EQ(key(1, "a"), key(1, "a"));
  EXPECT_NE(key(1, "a"), key(1, "b"));
  EXPECT_NE(key(1, "a"), key(2, "a"));
}

}  // namespace
}  // namespace concordat::keyservice::audit

// An audit log in the store of a real parent.
#include "keyservice/audit_records.hpp"

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <thread>

#include "deploy/parent/parent_io.hpp"
#include "keyservice/audit/limits.hpp"
#include "keyservice/error.hpp"
#include "keyservice/parent_http_io.hpp"
#include "keyservice/parent_store.hpp"
#include "tests/audit/log_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::keyservice {
namespace {

using audit::BootId;
using base::Bytes;
using base::Error;
using base::Result;
using base::Status;

constexpr std::chrono::seconds kLongWait{60};
constexpr const char* kCustodian = "custodian-1";

BootId boot(std::uint8_t number) {
  return BootId::from(Bytes(BootId::kSize, number)).value();
}

class AuditRecordsTest : public ::testing::Test {
 protected:
  AuditRecordsTest() {
    std::signal(SIGPIPE, SIG_IGN);
    parent_ =
        parent::Parent::start(parent_io_, parent::parse_config(config()).value(), log_).value();
    thread_ = std::thread([this] { parent_io_.run(); });
  }
  ~AuditRecordsTest() override {
    parent_io_.stop();
    thread_.join();
  }
  [[nodiscard]] std::string config() const {
    const std::string folder = folder_.path().string();
    return R"({"enclaves": {"c": {"dial": "unix:)" + folder + R"(/c", "listen": "unix:)" + folder +
           R"(/relay", "role": "custodian", "store": "custodian"}}, "store": {"sqlite": ")" +
           folder + R"(/store.db", "max_entries": 30}})";
  }

  // Calls of the real store, some of whose answers are lost.
  [[nodiscard]] AuditRecords::Exchange exchange() {
    return [this](HttpRequest request, AuditRecords::OnReply done) {
      ++calls_;
      const bool is_lost = lost_answers_ > 0 && request.method == "POST";
      if (is_lost) --lost_answers_;
      line_.call(std::move(request), [is_lost, done = std::move(done)](Result<HttpReply> reply) {
        done(is_lost ? Error(Errc::timed_out) : std::move(reply));
      });
    };
  }
  template <class T>
  T wait(const std::function<void(std::function<void(T)>)>& begin) {
    std::optional<T> out;
    begin([&](T result) { out.emplace(std::move(result)); });
    const auto deadline = std::chrono::steady_clock::now() + kLongWait;
    io_.restart();
    while (!out && io_.run_one_until(deadline) != 0) {
    }
    return std::move(out.value());
  }
  Status claim(audit::Store& store, const BootId& writer) {
    return wait<Status>([&](auto done) { store.claim(writer, done); });
  }
  Status write(audit::Store& store, std::vector<audit::File> files) {
    const auto shared = std::make_shared<const std::vector<audit::File>>(std::move(files));
    return wait<Status>([&](auto done) { store.write(shared, done); });
  }
  Result<std::optional<Bytes>> read(audit::Store& store, const std::string& name) {
    return wait<Result<std::optional<Bytes>>>([&](auto done) { store.read(name, done); });
  }

  test::TemporaryFolder folder_;
  base::Logger log_{"test", [](std::string_view) {}};
  boost::asio::io_context parent_io_{1}, io_{1};
  std::unique_ptr<parent::Parent> parent_;
  std::thread thread_;
  peer::Endpoint relay_ = peer::UnixEndpoint{(folder_.path() / "relay").string()};
  ParentLine line_{io_, relay_, kLongWait};
  int lost_answers_ = 0;
  std::size_t calls_ = 0;
};

TEST_F(AuditRecordsTest, NamesLeadBackToTheirFiles) {
  for (const char* const file :
       {"checkpoint", "tile/0/x001/234.p/17", "tile/entries/000", "evidence/ab/abcd"}) {
    EXPECT_EQ(audit_file_in(kCustodian, audit_record_name(kCustodian, file)), file);
    EXPECT_EQ(audit_file_in(kCustodian, audit_record_name(kCustodian, file, 1)), std::nullopt);
    EXPECT_EQ(audit_file_in("custodian", audit_record_name(kCustodian, file)), std::nullopt);
  }
  EXPECT_EQ(audit_file_in(kCustodian, audit_record_name(kCustodian, "writer")), std::nullopt);
}

TEST_F(AuditRecordsTest, KeepsFilesAndReplacesTheCheckpoint) {
  AuditRecords store(exchange(), kCustodian);
  ASSERT_TRUE(claim(store, boot(1)));
  EXPECT_EQ(read(store, "checkpoint").value(), std::nullopt);
  ASSERT_TRUE(write(store, {{"tile/0/000.p/1", {1}}, {"checkpoint", {7}}}));
  ASSERT_TRUE(write(store, {{"tile/0/000.p/2", {1, 2}}, {"checkpoint", {8}}}));
  EXPECT_EQ(read(store, "checkpoint").value(), Bytes{8});
  EXPECT_EQ(read(store, "tile/0/000.p/2").value(), (Bytes{1, 2}));
  ASSERT_TRUE(wait<Status>([&](auto done) { store.remove("tile/0/000.p/", done); }));
  EXPECT_EQ(read(store, "tile/0/000.p/1").value(), std::nullopt);
  EXPECT_EQ(read(store, "tile/0/000.p/2").value(), std::nullopt);
  EXPECT_EQ(read(store, "checkpoint").value(), Bytes{8});
}

TEST_F(AuditRecordsTest, WhatIsLargerThanARecordIsKeptInSeveral) {
  AuditRecords store(exchange(), kCustodian);
  ASSERT_TRUE(claim(store, boot(1)));
  for (const std::size_t size : {std::size_t{0}, kMaxStoreEntry - 1, kMaxStoreEntry,
                                 kMaxStoreEntry + 1, audit::kMaxEvidence - 1}) {
    const std::string name = "evidence/00/" + std::to_string(size);
    Bytes content(size, 3);
    if (size > 0) content.back() = 4;
    ASSERT_TRUE(
        write(store, {{name, content}, {"checkpoint", base::to_bytes(base::as_bytes(name))}}));
    EXPECT_TRUE(read(store, name).value() == content) << size;
  }
}

TEST_F(AuditRecordsTest, WhoeverClaimsItLastHasIt) {
  AuditRecords old(exchange(), kCustodian), next(exchange(), kCustodian);
  AuditRecords other(exchange(), "custodian-2");
  ASSERT_TRUE(claim(old, boot(1)));
  ASSERT_TRUE(write(old, {{"tile/0/000.p/1", {1}}, {"checkpoint", {1}}}));
  ASSERT_TRUE(claim(other, boot(9)));
  ASSERT_TRUE(write(other, {{"checkpoint", {5}}}));
  ASSERT_TRUE(claim(next, boot(2)));
  EXPECT_TRUE(write(old, {{"tile/0/000.p/2", {1}}, {"checkpoint", {2}}})
                  .error()
                  .is(audit::Errc::superseded));
  EXPECT_EQ(read(next, "checkpoint").value(), Bytes{1});
  EXPECT_EQ(read(next, "tile/0/000.p/2").value(), std::nullopt);
  ASSERT_TRUE(write(next, {{"checkpoint", {3}}}));
  EXPECT_EQ(read(other, "checkpoint").value(), Bytes{5}) << "each custodian has a log of its own";
}

TEST_F(AuditRecordsTest, ACheckpointThatSomebodyChangedIsNotOverwritten) {
  AuditRecords store(exchange(), kCustodian);
  ASSERT_TRUE(claim(store, boot(1)));
  ASSERT_TRUE(write(store, {{"checkpoint", {1}}}));
  const auto put =
      store_put(audit_record_name(kCustodian, "checkpoint"), Bytes{9}, store_version(Bytes{1}));
  const auto changed = wait<Result<HttpReply>>([&](auto done) { exchange()(put, done); });
  ASSERT_TRUE(read_store_write(changed.value()));
  EXPECT_TRUE(write(store, {{"checkpoint", {2}}}).error().is(audit::Errc::superseded));
  EXPECT_EQ(read(store, "checkpoint").value(), Bytes{9});
}

TEST_F(AuditRecordsTest, WhatABatchWithoutACheckpointLeftIsReplaced) {
  AuditRecords old(exchange(), kCustodian), next(exchange(), kCustodian);
  ASSERT_TRUE(claim(old, boot(1)));
  ASSERT_TRUE(write(old, {{"tile/0/000.p/1", {1}}, {"tile/entries/000.p/1", {1}}}));
  ASSERT_TRUE(claim(next, boot(2)));
  ASSERT_TRUE(write(next, {{"tile/0/000.p/1", {2}}, {"checkpoint", {2}}}));
  EXPECT_EQ(read(next, "tile/0/000.p/1").value(), Bytes{2});
}

TEST_F(AuditRecordsTest, WhatIsOfferedAgainAfterALostAnswerIsThere) {
  AuditRecords store(exchange(), kCustodian);
  ASSERT_TRUE(claim(store, boot(1)));
  ASSERT_TRUE(write(store, {{"checkpoint", {1}}}));
  const std::vector<audit::File> files{{"tile/0/000.p/1", {1}}, {"checkpoint", {2}}};
  for (int lost = 1; lost <= 2; ++lost) {
    lost_answers_ = lost;
    EXPECT_TRUE(write(store, files).error().is(audit::Errc::unreachable));
  }
  lost_answers_ = 0;
  EXPECT_TRUE(write(store, files));
  EXPECT_TRUE(write(store, {{"checkpoint", {3}}}));
}

TEST_F(AuditRecordsTest, ABatchIsOneCallUnlessItIsTooMuchForOne) {
  AuditRecords store(exchange(), kCustodian);
  ASSERT_TRUE(claim(store, boot(1)));
  const auto calls_of = [&](std::vector<audit::File> files) {
    const std::size_t before = calls_;
    EXPECT_TRUE(write(store, std::move(files)));
    return calls_ - before;
  };
  EXPECT_EQ(calls_of({{"tile/0/000.p/1", {1}}, {"tile/entries/000.p/1", {1}}, {"checkpoint", {1}}}),
            1U);
  EXPECT_EQ(calls_of({{"evidence/00/a", Bytes(kMaxStoreEntry - 1, 3)}, {"checkpoint", {2}}}), 1U);
  EXPECT_EQ(calls_of({{"evidence/00/b", Bytes(kMaxStoreEntry, 3)}, {"checkpoint", {3}}}), 2U);
  EXPECT_TRUE(read(store, "evidence/00/b").value() == Bytes(kMaxStoreEntry, 3));
}

// A boot that ended between the calls of one batch left the first of them.
TEST_F(AuditRecordsTest, WhatWasCutShortBetweenItsCallsIsReplacedAsAWhole) {
  AuditRecords old(exchange(), kCustodian), next(exchange(), kCustodian);
  ASSERT_TRUE(claim(old, boot(1)));
  ASSERT_TRUE(write(old, {{"checkpoint", {1}}}));
  ASSERT_TRUE(write(old, {{"tile/0/000.p/2", {7}}, {"tile/entries/000.p/2", {7}}}));
  ASSERT_TRUE(claim(next, boot(2)));
  EXPECT_EQ(read(next, "checkpoint").value(), Bytes{1}) << "the log opens where it stands";
  ASSERT_TRUE(write(next, {{"tile/0/000.p/2", {8}},
                           {"tile/entries/000.p/2", {8}},
                           {"evidence/00/c", {1}},
                           {"checkpoint", {2}}}));
  EXPECT_EQ(read(next, "tile/0/000.p/2").value(), Bytes{8});
  EXPECT_EQ(read(next, "tile/entries/000.p/2").value(), Bytes{8});
  EXPECT_EQ(read(next, "checkpoint").value(), Bytes{2});
}

TEST_F(AuditRecordsTest, AFullStoreSaysSo) {
  AuditRecords store(exchange(), kCustodian);
  ASSERT_TRUE(claim(store, boot(1)));
  std::vector<audit::File> files;
  for (int i = 0; i < 40; ++i)
    files.push_back({"evidence/00/" + std::to_string(i), {1}});
  files.push_back({"checkpoint", {1}});
  EXPECT_TRUE(write(store, files).error().is(audit::Errc::store_full));
  EXPECT_EQ(read(store, "checkpoint").value(), std::nullopt) << "the last one, after all others";
}

TEST_F(AuditRecordsTest, TheNextBootGoesOnAndItIsWholeToAnAuditor) {
  test::AuditWorld world;
  for (std::uint8_t number = 1; number <= 2; ++number) {
    test::SharedFiles unused;
    const auto prepared = world.prepare(unused, number);
    AuditRecords store(exchange(), kCustodian);
    audit::Log log(store,
                   {test::kOrigin, prepared->statement.boot, &prepared->key, &world.log_key, {}});
    ASSERT_TRUE(wait<Status>([&](auto done) { log.open(prepared->evidence, test::kNow, done); }));
    std::size_t durable = 0;
    constexpr std::size_t kEntries = 300;
    for (std::size_t i = 0; i < kEntries; ++i)
      log.append(world.use(i), {}, test::kNow,
                 [&](const auto& index) { durable += index ? 1 : 0; });
    const std::size_t before = calls_;
    (void)wait<bool>([&](const auto& done) {
      log.append(world.use(kEntries), {}, test::kNow, [done](const auto&) { done(true); });
    });
    EXPECT_EQ(durable, kEntries);
    EXPECT_LT(calls_ - before, 20U) << "those that gathered are one batch";
  }
  test::Files files;
  AuditRecords store(exchange(), kCustodian);
  const auto listed = wait<Result<HttpReply>>(
      [&](auto done) { exchange()(store_list(audit_record_prefix(kCustodian), ""), done); });
  for (const auto& entry : read_store_list(listed.value()).value().entries) {
    if (const auto file = audit_file_in(kCustodian, entry.name)) files[*file] = entry.content;
  }
  const audit::Report report = world.verify(test::exported(files));
  EXPECT_TRUE(report.is_good()) << test::told(report);
  EXPECT_EQ(report.entries, 2 * 302U);
  EXPECT_EQ(report.boots.size(), 2U);
}

}  // namespace
}  // namespace concordat::keyservice

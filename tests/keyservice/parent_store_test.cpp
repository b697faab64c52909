// An enclave's calls to the store of a real parent.
#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <future>
#include <thread>

#include "attest/base/hash.hpp"
#include "deploy/parent/parent_io.hpp"
#include "keyservice/announced_io.hpp"
#include "keyservice/error.hpp"
#include "keyservice/journal/errc.hpp"
#include "keyservice/limits.hpp"
#include "keyservice/parent_client_io.hpp"
#include "keyservice/parent_journal_store_io.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::keyservice {
namespace {

class ParentStoreTest : public ::testing::Test {
 protected:
  ParentStoreTest() {
    std::signal(SIGPIPE, SIG_IGN);
    const std::string folder = folder_.path().string();
    auto config = parent::parse_config(
        R"({"enclaves": {"c": {"dial": "unix:)" + folder + R"(/c", "listen": "unix:)" + folder +
        R"(/relay", "role": "custodian", "store": "custodian", "settings": {"a": "b"}}},
            "store": {"sqlite": ")" +
        folder + R"(/store.db", "max_entries": 3},
            "announce": {"address": "tcp:127.0.0.1:7", "enclaves": ["c"]}})");
    parent_ = parent::Parent::start(io_, *std::move(config), log_).value();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~ParentStoreTest() override {
    io_.stop();
    thread_.join();
  }

  test::TemporaryFolder folder_;
  base::Logger log_{"test", [](std::string_view) {}};
  boost::asio::io_context io_{1};
  std::unique_ptr<parent::Parent> parent_;
  std::thread thread_;
  peer::Endpoint relay_ = peer::UnixEndpoint{(folder_.path() / "relay").string()};
  ParentClient client_{relay_, std::chrono::seconds(30)};
};

TEST_F(ParentStoreTest, WritesReadsListsAndRemoves) {
  const base::Bytes one{1}, two{2, 2};
  EXPECT_EQ(client_.load("a").value(), std::nullopt);
  ASSERT_TRUE(client_.store("a", one, std::nullopt));
  ASSERT_TRUE(client_.store("a", one, std::nullopt)) << "its answer may have been lost";
  EXPECT_TRUE(client_.store("a", two, std::nullopt).error().is(ParentStoreErrc::conflict));
  ASSERT_TRUE(client_.store("a", two, store_version(one)));
  EXPECT_TRUE(client_.store("a", one, store_version(one)).error().is(ParentStoreErrc::conflict));
  EXPECT_EQ(client_.load("a").value(), two);
  ASSERT_TRUE(client_.store_new("log-1", one));
  EXPECT_TRUE(client_.store_new("log-1", two).error().is(Errc::store_failed));
  ASSERT_TRUE(client_.store("log-2", two, std::nullopt));
  EXPECT_TRUE(client_.store("log-3", two, std::nullopt).error().is(ParentStoreErrc::full));
  const StorePage page = client_.list("log-", "").value();
  EXPECT_EQ(page, (StorePage{{{"log-1", one}, {"log-2", two}}, false}));
  EXPECT_EQ(client_.list("log-", "log-1")->entries.size(), 1u);
  EXPECT_TRUE(client_.remove("a", store_version(one)).error().is(ParentStoreErrc::conflict));
  EXPECT_TRUE(client_.remove("a", store_version(two)));
  EXPECT_TRUE(client_.remove("a", store_version(two)).error().is(ParentStoreErrc::not_found));
}

TEST_F(ParentStoreTest, FindsCustodiansAndItsOwnConfiguration) {
  // Announced when the parent starts, by the store's own thread.
  while (client_.announced("w")->empty()) {
  }
  EXPECT_EQ(client_.announced("w").value(), std::vector<std::string>{"c"});
  EXPECT_TRUE(client_.announced("c")->empty()) << "nobody looks for itself";
  EXPECT_EQ(client_.config()->role, "custodian");
  EXPECT_EQ(client_.config()->settings.at("a"), "b");
}

TEST_F(ParentStoreTest, TellsAnEnclaveWhoIsAnnounced) {
  boost::asio::io_context enclave{1};
  std::vector<std::string> told;
  Announced announced(enclave, relay_, "w",
                      [&](const std::vector<std::string>& names) { told = names; });
  announced.start();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (told.empty() && enclave.run_one_until(deadline) != 0) {
  }
  EXPECT_EQ(told, std::vector<std::string>{"c"});
  announced.stop();
}

TEST(AnnouncedNames, AreNamesAndFew) {
  const auto reply = [](const std::string& names) {
    return HttpReply{200, {}, "{\"custodians\": [" + names + "]}"};
  };
  std::string many;
  for (std::size_t i = 0; i < 2 * kMaxCustodians; ++i)
    many += (i == 0 ? "" : ",") + std::string(R"({"name": "custodian-)") + char('a' + i) +
            R"(", "address": "tcp:10.0.0.1:1"})";
  const auto few = announced_names(reply(many), "custodian-a").value();
  EXPECT_EQ(few.size(), kMaxCustodians);
  EXPECT_EQ(few.front(), "custodian-b");
  for (const char* const bad : {R"({"name": "a/b", "address": ""})", R"({"name": 1})", "1"})
    EXPECT_FALSE(announced_names(reply(bad), "")) << bad;
  EXPECT_FALSE(announced_names({503, {}, {}}, ""));
}

// The journal's store, over the same way.
TEST_F(ParentStoreTest, KeepsTheJournalsRecords) {
  boost::asio::io_context io;
  ParentJournalStore store(io, relay_, std::chrono::seconds(30));
  const auto run = [&](auto call) {
    std::optional<base::Status> answer;
    call([&](base::Status done) { answer = std::move(done); });
    io.restart();
    io.run();
    return answer.value();
  };
  const auto create = [&](const std::string& name, std::optional<journal::Predecessor> after,
                          std::uint8_t value) {
    return run([&](auto done) { store.create(name, after, {value}, done); });
  };
  const auto code = [](const base::Status& done) { return std::string(done.error().name()); };
  const auto hash = [](std::uint8_t value) { return base::sha256({base::Bytes{value}}); };
  EXPECT_EQ(code(create("log.1", journal::Predecessor{"log.0", hash(0)}, 1)),
            "predecessor_missing");
  ASSERT_TRUE(create("log.0", {}, 0));
  EXPECT_TRUE(create("log.0", {}, 0)) << "by the very same value";
  EXPECT_EQ(code(create("log.0", {}, 1)), "position_taken");
  EXPECT_EQ(code(create("log.1", journal::Predecessor{"log.0", hash(7)}, 1)),
            "predecessor_missing");
  ASSERT_TRUE(create("log.1", journal::Predecessor{"log.0", hash(0)}, 1));
  ASSERT_TRUE(create("log.2", journal::Predecessor{"log.1", hash(1)}, 2));
  EXPECT_EQ(code(create("log.3", journal::Predecessor{"log.2", hash(2)}, 3)), "store_full");
  const auto read = [&](const std::string& after, std::size_t max_bytes) {
    std::string found;
    store.read("log.", after, max_bytes, [&](base::Result<journal::Records> records) {
      for (const auto& record : records.value().records)
        found += record.name + "=" + std::to_string(record.value.at(0)) + " ";
      found += records->more ? "more" : "end";
    });
    io.restart();
    io.run();
    return found;
  };
  EXPECT_EQ(read("", 1 << 20), "log.0=0 log.1=1 log.2=2 end");
  EXPECT_EQ(read("log.0", 1), "log.1=1 more");
  EXPECT_TRUE(run([&](auto done) { store.remove("log.", "log.2", done); }));
  EXPECT_EQ(read("", 1 << 20), "log.2=2 end");
  ParentJournalStore gone(io, peer::UnixEndpoint{"/nowhere"}, std::chrono::seconds(30));
  EXPECT_EQ(code(run([&](auto done) { gone.remove("log.", "log.2", done); })), "unreachable");
}

}  // namespace
}  // namespace concordat::keyservice

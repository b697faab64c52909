// The embedded store's file: whose it is, whether it is whole, and what happens without room.
#include "deploy/parent/store/sqlite_engine.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>

#include "attest/base/file.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::parent {
namespace {

class SqliteEngineTest : public ::testing::Test {
 protected:
  base::Result<std::unique_ptr<SqliteEngine>> open() {
    return SqliteEngine::open(file_, limits_, [this] { return now_; });
  }
  base::Error refusal() {
    const auto engine = open();
    return engine ? base::Error() : engine.error();
  }
  // With SQLite itself, while no engine has the file.
  std::string by_hand(const std::string& sql) {
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open(file_.c_str(), &database), SQLITE_OK);
    std::string first;
    const auto keep = [](void* out, int, char** values, char**) {
      *static_cast<std::string*>(out) = values[0] == nullptr ? "" : values[0];
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), keep, &first, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
    return first;
  }
  static base::BytesView bytes(std::string_view text) { return base::as_bytes(text); }

  test::TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "store.db";
  StoreLimits limits_;
  base::UnixMillis now_{1'000'000};
};

TEST_F(SqliteEngineTest, IsForOneProgramAtATime) {
  const auto engine = open().value();
  EXPECT_TRUE(refusal().is(StoreErrc::in_use)) << refusal().to_string();
  EXPECT_NE(refusal().detail().find(file_.string()), std::string::npos);
}

TEST_F(SqliteEngineTest, WritesAheadAndSyncsAndIsItsOwnersAlone) {
  {
    const auto engine = open().value();
    ASSERT_TRUE(engine->put({"f", "a"}, bytes("x"), {}).has_value());
    EXPECT_TRUE(std::filesystem::exists(file_.string() + "-wal"));
    struct stat info {};
    ASSERT_EQ(::stat((file_.string() + "-wal").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
  }
  struct stat info {};
  ASSERT_EQ(::stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(by_hand("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(by_hand("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(by_hand("SELECT version FROM store_schema"), "1");
}

TEST_F(SqliteEngineTest, TellsInOneLineAFileThatIsNotItsOwn) {
  std::ofstream(file_) << "this is a text, and longer than a header of SQLite's, which has "
                          "a hundred bytes or so in all";
  EXPECT_TRUE(refusal().is(StoreErrc::foreign)) << refusal().to_string();
  EXPECT_NE(refusal().to_string().find(file_.string()), std::string::npos);
  EXPECT_EQ(refusal().to_string().find('\n'), std::string::npos);
  std::filesystem::remove(file_);
  by_hand("CREATE TABLE theirs(x); INSERT INTO theirs VALUES(1)");
  EXPECT_TRUE(refusal().is(StoreErrc::foreign)) << refusal().to_string();
  EXPECT_EQ(by_hand("PRAGMA journal_mode"), "delete") << "left as it was";
}

TEST_F(SqliteEngineTest, RefusesASchemaThatItDoesNotKnow) {
  { const auto engine = open().value(); }
  by_hand("UPDATE store_schema SET version = 2");
  EXPECT_TRUE(refusal().is(StoreErrc::foreign));
  EXPECT_NE(refusal().detail().find("version 2"), std::string::npos) << refusal().to_string();
}

TEST_F(SqliteEngineTest, NamesWhatCannotBeOpened) {
  file_ = folder_.path() / "no" / "store.db";
  EXPECT_TRUE(refusal().is(StoreErrc::failed)) << refusal().to_string();
  file_ = folder_.path();
  EXPECT_TRUE(refusal().is(StoreErrc::failed)) << refusal().to_string();
}

TEST_F(SqliteEngineTest, FindsADamagedFileWhenItOpensIt) {
  {
    const auto engine = open().value();
    for (int i = 0; i < 200; ++i)
      ASSERT_TRUE(engine->put({"f", "entry-" + std::to_string(i)}, bytes(std::string(300, 'x')), {})
                      .has_value());
  }
  const std::string whole(base::as_text(base::read_file(file_, 1 << 24).value()));
  // A page's header in the middle of the file.
  std::string damaged = whole;
  const std::size_t page = 4096, at = whole.size() / page / 2 * page;
  damaged.replace(at, 16, std::string(16, '\x55'));
  std::ofstream(file_, std::ios::binary) << damaged;
  EXPECT_TRUE(refusal().is(StoreErrc::corrupt)) << refusal().to_string();
  EXPECT_NE(refusal().to_string().find(file_.string()), std::string::npos);
  std::ofstream(file_, std::ios::binary) << whole.substr(0, whole.size() / 2);
  EXPECT_TRUE(refusal().is(StoreErrc::corrupt)) << refusal().to_string();
}

TEST_F(SqliteEngineTest, NamesTheEntryWhoseContentIsNotWhatWasWritten) {
  {
    const auto engine = open().value();
    ASSERT_TRUE(engine->put({"f", "root-1"}, bytes("sealed"), {}).has_value());
    ASSERT_TRUE(engine->put({"f", "root-2"}, bytes("sealed"), {}).has_value());
  }
  by_hand("UPDATE entries SET content = x'00' WHERE name = 'root-1'");
  const auto engine = open().value();
  const auto entry = engine->get({"f", "root-1"});
  EXPECT_TRUE(entry.error().is(StoreErrc::corrupt));
  EXPECT_NE(entry.error().detail().find("f/root-1"), std::string::npos);
  EXPECT_TRUE(engine->list({"f", {}, {}}).error().is(StoreErrc::corrupt));
  EXPECT_TRUE(engine->get({"f", "root-2"}).has_value());
}

TEST_F(SqliteEngineTest, AnnouncementsEndWithTheirTime) {
  const auto engine = open().value();
  ASSERT_TRUE(engine->announce({"c", "tcp:a:1"}, std::chrono::seconds(10)).has_value());
  now_ = now_ + std::chrono::milliseconds(9'999);
  EXPECT_EQ(engine->custodians()->size(), 1u);
  EXPECT_TRUE(engine->announce({"c", "tcp:b:1"}, std::chrono::seconds(10))
                  .error()
                  .is(StoreErrc::name_taken));
  now_ = now_ + std::chrono::milliseconds(1);
  EXPECT_TRUE(engine->custodians()->empty());
  EXPECT_TRUE(engine->announce({"c", "tcp:b:1"}, std::chrono::seconds(10)).has_value());
}

TEST_F(SqliteEngineTest, WritesTogetherHappenTogetherAndEachFailsAlone) {
  const auto engine = open().value();
  const auto read = [&](const std::string& name) { return engine->get({"f", name}).has_value(); };
  ASSERT_TRUE(engine->together([&] {
    EXPECT_TRUE(engine->put({"f", "a"}, bytes("1"), {}).has_value());
    EXPECT_FALSE(engine->put({"f", "a"}, bytes("2"), {}).has_value());
    EXPECT_TRUE(read("a"));
    EXPECT_TRUE(engine->put({"f", "b"}, bytes("1"), {}).has_value());
    EXPECT_TRUE(engine->remove({"f", "b"}, version_of(bytes("1"))).has_value());
    EXPECT_TRUE(engine->put({"f", "c"}, bytes("1"), {}).has_value());
  }));
  EXPECT_TRUE(read("a"));
  EXPECT_FALSE(read("b"));
  EXPECT_TRUE(read("c"));
}

// While it lives, no file of this process grows beyond `size` bytes.
class NoRoom {
 public:
  explicit NoRoom(rlim_t size) {
    std::signal(SIGXFSZ, SIG_IGN);
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before_), 0);
    const rlimit small{size, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  }
  ~NoRoom() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(SqliteEngineTest, WithoutRoomWritesAreRefusedAndReadsGoOnUntilThereIsSome) {
  const auto engine = open().value();
  std::map<std::string, std::string> written;
  const auto write = [&](int i) {
    const std::string name = std::to_string(i), content(5'000, static_cast<char>('a' + i % 26));
    const auto done = engine->put({"f", name}, bytes(content), {});
    if (done) written[name] = content;
    return done ? base::Error() : done.error();
  };
  ASSERT_FALSE(write(0).code());
  {
    const NoRoom none(256 * 1024);
    base::Error refused;
    for (int i = 1; !refused.code(); ++i)
      refused = write(i);
    EXPECT_TRUE(refused.is(StoreErrc::full)) << refused.to_string();
    EXPECT_TRUE(write(100'000).is(StoreErrc::full)) << "and goes on being refused";
    const std::string large(300'000, 'x');
    const auto together = engine->together([&] {
      (void)engine->put({"f", "small"}, bytes("x"), {});
      (void)engine->put({"f", "large"}, bytes(large), {});
      (void)engine->put({"f", "late"}, bytes("x"), {});
    });
    EXPECT_FALSE(together.has_value());
    EXPECT_TRUE(engine->get({"f", "small"}).error().is(StoreErrc::not_found)) << "taken back";
    EXPECT_TRUE(engine->get({"f", "late"}).error().is(StoreErrc::not_found)) << "with the rest";
    EXPECT_EQ(engine->list({"f", {}, {}})->entries.size(), written.size());
  }
  EXPECT_FALSE(write(200'000).code()) << "by itself, when there is room again";
  for (const auto& [name, content] : written)
    EXPECT_EQ(base::as_text(engine->get({"f", name})->content), content);
}

}  // namespace
}  // namespace concordat::parent

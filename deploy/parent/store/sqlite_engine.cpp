#include "deploy/parent/store/sqlite_engine.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "attest/base/descriptor.hpp"

namespace concordat::parent {
namespace {

using base::Error;
using base::Result;
using base::Status;

// "Conc": what `file` and SQLite itself show of whose database it is.
constexpr std::int64_t kApplicationId = 0x436f6e63;
constexpr std::int64_t kSchemaVersion = 1;
constexpr mode_t kOwnerOnly = 0600;

constexpr const char* kMakeSchema = R"(
BEGIN IMMEDIATE;
PRAGMA application_id = 1131376227;
CREATE TABLE store_schema(version INTEGER NOT NULL);
INSERT INTO store_schema VALUES(1);
CREATE TABLE folders(folder TEXT PRIMARY KEY, entries INTEGER NOT NULL, bytes INTEGER NOT NULL)
  WITHOUT ROWID;
CREATE TABLE entries(id INTEGER PRIMARY KEY, folder TEXT NOT NULL, name TEXT NOT NULL,
  version TEXT NOT NULL, content BLOB NOT NULL, UNIQUE(folder, name));
CREATE TABLE custodians(name TEXT PRIMARY KEY, address TEXT NOT NULL, expires_at INTEGER NOT NULL)
  WITHOUT ROWID;
COMMIT;
)";

// In the order of Sql.
constexpr std::string_view kStatements[] = {
    "BEGIN IMMEDIATE",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT one",
    "RELEASE one",
    "ROLLBACK TO one",
    "SELECT content, version FROM entries WHERE folder = ?1 AND name = ?2",
    "SELECT version, length(content) FROM entries WHERE folder = ?1 AND name = ?2",
    "INSERT INTO entries(folder, name, version, content) VALUES(?1, ?2, ?3, ?4)"
    " ON CONFLICT(folder, name) DO UPDATE SET version = ?3, content = ?4",
    "DELETE FROM entries WHERE folder = ?1 AND name = ?2",
    "SELECT count(*), total(length(content)) FROM entries"
    " WHERE folder = ?1 AND name >= ?2 AND name < ?3",
    "DELETE FROM entries WHERE folder = ?1 AND name >= ?2 AND name < ?3",
    "SELECT name, version, content FROM entries WHERE folder = ?1 AND name >= ?2 AND name < ?3"
    " ORDER BY name",
    "SELECT entries, bytes FROM folders WHERE folder = ?1",
    "INSERT INTO folders(folder, entries, bytes) VALUES(?1, ?2, ?3)"
    " ON CONFLICT(folder) DO UPDATE SET entries = ?2, bytes = ?3",
    "SELECT 1 FROM custodians WHERE name = ?1 AND address <> ?2 AND expires_at > ?3",
    "INSERT INTO custodians(name, address, expires_at) VALUES(?1, ?2, ?3)"
    " ON CONFLICT(name) DO UPDATE SET address = ?2, expires_at = ?3",
    "DELETE FROM custodians WHERE name = ?1 OR expires_at <= ?2",
    "SELECT name, address FROM custodians WHERE expires_at > ?1 ORDER BY name LIMIT ?2",
};

Error failed(const std::filesystem::path& file, int cause) {
  return Error(StoreErrc::failed, file.string() + ": " + std::strerror(cause));
}

// Made before SQLite sees it: readable by its owner alone, and in its folder after any crash.
Status make_file(const std::filesystem::path& file) {
  const base::Descriptor made(
      ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kOwnerOnly));
  if (!made.open()) return errno == EEXIST ? Status() : Status(failed(file, errno));
  const auto folder = file.parent_path();
  const base::Descriptor above(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!above.open() || ::fsync(above.get()) != 0) return failed(folder, errno);
  return {};
}

Error foreign(const std::filesystem::path& file, const std::string& why) {
  return Error(StoreErrc::foreign, file.string() + ": " + why);
}

// Ours, or empty; looked at before anything is changed in it.
Status check_maker(SqliteDatabase& database, const std::filesystem::path& file) {
  CONCORDAT_TRY(const auto tables, database.number("SELECT count(*) FROM sqlite_schema"));
  if (tables == 0) return {};
  CONCORDAT_TRY(const auto maker, database.number("PRAGMA application_id"));
  if (maker != kApplicationId) return foreign(file, "an SQLite database of another program");
  CONCORDAT_TRY(const auto version, database.number("SELECT max(version) FROM store_schema"));
  if (version != kSchemaVersion) {
    return foreign(file, "its schema is version " + std::to_string(version) +
                             ", this program knows " + std::to_string(kSchemaVersion));
  }
  return {};
}

Status check_pages(SqliteDatabase& database, const std::filesystem::path& file) {
  CONCORDAT_TRY(SqliteStatement check, database.prepare("PRAGMA quick_check(1)"));
  SqliteStatement::Use use(check);
  CONCORDAT_TRY(const bool row, use.step());
  const std::string found = row ? use.text_at(0) : "no answer";
  if (found != "ok") return Error(StoreErrc::corrupt, file.string() + ": " + found);
  return {};
}

Status check_content(const EntryKey& key, base::BytesView content, const std::string& version) {
  if (version_of(content) == version) return {};
  return Error(StoreErrc::corrupt,
               key.folder + "/" + key.name + ": the content is not what was written");
}

}  // namespace

enum class SqliteEngine::Sql : std::size_t {
  begin,
  commit,
  rollback,
  begin_one,
  commit_one,
  rollback_one,
  read,
  state,
  write,
  erase,
  measure_range,
  erase_range,
  page,
  usage,
  set_usage,
  announced_elsewhere,
  announce,
  withdraw,
  custodians,
};

// Rolled back unless it was committed. Among others that are done together, a part of their
// transaction.
class SqliteEngine::Transaction {
 public:
  explicit Transaction(SqliteEngine& engine) : engine_(engine), part_(engine.together_) {}
  ~Transaction() {
    if (!open_) return;
    // After some failures SQLite has rolled back by itself; then these fail, which is as well.
    (void)run(part_ ? Sql::rollback_one : Sql::rollback);
    if (part_) (void)run(Sql::commit_one);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  [[nodiscard]] Status begin() {
    // A part alone would be committed by itself, and then done again with the others.
    if (part_ && !engine_.database_.in_transaction()) {
      return Error(StoreErrc::failed, "what it is a part of was taken back");
    }
    CONCORDAT_CHECK(run(part_ ? Sql::begin_one : Sql::begin));
    open_ = true;
    return {};
  }
  [[nodiscard]] Status commit() {
    CONCORDAT_CHECK(run(part_ ? Sql::commit_one : Sql::commit));
    open_ = false;
    return {};
  }

 private:
  [[nodiscard]] Status run(Sql which) {
    return SqliteStatement::Use(engine_.statement(which)).run();
  }

  SqliteEngine& engine_;
  bool part_;
  bool open_ = false;
};

Status SqliteEngine::together(const std::function<void()>& work) {
  Transaction transaction(*this);
  CONCORDAT_CHECK(transaction.begin());
  together_ = true;
  work();
  together_ = false;
  // Where a failure of a part rolled everything back, there is nothing to commit: an error.
  return transaction.commit();
}

Result<std::unique_ptr<SqliteEngine>> SqliteEngine::open(const std::filesystem::path& file,
                                                         const StoreLimits& limits, Clock clock) {
  CONCORDAT_CHECK(make_file(file));
  CONCORDAT_TRY(SqliteDatabase database, SqliteDatabase::open(file));
  std::unique_ptr<SqliteEngine> engine(
      new SqliteEngine(std::move(database), limits, std::move(clock)));
  CONCORDAT_CHECK(engine->lock_and_check(file));
  CONCORDAT_CHECK(engine->prepare_all());
  return engine;
}

// The lock is taken with the first transaction and kept until the program ends, however it ends.
Status SqliteEngine::lock_and_check(const std::filesystem::path& file) {
  CONCORDAT_CHECK(database_.run("PRAGMA locking_mode = EXCLUSIVE"));
  CONCORDAT_CHECK(check_maker(database_, file));
  CONCORDAT_CHECK(
      database_.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                    "PRAGMA cell_size_check = ON; BEGIN IMMEDIATE; COMMIT"));
  CONCORDAT_TRY(const auto tables, database_.number("SELECT count(*) FROM sqlite_schema"));
  if (tables == 0) return database_.run(kMakeSchema);
  return check_pages(database_, file);
}

Status SqliteEngine::prepare_all() {
  for (const std::string_view sql : kStatements) {
    CONCORDAT_TRY(SqliteStatement prepared, database_.prepare(sql));
    statements_.push_back(std::move(prepared));
  }
  return {};
}

Result<StoredEntry> SqliteEngine::get(const EntryKey& key) {
  SqliteStatement::Use use(statement(Sql::read));
  use.text(key.folder).text(key.name);
  CONCORDAT_TRY(const bool there, use.step());
  if (!there) return StoreErrc::not_found;
  StoredEntry entry{base::to_bytes(use.blob_at(0)), use.text_at(1)};
  CONCORDAT_CHECK(check_content(key, entry.content, entry.version));
  return entry;
}

Result<std::optional<EntryState>> SqliteEngine::state_of(const EntryKey& key) {
  SqliteStatement::Use use(statement(Sql::state));
  use.text(key.folder).text(key.name);
  CONCORDAT_TRY(const bool there, use.step());
  if (!there) return std::optional<EntryState>();
  return std::optional(EntryState{use.text_at(0), static_cast<std::uint64_t>(use.integer_at(1))});
}

Result<FolderUsage> SqliteEngine::usage_of(const std::string& folder) {
  SqliteStatement::Use use(statement(Sql::usage));
  use.text(folder);
  CONCORDAT_TRY(const bool there, use.step());
  if (!there) return FolderUsage{};
  return FolderUsage{static_cast<std::uint64_t>(use.integer_at(0)),
                     static_cast<std::uint64_t>(use.integer_at(1))};
}

Status SqliteEngine::set_usage(const std::string& folder, const FolderUsage& usage) {
  SqliteStatement::Use use(statement(Sql::set_usage));
  use.text(folder)
      .integer(static_cast<std::int64_t>(usage.entries))
      .integer(static_cast<std::int64_t>(usage.bytes));
  return use.run();
}

Status SqliteEngine::write(const EntryKey& key, const std::string& version,
                           base::BytesView content) {
  SqliteStatement::Use use(statement(Sql::write));
  use.text(key.folder).text(key.name).text(version).blob(content);
  return use.run();
}

Result<std::string> SqliteEngine::put(const EntryKey& key, base::BytesView content,
                                      const WriteCondition& condition) {
  const EntryState wanted{version_of(content), content.size()};
  Transaction transaction(*this);
  CONCORDAT_CHECK(transaction.begin());
  CONCORDAT_TRY(const auto present, state_of(key));
  CONCORDAT_TRY(const FolderUsage usage, usage_of(key.folder));
  std::optional<EntryState> behind;
  if (condition.behind) {
    CONCORDAT_TRY(behind, state_of({key.folder, condition.behind->name}));
  }
  CONCORDAT_TRY(const PutPlan plan, plan_put(present, behind, usage, wanted, condition, limits_));
  if (plan.done) return wanted.version;
  CONCORDAT_CHECK(write(key, wanted.version, content));
  CONCORDAT_CHECK(set_usage(key.folder, plan.after));
  CONCORDAT_CHECK(transaction.commit());
  return wanted.version;
}

Status SqliteEngine::put_together(const std::string& folder, const StoreBatch& batch) {
  const std::vector<EntryState> wanted = states_of(batch);
  Transaction transaction(*this);
  CONCORDAT_CHECK(transaction.begin());
  std::vector<std::optional<EntryState>> present;
  for (const StoreBatch::Put& put : batch.puts) {
    CONCORDAT_TRY(auto state, state_of({folder, put.name}));
    present.push_back(std::move(state));
  }
  std::optional<EntryState> behind;
  if (batch.behind) {
    CONCORDAT_TRY(behind, state_of({folder, batch.behind->name}));
  }
  CONCORDAT_TRY(const FolderUsage usage, usage_of(folder));
  CONCORDAT_TRY(const BatchPlan plan, plan_batch(batch, wanted, present, behind, usage, limits_));
  if (plan.writes.empty()) return {};
  for (const std::size_t i : plan.writes)
    CONCORDAT_CHECK(write({folder, batch.puts[i].name}, wanted[i].version, batch.puts[i].content));
  CONCORDAT_CHECK(set_usage(folder, plan.after));
  return transaction.commit();
}

Status SqliteEngine::remove(const EntryKey& key, const std::string& version) {
  Transaction transaction(*this);
  CONCORDAT_CHECK(transaction.begin());
  CONCORDAT_TRY(const auto present, state_of(key));
  CONCORDAT_TRY(const FolderUsage usage, usage_of(key.folder));
  CONCORDAT_TRY(const FolderUsage after, plan_remove(present, usage, version));
  {
    SqliteStatement::Use use(statement(Sql::erase));
    use.text(key.folder).text(key.name);
    CONCORDAT_CHECK(use.run());
  }
  CONCORDAT_CHECK(set_usage(key.folder, after));
  return transaction.commit();
}

Status SqliteEngine::remove_range(const RemovalRange& range) {
  const NameRange names = range_of(range);
  Transaction transaction(*this);
  CONCORDAT_CHECK(transaction.begin());
  FolderUsage removed;
  {
    SqliteStatement::Use use(statement(Sql::measure_range));
    use.text(range.folder).text(names.from).text(names.to);
    CONCORDAT_CHECK(use.step());
    removed = {static_cast<std::uint64_t>(use.integer_at(0)),
               static_cast<std::uint64_t>(use.integer_at(1))};
  }
  if (removed.entries == 0) return {};
  {
    SqliteStatement::Use use(statement(Sql::erase_range));
    CONCORDAT_CHECK(use.text(range.folder).text(names.from).text(names.to).run());
  }
  CONCORDAT_TRY(const FolderUsage usage, usage_of(range.folder));
  CONCORDAT_CHECK(set_usage(range.folder, without(usage, removed)));
  return transaction.commit();
}

Result<StorePage> SqliteEngine::list(const ListQuery& query) {
  const NameRange range = range_of(query);
  SqliteStatement::Use use(statement(Sql::page));
  use.text(query.folder).text(range.from).text(range.to);
  StorePage page;
  std::size_t bytes = 0;
  for (;;) {
    CONCORDAT_TRY(const bool there, use.step());
    if (!there) return page;
    const base::BytesView content = use.blob_at(2);
    page.more = !page_takes(query, page.entries.size(), bytes, content.size());
    if (page.more) return page;
    const EntryKey key{query.folder, use.text_at(0)};
    CONCORDAT_CHECK(check_content(key, content, use.text_at(1)));
    bytes += content.size();
    page.entries.push_back({key.name, base::to_bytes(content)});
  }
}

Status SqliteEngine::announce(const Announcement& who, std::chrono::seconds ttl) {
  const base::UnixMillis now = clock_();
  Transaction transaction(*this);
  CONCORDAT_CHECK(transaction.begin());
  {
    SqliteStatement::Use use(statement(Sql::announced_elsewhere));
    use.text(who.name).text(who.address).integer(now.value);
    CONCORDAT_TRY(const bool taken, use.step());
    if (taken) return Error(StoreErrc::name_taken, who.name);
  }
  {
    SqliteStatement::Use use(statement(Sql::announce));
    use.text(who.name).text(who.address).integer((now + ttl).value);
    CONCORDAT_CHECK(use.run());
  }
  return transaction.commit();
}

Status SqliteEngine::withdraw(const std::string& name) {
  SqliteStatement::Use use(statement(Sql::withdraw));
  return use.text(name).integer(clock_().value).run();
}

Result<std::vector<Announcement>> SqliteEngine::custodians() {
  SqliteStatement::Use use(statement(Sql::custodians));
  use.integer(clock_().value).integer(kMaxCustodians);
  std::vector<Announcement> found;
  for (;;) {
    CONCORDAT_TRY(const bool there, use.step());
    if (!there) return found;
    found.push_back({use.text_at(0), use.text_at(1)});
  }
}

}  // namespace concordat::parent

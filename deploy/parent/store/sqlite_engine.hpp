// The embedded store: one SQLite file (with its -wal beside it), written ahead (WAL) and synced at
// every commit, for one program at a time. Blocking; for one thread at a time.
//
//   store_schema(version)                          refused when it is newer than this program
//   folders(folder, entries, bytes)                what each holds, changed with its entries
//   entries(folder, name, version, content)        version: SHA-256 of content, checked when read
//   custodians(name, address, expires_at)          Unix time in milliseconds
#pragma once

#include <functional>

#include "attest/base/clock.hpp"
#include "deploy/parent/store/rules.hpp"
#include "deploy/parent/store/sqlite_database.hpp"

namespace concordat::parent {

class SqliteEngine {
 public:
  using Clock = std::function<base::UnixMillis()>;

  // Makes the file where there is none; the folder must be there. Checks the whole file. Errors:
  // in_use, foreign, corrupt, full, failed, each with the file's name.
  [[nodiscard]] static base::Result<std::unique_ptr<SqliteEngine>> open(
      const std::filesystem::path& file, const StoreLimits& limits, Clock clock);

  // Runs `work`, whose writes become one: when this succeeds they are on disk with one sync, when
  // it fails none of them has happened.
  [[nodiscard]] base::Status together(const std::function<void()>& work);

  // As store.hpp says.
  [[nodiscard]] base::Result<StoredEntry> get(const EntryKey& key);
  [[nodiscard]] base::Result<std::string> put(const EntryKey& key, base::BytesView content,
                                              const WriteCondition& condition);
  [[nodiscard]] base::Status put_together(const std::string& folder, const StoreBatch& batch);
  [[nodiscard]] base::Status remove(const EntryKey& key, const std::string& version);
  [[nodiscard]] base::Status remove_range(const RemovalRange& range);
  [[nodiscard]] base::Result<StorePage> list(const ListQuery& query);
  [[nodiscard]] base::Status announce(const Announcement& who, std::chrono::seconds ttl);
  [[nodiscard]] base::Status withdraw(const std::string& name);
  [[nodiscard]] base::Result<std::vector<Announcement>> custodians();

 private:
  enum class Sql : std::size_t;
  class Transaction;

  SqliteEngine(SqliteDatabase database, const StoreLimits& limits, Clock clock)
      : database_(std::move(database)), limits_(limits), clock_(std::move(clock)) {}
  [[nodiscard]] base::Status lock_and_check(const std::filesystem::path& file);
  [[nodiscard]] base::Status prepare_all();
  [[nodiscard]] SqliteStatement& statement(Sql which) {
    return statements_[static_cast<std::size_t>(which)];
  }
  [[nodiscard]] base::Result<std::optional<EntryState>> state_of(const EntryKey& key);
  [[nodiscard]] base::Status write(const EntryKey& key, const std::string& version,
                                   base::BytesView content);
  [[nodiscard]] base::Result<FolderUsage> usage_of(const std::string& folder);
  [[nodiscard]] base::Status set_usage(const std::string& folder, const FolderUsage& usage);

  SqliteDatabase database_;
  StoreLimits limits_;
  Clock clock_;
  std::vector<SqliteStatement> statements_;
  bool together_ = false;
};

}  // namespace concordat::parent

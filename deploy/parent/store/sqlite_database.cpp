#include "deploy/parent/store/sqlite_database.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>

#include "deploy/parent/store.hpp"

namespace concordat::parent {
namespace {

int last_errno(sqlite3_file* file) {
  int out = 0;
  if (file != nullptr && file->pMethods != nullptr) {
    file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &out);
  }
  return out;
}

// What the system said, which SQLite keeps by file: of the log, where a commit writes, or of the
// database itself.
int cause_of_failure(sqlite3* connection) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(connection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
  if (const int of_log = last_errno(file); of_log != 0) return of_log;
  file = nullptr;
  sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (const int of_file = last_errno(file); of_file != 0) return of_file;
  return sqlite3_system_errno(connection);
}

}  // namespace

using base::Error;
using base::Result;
using base::Status;

void SqliteDatabase::Close::operator()(sqlite3* connection) const noexcept {
  sqlite3_close_v2(connection);
}
void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

Result<SqliteDatabase> SqliteDatabase::open(const std::filesystem::path& file) {
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &connection,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  SqliteDatabase database(file, connection);
  if (code != SQLITE_OK) return database.failure(code);
  sqlite3_extended_result_codes(connection, 1);
  // What a file of another maker could make a reader run.
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return database;
}

Error SqliteDatabase::failure(int code) const {
  std::string detail = file_.string() + ": " + sqlite3_errmsg(connection_.get());
  switch (code & 0xff) {
    case SQLITE_FULL:
      return Error(StoreErrc::full, std::move(detail));
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: {
      const int cause = cause_of_failure(connection_.get());
      if (cause != 0) detail += std::string(": ") + std::strerror(cause);
      // EFBIG: what setrlimit allows a file to be.
      if (cause == ENOSPC || cause == EDQUOT || cause == EFBIG) {
        return Error(StoreErrc::full, std::move(detail));
      }
      return Error(StoreErrc::failed, std::move(detail));
    }
    case SQLITE_CORRUPT:
      return Error(StoreErrc::corrupt, std::move(detail));
    case SQLITE_NOTADB:
      return Error(StoreErrc::foreign, std::move(detail));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error(StoreErrc::in_use, file_.string());
    default:
      return Error(StoreErrc::failed, std::move(detail));
  }
}

Status SqliteDatabase::run(const char* sql) {
  const int code = sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Status() : Status(failure(code));
}

Result<SqliteStatement> SqliteDatabase::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return failure(code);
  return SqliteStatement(*this, statement);
}

bool SqliteDatabase::in_transaction() const noexcept {
  return sqlite3_get_autocommit(connection_.get()) == 0;
}

Result<std::int64_t> SqliteDatabase::number(std::string_view sql) {
  CONCORDAT_TRY(SqliteStatement statement, prepare(sql));
  SqliteStatement::Use use(statement);
  CONCORDAT_TRY(const bool row, use.step());
  return row ? use.integer_at(0) : 0;
}

SqliteStatement::Use::~Use() {
  sqlite3_reset(of_.statement_.get());
  sqlite3_clear_bindings(of_.statement_.get());
}

void SqliteStatement::Use::bound(int code) {
  if (code != SQLITE_OK) binding_failure_ = code;
  ++next_;
}

SqliteStatement::Use& SqliteStatement::Use::text(std::string_view value) {
  bound(sqlite3_bind_text64(of_.statement_.get(), next_, value.data(), value.size(), SQLITE_STATIC,
                            SQLITE_UTF8));
  return *this;
}

SqliteStatement::Use& SqliteStatement::Use::blob(base::BytesView value) {
  // A null pointer would be NULL, an empty content is none the less one.
  const void* data = value.empty() ? static_cast<const void*>("") : value.data();
  bound(sqlite3_bind_blob64(of_.statement_.get(), next_, data, value.size(), SQLITE_STATIC));
  return *this;
}

SqliteStatement::Use& SqliteStatement::Use::integer(std::int64_t value) {
  bound(sqlite3_bind_int64(of_.statement_.get(), next_, value));
  return *this;
}

Result<bool> SqliteStatement::Use::step() {
  if (binding_failure_ != 0) return of_.database_->failure(binding_failure_);
  const int code = sqlite3_step(of_.statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return of_.database_->failure(code);
}

Status SqliteStatement::Use::run() {
  CONCORDAT_CHECK(step());
  return {};
}

std::string SqliteStatement::Use::text_at(int column) const {
  const auto* text = sqlite3_column_text(of_.statement_.get(), column);
  return text == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(text));
}

base::BytesView SqliteStatement::Use::blob_at(int column) const {
  const auto* data = sqlite3_column_blob(of_.statement_.get(), column);
  const int size = sqlite3_column_bytes(of_.statement_.get(), column);
  return {static_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size)};
}

std::int64_t SqliteStatement::Use::integer_at(int column) const {
  return sqlite3_column_int64(of_.statement_.get(), column);
}

}  // namespace concordat::parent

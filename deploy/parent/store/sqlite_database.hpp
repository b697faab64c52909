// One SQLite connection and its statements, with errors of the store. sqlite3.h is seen in
// sqlite_database.cpp alone.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "attest/base/bytes.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace concordat::parent {

class SqliteStatement;

class SqliteDatabase {
 public:
  // Opens the file, which must be there, for this connection alone as far as no lock says
  // otherwise. No statement is run.
  [[nodiscard]] static base::Result<SqliteDatabase> open(const std::filesystem::path& file);

  // Statements without a result, separated by ';'.
  [[nodiscard]] base::Status run(const char* sql);
  [[nodiscard]] base::Result<SqliteStatement> prepare(std::string_view sql);
  // The one integer that `sql` comes to.
  [[nodiscard]] base::Result<std::int64_t> number(std::string_view sql);
  [[nodiscard]] bool in_transaction() const noexcept;
  // A full disk is `full`, damage `corrupt`, another program `in_use`, anything else `failed`.
  [[nodiscard]] base::Error failure(int code) const;

 private:
  struct Close {
    void operator()(sqlite3* connection) const noexcept;
  };
  SqliteDatabase(std::filesystem::path file, sqlite3* connection)
      : file_(std::move(file)), connection_(connection) {}

  std::filesystem::path file_;
  std::unique_ptr<sqlite3, Close> connection_;
};

class SqliteStatement {
 public:
  // One use of the statement: values for its ?1, ?2..., then rows. Ready for the next use when it
  // ends. Views handed out live until the next row; bound views until the use ends.
  class Use {
   public:
    explicit Use(SqliteStatement& of) : of_(of) {}
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

    Use& text(std::string_view value);
    Use& blob(base::BytesView value);
    Use& integer(std::int64_t value);
    // True: there is a row.
    [[nodiscard]] base::Result<bool> step();
    // For statements without rows.
    [[nodiscard]] base::Status run();
    [[nodiscard]] std::string text_at(int column) const;
    [[nodiscard]] base::BytesView blob_at(int column) const;
    [[nodiscard]] std::int64_t integer_at(int column) const;

   private:
    void bound(int code);
    SqliteStatement& of_;
    int next_ = 1;
    int binding_failure_ = 0;
  };

 private:
  friend class SqliteDatabase;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  SqliteStatement(const SqliteDatabase& database, sqlite3_stmt* statement)
      : database_(&database), statement_(statement) {}

  const SqliteDatabase* database_;  // does not move while there are statements
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

}  // namespace concordat::parent

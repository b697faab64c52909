// A private table, read row by row: of all its columns, those that somebody asked for.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "attest/base/bytes.hpp"

namespace concordat::session::input {

// A cell of a column that is asked for, or in JSON a line.
inline constexpr std::size_t kLongestCell = 64 * 1024;
// Of a header.
inline constexpr std::size_t kMostColumns = 4096;

// Whoever takes the rows.
class Rows {
 public:
  virtual ~Rows() = default;
  // Of the row under way: what stands in a column, by its place among those asked for. At most once
  // a row; a cell that is not there, or null, is not told of, or is empty. Valid during the call.
  [[nodiscard]] virtual base::Status cell(std::size_t column, std::string_view text) = 0;
  [[nodiscard]] virtual base::Status end_of_row() = 0;
};

class TableReader {
 public:
  virtual ~TableReader() = default;
  // An error of `rows` comes back as it is; after any error the object is of no more use.
  [[nodiscard]] virtual base::Status feed(base::BytesView piece, Rows& rows) = 0;
  [[nodiscard]] virtual base::Status finish(Rows& rows) = 0;
};

// RFC 4180 with a header: rows end with CR LF or LF, the last one also without; cells in quotes may
// hold commas, quotes (twice each) and line ends. Stricter than some: as many cells in each row as
// in the header, no quotes within a bare cell, no bare CR, no byte order mark.
[[nodiscard]] std::unique_ptr<TableReader> make_csv_reader(std::vector<std::string> columns);
// A JSON object (RFC 8259) a line. Cells are numbers, as they are written, strings, true, false or
// null.
[[nodiscard]] std::unique_ptr<TableReader> make_json_lines_reader(std::vector<std::string> columns);

// "row 17" and "row 17, column "amount"": rows of data from 1, a header is none.
[[nodiscard]] std::string row_place(std::uint64_t row);
[[nodiscard]] std::string cell_place(std::uint64_t row, std::string_view column);

}  // namespace concordat::session::input

// Reads tables and writes down what comes out.
#pragma once

#include <gtest/gtest.h>

#include <random>

#include "session/input/errc.hpp"
#include "session/input/table.hpp"

namespace concordat::session::input {

// "0=a 1=b" of each row.
class RowsSeen final : public Rows {
 public:
  [[nodiscard]] base::Status cell(std::size_t column, std::string_view text) override {
    if (text == "refuse me") return base::Error(Errc::out_of_range, "as asked");
    row_ += (row_.empty() ? "" : " ") + std::to_string(column) + "=" + std::string(text);
    return {};
  }
  [[nodiscard]] base::Status end_of_row() override {
    rows.push_back(std::exchange(row_, {}));
    return {};
  }

  std::vector<std::string> rows;

 private:
  std::string row_;
};

using Rendered = std::vector<std::string>;
using MakeReader = std::unique_ptr<TableReader> (*)(std::vector<std::string>);

// The whole text at once.
[[nodiscard]] inline base::Result<Rendered> read(MakeReader make,
                                                 const std::vector<std::string>& columns,
                                                 std::string_view text) {
  RowsSeen seen;
  const auto reader = make(columns);
  CONCORDAT_CHECK(reader->feed(base::as_bytes(text), seen));
  CONCORDAT_CHECK(reader->finish(seen));
  return seen.rows;
}

[[nodiscard]] inline std::string said(const base::Result<Rendered>& result) {
  if (!result) return result.error().to_string();
  std::string out;
  for (const std::string& row : *result)
    out += "[" + row + "]";
  return out;
}

// Likewise, and in two pieces that meet anywhere, and byte by byte: the same must come out.
[[nodiscard]] inline base::Result<Rendered> read_everyhow(MakeReader make,
                                                          const std::vector<std::string>& columns,
                                                          std::string_view text) {
  const auto whole = read(make, columns, text);
  // Every piece is a string of its own, gone after the call.
  const auto in_pieces = [&](std::size_t first, std::size_t others) -> base::Result<Rendered> {
    RowsSeen seen;
    const auto reader = make(columns);
    CONCORDAT_CHECK(reader->feed(base::as_bytes(std::string(text.substr(0, first))), seen));
    for (std::size_t at = first; at < text.size(); at += others)
      CONCORDAT_CHECK(reader->feed(base::as_bytes(std::string(text.substr(at, others))), seen));
    CONCORDAT_CHECK(reader->finish(seen));
    return seen.rows;
  };
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    EXPECT_EQ(said(in_pieces(cut, text.size())), said(whole)) << "cut at " << cut;
  EXPECT_EQ(said(in_pieces(0, 1)), said(whole));
  return whole;
}

}  // namespace concordat::session::input

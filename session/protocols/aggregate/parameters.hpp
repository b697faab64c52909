// What is computed, as the descriptor says it for every party alike: nothing here depends on data.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "attest/base/bytes.hpp"

namespace concordat::session::aggregate {

enum class Format { csv, json_lines };

// A column that is read. Numbers are whole numbers of their last decimal.
struct Column {
  std::string name;
  bool is_number = false;
  unsigned decimals = 0;
  std::int64_t most = 0;  // the largest magnitude
};

// What is shown of a column's numbers in each group.
struct Measure {
  std::size_t column = 0;
  bool sum = false;
  bool mean = false;
  bool variance = false;             // of a sample
  bool population_variance = false;  // of all
  [[nodiscard]] bool squares() const noexcept { return variance || population_variance; }
};

// Rows sorted into groups: by a column's text, by ranges of its numbers, or all in one group.
struct Breakdown {
  std::string name;
  std::optional<std::size_t> by;    // a column
  std::vector<std::string> values;  // a group each
  std::vector<std::int64_t> edges;  // a group between each and the next, without the upper one
  bool has_other = false;           // the last group: whatever is in no other
  std::vector<Measure> measures;

  std::size_t first_word = 0;
  [[nodiscard]] std::size_t groups() const noexcept;
  // Words of a group: its count, and for each measure the sum and, where wanted, that of squares.
  [[nodiscard]] std::size_t width() const noexcept;
};

struct Parameters {
  std::size_t parties = 0;
  Format format = Format::csv;
  std::uint64_t max_rows = 0;  // of each party
  bool leaves_out_empty = false;
  unsigned digits = 0;               // of means and variances, behind the point
  std::uint64_t min_group_size = 0;  // smaller groups are withheld; 0: none is
  std::vector<Column> columns;
  std::vector<Breakdown> breakdowns;

  [[nodiscard]] std::size_t words() const noexcept;
  // Of the one breakdown that there is where groups can be withheld; 0 otherwise.
  [[nodiscard]] std::size_t tested_groups() const noexcept;
};

// Refuses, too, whatever could make a total of all parties leave 127 bits: so none wraps.
[[nodiscard]] base::Result<Parameters> parse_parameters(base::BytesView text, std::size_t parties);

}  // namespace concordat::session::aggregate

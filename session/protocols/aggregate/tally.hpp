// Adds up one party's rows. A row counts whole or not at all.
#pragma once

#include <unordered_map>

#include "session/input/table.hpp"
#include "session/protocols/aggregate/parameters.hpp"
#include "session/protocols/aggregate/words.hpp"

namespace concordat::session::aggregate {

class Tally final : public input::Rows {
 public:
  // The parameters outlive the tally.
  explicit Tally(const Parameters& parameters);
  ~Tally() override;

  // bad_number, out_of_range, outside_groups, with the row and the column.
  [[nodiscard]] base::Status cell(std::size_t column, std::string_view text) override;
  // empty_cell, too_many, outside_groups.
  [[nodiscard]] base::Status end_of_row() override;

  // What was added up: parameters.words() of them.
  [[nodiscard]] Words take() && { return std::move(words_); }

 private:
  // A breakdown by a column's text, whose group is looked up when its cell comes.
  struct Lookup {
    std::size_t breakdown;
    std::unordered_map<std::string_view, std::size_t> groups;
  };
  struct Cell {
    std::uint64_t row = 0;  // in which it came
    std::int64_t number = 0;
  };

  [[nodiscard]] base::Result<std::size_t> group_of(std::size_t breakdown) const;
  void add(const Breakdown& breakdown, std::size_t group);
  [[nodiscard]] base::Error outside(const Breakdown& breakdown) const;
  // The first column whose cell is empty in this row.
  [[nodiscard]] std::optional<std::size_t> empty_column() const noexcept;

  const Parameters& parameters_;
  std::uint64_t row_ = 1;
  std::vector<Cell> cells_;                   // of each column
  std::vector<std::vector<Lookup>> lookups_;  // of each column
  std::vector<std::size_t> found_;            // of each breakdown by text, its group in this row
  Words words_;
};

}  // namespace concordat::session::aggregate

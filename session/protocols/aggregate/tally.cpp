#include "session/protocols/aggregate/tally.hpp"

#include <sodium.h>

#include <algorithm>

#include "session/input/decimal.hpp"
#include "session/input/errc.hpp"
#include "session/protocols/aggregate/limits.hpp"

namespace concordat::session::aggregate {
namespace {

constexpr std::size_t kNoGroup = static_cast<std::size_t>(-1);

}  // namespace

Tally::Tally(const Parameters& parameters)
    : parameters_(parameters),
      cells_(parameters.columns.size()),
      lookups_(parameters.columns.size()),
      found_(parameters.breakdowns.size(), kNoGroup),
      words_(Words::zeroed(parameters.words())) {
  for (std::size_t i = 0; i < parameters.breakdowns.size(); ++i) {
    const Breakdown& breakdown = parameters.breakdowns[i];
    if (breakdown.values.empty()) continue;
    Lookup& lookup = lookups_[*breakdown.by].emplace_back(Lookup{i, {}});
    for (std::size_t group = 0; group < breakdown.values.size(); ++group)
      lookup.groups.emplace(breakdown.values[group], group);
  }
}

Tally::~Tally() {
  sodium_memzero(cells_.data(), cells_.size() * sizeof(Cell));
  sodium_memzero(found_.data(), found_.size() * sizeof(std::size_t));
}

base::Status Tally::cell(std::size_t index, std::string_view text) {
  if (text.empty()) return {};
  const Column& column = parameters_.columns[index];
  cells_[index].row = row_;
  if (column.is_number) {
    const auto number = input::parse_decimal(text, column.decimals);
    if (!number) {
      return base::Error(number.error().code(),
                         input::cell_place(row_, column.name) + ": " + number.error().detail());
    }
    if (*number > column.most || *number < -column.most) {
      return base::Error(input::Errc::out_of_range,
                         input::cell_place(row_, column.name) + ": beyond " +
                             input::format_decimal(column.most, column.decimals));
    }
    cells_[index].number = *number;
  }
  for (const Lookup& lookup : lookups_[index]) {
    const auto found = lookup.groups.find(text);
    found_[lookup.breakdown] = found == lookup.groups.end() ? kNoGroup : found->second;
  }
  return {};
}

std::optional<std::size_t> Tally::empty_column() const noexcept {
  for (std::size_t i = 0; i < cells_.size(); ++i)
    if (cells_[i].row != row_) return i;
  return std::nullopt;
}

base::Error Tally::outside(const Breakdown& breakdown) const {
  return {input::Errc::outside_groups,
          input::cell_place(row_, parameters_.columns[*breakdown.by].name) + ": in no group of \"" +
              breakdown.name + "\""};
}

base::Result<std::size_t> Tally::group_of(std::size_t index) const {
  const Breakdown& breakdown = parameters_.breakdowns[index];
  if (!breakdown.by) return std::size_t{0};
  std::size_t group = kNoGroup;
  if (breakdown.edges.empty()) {
    group = found_[index];
  } else {
    const auto& edges = breakdown.edges;
    const std::int64_t number = cells_[*breakdown.by].number;
    if (number >= edges.front() && number < edges.back())
      group = static_cast<std::size_t>(std::ranges::upper_bound(edges, number) - edges.begin()) - 1;
  }
  if (group != kNoGroup) return group;
  if (!breakdown.has_other) return outside(breakdown);
  return breakdown.groups() - 1;
}

void Tally::add(const Breakdown& breakdown, std::size_t group) {
  std::size_t at = breakdown.first_word + group * breakdown.width();
  words_.add(at++, 1);
  for (const Measure& measure : breakdown.measures) {
    const SignedWord number = cells_[measure.column].number;
    words_.add(at++, static_cast<Word>(number));
    if (measure.squares()) words_.add(at++, static_cast<Word>(number * number));
  }
}

base::Status Tally::end_of_row() {
  if (row_ > parameters_.max_rows) {
    return base::Error(input::Errc::too_many,
                       "more than " + std::to_string(parameters_.max_rows) + " rows");
  }
  if (const auto column = empty_column(); !column) {
    std::array<std::size_t, kMostResults> groups;
    for (std::size_t i = 0; i < parameters_.breakdowns.size(); ++i) {
      CONCORDAT_TRY(groups[i], group_of(i));
    }
    for (std::size_t i = 0; i < parameters_.breakdowns.size(); ++i)
      add(parameters_.breakdowns[i], groups[i]);
  } else if (!parameters_.leaves_out_empty) {
    return base::Error(input::Errc::empty_cell,
                       input::cell_place(row_, parameters_.columns[*column].name));
  }
  ++row_;
  return {};
}

}  // namespace concordat::session::aggregate

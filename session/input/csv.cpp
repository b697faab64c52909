#include <algorithm>
#include <array>

#include "session/input/errc.hpp"
#include "session/input/kept_bytes.hpp"
#include "session/input/table.hpp"

namespace concordat::session::input {
namespace {

constexpr std::size_t kNotAskedFor = static_cast<std::size_t>(-1);
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// What ends a bare cell, or must not be in one.
constexpr std::array<bool, 256> kSpecial = [] {
  std::array<bool, 256> out{};
  out[','] = out['\n'] = out['\r'] = out['"'] = true;
  return out;
}();

class CsvReader final : public TableReader {
 public:
  explicit CsvReader(std::vector<std::string> columns)
      : names_(std::move(columns)), places_(names_.size(), kNotAskedFor), kept_(kLongestCell) {}

  [[nodiscard]] base::Status feed(base::BytesView piece, Rows& rows) override;
  [[nodiscard]] base::Status finish(Rows& rows) override;

 private:
  // start -> bare -----------------> start, with a comma or a line end
  //       -> quoted <-> quote -----> start, likewise
  // bare, quote -> carriage_return -> start, with a line feed
  enum class State { start, bare, quoted, quote, carriage_return };

  [[nodiscard]] base::Result<std::size_t> step(base::BytesView rest, Rows& rows);
  [[nodiscard]] base::Result<std::size_t> bare(base::BytesView rest, Rows& rows);
  [[nodiscard]] base::Result<std::size_t> quoted(base::BytesView rest);
  [[nodiscard]] base::Status after_cell(std::uint8_t byte, base::BytesView cell, Rows& rows);
  [[nodiscard]] base::Status keep(base::BytesView part);
  [[nodiscard]] base::Status end_cell(base::BytesView cell, Rows& rows);
  [[nodiscard]] base::Status end_row(Rows& rows);
  [[nodiscard]] base::Status name(std::string_view cell);
  [[nodiscard]] base::Status end_header();

  [[nodiscard]] bool in_header() const noexcept { return row_ == 0; }
  [[nodiscard]] std::size_t asked_for() const noexcept {
    return cell_ < asked_for_.size() ? asked_for_[cell_] : kNotAskedFor;
  }
  [[nodiscard]] std::string place() const;
  [[nodiscard]] base::Error malformed(std::string_view what) const {
    return {Errc::malformed, place() + ": " + std::string(what)};
  }

  std::vector<std::string> names_;
  std::vector<std::size_t> places_;     // of each name, its place in the header
  std::vector<std::size_t> asked_for_;  // of each place in the header, its name's, or kNotAskedFor
  State state_ = State::start;
  std::uint64_t row_ = 0;  // 0: the header
  std::size_t cell_ = 0;   // of this row
  KeptBytes kept_;         // of this cell
};

std::string CsvReader::place() const {
  return (in_header() ? std::string("header") : row_place(row_)) + ", cell " +
         std::to_string(cell_ + 1);
}

base::Status CsvReader::feed(base::BytesView piece, Rows& rows) {
  while (!piece.empty()) {
    CONCORDAT_TRY(const std::size_t used, step(piece, rows));
    piece = piece.subspan(used);
  }
  return {};
}

base::Result<std::size_t> CsvReader::step(base::BytesView rest, Rows& rows) {
  switch (state_) {
    case State::start:
      if (rest.front() == '"') {
        state_ = State::quoted;
        return std::size_t{1};
      }
      state_ = State::bare;
      return bare(rest, rows);
    case State::bare:
      return bare(rest, rows);
    case State::quoted:
      return quoted(rest);
    case State::quote:
      if (rest.front() == '"') {
        CONCORDAT_CHECK(keep(rest.first(1)));
        state_ = State::quoted;
        return std::size_t{1};
      }
      if (!kSpecial[rest.front()])
        return malformed("something between a closing quote and a comma");
      CONCORDAT_CHECK(after_cell(rest.front(), kept_.view(), rows));
      return std::size_t{1};
    case State::carriage_return:
      break;
  }
  if (rest.front() != '\n') return malformed("a carriage return without a line feed");
  CONCORDAT_CHECK(end_row(rows));
  return std::size_t{1};
}

base::Result<std::size_t> CsvReader::bare(base::BytesView rest, Rows& rows) {
  const auto end =
      std::find_if(rest.begin(), rest.end(), [](std::uint8_t byte) { return kSpecial[byte]; });
  const auto size = static_cast<std::size_t>(end - rest.begin());
  if (end == rest.end()) {
    CONCORDAT_CHECK(keep(rest));
    return size;
  }
  if (*end == '"') return malformed("a quote in a cell that does not begin with one");
  if (kept_.empty() && size <= kLongestCell) {
    CONCORDAT_CHECK(after_cell(*end, rest.first(size), rows));
  } else {
    CONCORDAT_CHECK(keep(rest.first(size)));
    CONCORDAT_CHECK(after_cell(*end, kept_.view(), rows));
  }
  return size + 1;
}

base::Result<std::size_t> CsvReader::quoted(base::BytesView rest) {
  const auto end = std::find(rest.begin(), rest.end(), '"');
  const auto size = static_cast<std::size_t>(end - rest.begin());
  CONCORDAT_CHECK(keep(rest.first(size)));
  if (end == rest.end()) return size;
  state_ = State::quote;
  return size + 1;
}

base::Status CsvReader::keep(base::BytesView part) {
  if (!in_header() && asked_for() == kNotAskedFor) return {};
  if (kept_.append(part)) return {};
  return base::Error(Errc::too_long,
                     place() + ": more than " + std::to_string(kLongestCell) + " bytes");
}

// `byte` is a comma or begins a line end.
base::Status CsvReader::after_cell(std::uint8_t byte, base::BytesView cell, Rows& rows) {
  CONCORDAT_CHECK(end_cell(cell, rows));
  state_ = byte == '\r' ? State::carriage_return : State::start;
  if (byte == '\n') CONCORDAT_CHECK(end_row(rows));
  return {};
}

base::Status CsvReader::end_cell(base::BytesView cell, Rows& rows) {
  if (in_header()) {
    CONCORDAT_CHECK(name(base::as_text(cell)));
  } else if (const std::size_t column = asked_for(); column != kNotAskedFor) {
    CONCORDAT_CHECK(rows.cell(column, base::as_text(cell)));
  }
  kept_.clear();
  ++cell_;
  return {};
}

base::Status CsvReader::name(std::string_view cell) {
  if (cell_ == 0 && cell.starts_with(kByteOrderMark))
    return malformed("starts with a byte order mark; save it without");
  if (cell_ == kMostColumns) return malformed("too many columns");
  const auto found = std::ranges::find(names_, cell);
  if (found == names_.end()) return {};
  std::size_t& column_place = places_[static_cast<std::size_t>(found - names_.begin())];
  if (column_place != kNotAskedFor)
    return base::Error(Errc::bad_column, "header: column \"" + *found + "\" is there twice");
  column_place = cell_;
  return {};
}

base::Status CsvReader::end_header() {
  asked_for_.assign(cell_, kNotAskedFor);
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (places_[i] == kNotAskedFor)
      return base::Error(Errc::bad_column, "header: no column \"" + names_[i] + "\"");
    asked_for_[places_[i]] = i;
  }
  return {};
}

base::Status CsvReader::end_row(Rows& rows) {
  if (in_header()) {
    CONCORDAT_CHECK(end_header());
  } else if (cell_ != asked_for_.size()) {
    return base::Error(Errc::malformed, row_place(row_) + ": " + std::to_string(cell_) +
                                            " cells, the header has " +
                                            std::to_string(asked_for_.size()));
  } else {
    CONCORDAT_CHECK(rows.end_of_row());
  }
  state_ = State::start;
  cell_ = 0;
  ++row_;
  return {};
}

base::Status CsvReader::finish(Rows& rows) {
  if (state_ == State::quoted) return malformed("the table ends within quotes");
  if (state_ == State::carriage_return) return malformed("a carriage return without a line feed");
  if (state_ != State::start || cell_ > 0) {
    CONCORDAT_CHECK(end_cell(kept_.view(), rows));
    CONCORDAT_CHECK(end_row(rows));
  }
  if (in_header()) return base::Error(Errc::malformed, "no header");
  return {};
}

}  // namespace

std::unique_ptr<TableReader> make_csv_reader(std::vector<std::string> columns) {
  return std::make_unique<CsvReader>(std::move(columns));
}

}  // namespace concordat::session::input

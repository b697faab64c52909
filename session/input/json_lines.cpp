#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <optional>

#include "session/input/errc.hpp"
#include "session/input/lines.hpp"
#include "session/input/table.hpp"

namespace concordat::session::input {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxDepth = 32;

// Boost.JSON's events of one line. The parser gets whole lines, so that a number comes as one piece
// of the line itself, and so does a string without escapes.
class RowEvents {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using error_code = json::error_code;

  explicit RowEvents(std::vector<std::string> columns)
      : names_(std::move(columns)), last_row_(names_.size(), 0), parts_(kLongestCell) {}

  void begin(std::uint64_t row, Rows& rows) {
    row_ = row;
    rows_ = &rows;
    depth_ = 0;
  }
  [[nodiscard]] const std::optional<base::Error>& refusal() const noexcept { return refusal_; }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code& ec) { return deeper(ec); }
  bool on_object_end(std::size_t, error_code&) { return higher(); }
  bool on_array_begin(error_code& ec) { return deeper(ec); }
  bool on_array_end(std::size_t, error_code&) { return higher(); }
  bool on_key_part(json::string_view part, std::size_t, error_code&) { return keep(part); }
  bool on_key(json::string_view last, std::size_t, error_code& ec) {
    if (depth_ != 1) return drop();
    return on_name(whole(last), ec);
  }
  bool on_string_part(json::string_view part, std::size_t, error_code&) { return keep(part); }
  bool on_string(json::string_view last, std::size_t, error_code& ec) { return value(last, ec); }
  bool on_number_part(json::string_view part, error_code&) { return keep(part); }
  bool on_int64(std::int64_t, json::string_view last, error_code& ec) { return value(last, ec); }
  bool on_uint64(std::uint64_t, json::string_view last, error_code& ec) { return value(last, ec); }
  bool on_double(double, json::string_view last, error_code& ec) { return value(last, ec); }
  bool on_bool(bool truth, error_code& ec) { return value(truth ? "true" : "false", ec); }
  bool on_null(error_code& ec) { return value("", ec); }
  bool on_comment_part(json::string_view, error_code&) { return true; }
  bool on_comment(json::string_view, error_code&) { return true; }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  bool refuse(base::Error why, error_code& ec) {
    refusal_ = std::move(why);
    ec = json::error::syntax;
    return false;
  }
  // Never more than the line, which is not longer than what is kept.
  bool keep(json::string_view part) {
    return parts_.append(base::as_bytes({part.data(), part.size()}));
  }
  bool drop() {
    parts_.clear();
    return true;
  }
  std::string_view whole(json::string_view last) {
    if (parts_.empty()) return {last.data(), last.size()};
    (void)keep(last);
    return base::as_text(parts_.view());
  }

  bool on_name(std::string_view name, error_code& ec) {
    const auto found = std::ranges::find(names_, name);
    parts_.clear();
    column_ = found == names_.end() ? kNone : static_cast<std::size_t>(found - names_.begin());
    if (column_ == kNone) return true;
    if (last_row_[column_] == row_) {
      return refuse(base::Error(Errc::bad_column, cell_place(row_, *found) + ": there twice"), ec);
    }
    last_row_[column_] = row_;
    return true;
  }
  bool deeper(error_code& ec) {
    if (depth_ == 1 && column_ != kNone) {
      return refuse(base::Error(Errc::malformed,
                                cell_place(row_, names_[column_]) + ": an object or an array"),
                    ec);
    }
    ++depth_;
    return true;
  }
  bool higher() {
    --depth_;
    return true;
  }
  bool value(json::string_view last, error_code& ec) {
    if (depth_ != 1 || column_ == kNone) return drop();
    const base::Status taken = rows_->cell(column_, whole(last));
    parts_.clear();
    return taken ? true : refuse(taken.error(), ec);
  }

  std::vector<std::string> names_;
  std::vector<std::uint64_t> last_row_;  // in which each was seen
  Rows* rows_ = nullptr;
  std::uint64_t row_ = 0;
  std::size_t depth_ = 0;
  std::size_t column_ = kNone;  // of the member under way of the row's object
  KeptBytes parts_;
  std::optional<base::Error> refusal_;
};

json::parse_options options() {
  json::parse_options out;
  out.max_depth = kMaxDepth;
  return out;
}

class JsonLinesReader final : public TableReader {
 public:
  explicit JsonLinesReader(std::vector<std::string> columns)
      : lines_(kLongestCell), parser_(options(), std::move(columns)) {}

  [[nodiscard]] base::Status feed(base::BytesView piece, Rows& rows) override {
    return lines_.feed(piece, [&](base::BytesView line) { return take(line, rows); });
  }
  [[nodiscard]] base::Status finish(Rows& rows) override {
    return lines_.finish([&](base::BytesView line) { return take(line, rows); });
  }

 private:
  [[nodiscard]] base::Status take(base::BytesView line, Rows& rows) {
    const std::string_view text = base::as_text(line);
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == text.npos || text[first] != '{') return malformed("not a JSON object");
    parser_.reset();
    parser_.handler().begin(lines_.number(), rows);
    json::error_code ec;
    const std::size_t used = parser_.write_some(false, text.data(), text.size(), ec);
    if (parser_.handler().refusal()) return *parser_.handler().refusal();
    if (ec) return malformed("not a JSON object (" + ec.message() + ")");
    if (used != text.size()) return malformed("something follows the object");
    return rows.end_of_row();
  }
  [[nodiscard]] base::Error malformed(const std::string& what) const {
    return {Errc::malformed, row_place(lines_.number()) + ": " + what};
  }

  Lines lines_;
  json::basic_parser<RowEvents> parser_;
};

}  // namespace

std::unique_ptr<TableReader> make_json_lines_reader(std::vector<std::string> columns) {
  return std::make_unique<JsonLinesReader>(std::move(columns));
}

std::string row_place(std::uint64_t row) {
  return "row " + std::to_string(row);
}

std::string cell_place(std::uint64_t row, std::string_view column) {
  return row_place(row) + ", column \"" + std::string(column) + "\"";
}

}  // namespace concordat::session::input

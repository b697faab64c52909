#include "session/protocols/aggregate/parameters.hpp"

#include <nlohmann/json.hpp>

#include "attest/base/json.hpp"
#include "session/input/decimal.hpp"
#include "session/protocols/aggregate/errc.hpp"
#include "session/protocols/aggregate/limits.hpp"
#include "session/protocols/aggregate/words.hpp"

namespace concordat::session::aggregate {
namespace {

using base::Error;
using base::JsonErrc;
using base::JsonObject;
using base::Result;
using base::Status;
using nlohmann::json;

class Parser {
 public:
  explicit Parser(std::size_t parties) { out_.parties = parties; }

  [[nodiscard]] Result<Parameters> parse(const json& text);

 private:
  [[nodiscard]] Status numbers(JsonObject& object);
  [[nodiscard]] Status results(JsonObject& object);
  [[nodiscard]] Result<Breakdown> breakdown(JsonObject object);
  [[nodiscard]] Status groups(JsonObject& object, Breakdown& to);
  [[nodiscard]] Status edges(JsonObject& object, Breakdown& to);
  [[nodiscard]] Status measures(JsonObject& object, Breakdown& to);
  [[nodiscard]] Result<Measure> measure(JsonObject& of, const std::string& column);
  [[nodiscard]] Status minimum(JsonObject& object);

  [[nodiscard]] std::optional<std::size_t> find(const std::string& name) const;
  // Whether all rows of all parties together, each at the column's magnitude or its square, are a
  // number of 127 bits.
  [[nodiscard]] bool fits(const Column& column, bool squared) const noexcept;

  Parameters out_;
  std::vector<bool> is_used_;  // of each column
};

Result<std::string> get_name(JsonObject& object, std::string_view key) {
  CONCORDAT_TRY(std::string name, object.get_text(key));
  if (name.empty() || name.size() > kLongestName)
    return object.bad_value(key, "want 1 to " + std::to_string(kLongestName) + " bytes");
  return name;
}

// `first` or `second`, in this order; the first one where the key is absent.
Result<bool> is_second(JsonObject& object, std::string_view key, std::string_view first,
                       std::string_view second) {
  CONCORDAT_TRY(const auto word, object.find_text(key));
  if (!word || *word == first) return false;
  if (*word == second) return true;
  return object.bad_value(key,
                          "want \"" + std::string(first) + "\" or \"" + std::string(second) + "\"");
}

std::optional<std::size_t> Parser::find(const std::string& name) const {
  for (std::size_t i = 0; i < out_.columns.size(); ++i)
    if (out_.columns[i].name == name) return i;
  return std::nullopt;
}

bool Parser::fits(const Column& column, bool squared) const noexcept {
  SignedWord total = static_cast<SignedWord>(column.most);
  return !(squared && __builtin_mul_overflow(total, column.most, &total)) &&
         !__builtin_mul_overflow(total, out_.max_rows, &total) &&
         !__builtin_mul_overflow(total, out_.parties, &total);
}

Status Parser::numbers(JsonObject& object) {
  if (object.find("numbers") == nullptr) return {};
  CONCORDAT_TRY(JsonObject all, object.get_object("numbers"));
  for (const std::string& name : all.keys()) {
    Column column{name, true};
    if (name.empty() || name.size() > kLongestName)
      return object.bad_value(
          "numbers", "a column's name has 1 to " + std::to_string(kLongestName) + " bytes");
    if (out_.columns.size() == kMostNumbers)
      return object.bad_value("numbers", "more than " + std::to_string(kMostNumbers) + " columns");
    CONCORDAT_TRY(JsonObject one, all.get_object(name));
    CONCORDAT_TRY(const std::uint64_t decimals,
                  one.uint_or("decimals", 0, 0, input::kMostDecimals));
    column.decimals = static_cast<unsigned>(decimals);
    CONCORDAT_TRY(const std::string most, one.get_text("max"));
    const auto parsed = input::parse_decimal(most, column.decimals);
    if (!parsed) return one.bad_value("max", parsed.error().to_string());
    if (*parsed <= 0) return one.bad_value("max", "the largest magnitude is more than 0");
    column.most = *parsed;
    CONCORDAT_CHECK(one.finish());
    out_.columns.push_back(std::move(column));
    is_used_.push_back(false);
  }
  return {};
}

Status Parser::edges(JsonObject& object, Breakdown& to) {
  const Column& column = out_.columns[*to.by];
  if (!column.is_number)
    return object.bad_value("edges", "column \"" + column.name + "\" is not among the numbers");
  CONCORDAT_TRY(const auto texts, object.get_texts("edges"));
  if (texts.size() < 2) return object.bad_value("edges", "want two at least");
  for (const std::string& text : texts) {
    const auto edge = input::parse_decimal(text, column.decimals);
    if (!edge) return object.bad_value("edges", "\"" + text + "\": " + edge.error().to_string());
    if (!to.edges.empty() && *edge <= to.edges.back())
      return object.bad_value("edges", "\"" + text + "\" is not above the one before");
    to.edges.push_back(*edge);
  }
  return {};
}

Status Parser::groups(JsonObject& object, Breakdown& to) {
  const bool has_values = object.find("values") != nullptr;
  const bool has_edges = object.find("edges") != nullptr;
  if (object.find("by") == nullptr) {
    if (!has_values && !has_edges) return {};
    return Error(JsonErrc::missing_key, object.place_of("by"));
  }
  if (has_values == has_edges)
    return object.bad_value(
        "by", "want either \"values\" or \"edges\", so that no group depends on data");
  CONCORDAT_TRY(const std::string name, get_name(object, "by"));
  to.by = find(name);
  if (!to.by) {
    to.by = out_.columns.size();
    out_.columns.push_back({name});
    is_used_.push_back(false);
  }
  is_used_[*to.by] = true;
  CONCORDAT_TRY(to.has_other, is_second(object, "outside", "refuse", "other"));
  if (has_edges) return edges(object, to);
  CONCORDAT_TRY(to.values, object.get_texts("values"));
  if (to.values.empty()) return object.bad_value("values", "want one at least");
  std::set<std::string> seen;
  for (const std::string& value : to.values) {
    if (value.empty() || value.size() > kLongestName)
      return object.bad_value("values", "each has 1 to " + std::to_string(kLongestName) + " bytes");
    if (!seen.insert(value).second) return object.bad_value("values", "\"" + value + "\" twice");
  }
  return {};
}

Result<Measure> Parser::measure(JsonObject& of, const std::string& name) {
  const auto column = find(name);
  if (!column || !out_.columns[*column].is_number)
    return of.bad_value(name, "this column is not among the numbers");
  Measure out{*column};
  is_used_[*column] = true;
  CONCORDAT_TRY(const auto words, of.get_texts(name));
  if (words.empty()) return of.bad_value(name, "want one at least");
  for (const std::string& word : words) {
    bool* const flag = word == "sum"                   ? &out.sum
                       : word == "mean"                ? &out.mean
                       : word == "variance"            ? &out.variance
                       : word == "population_variance" ? &out.population_variance
                                                       : nullptr;
    if (flag == nullptr)
      return of.bad_value(name, "want \"sum\", \"mean\", \"variance\" or \"population_variance\"");
    if (std::exchange(*flag, true)) return of.bad_value(name, "\"" + word + "\" twice");
  }
  if (!fits(out_.columns[*column], out.squares())) {
    return of.bad_value(
        name, std::string("parties x max_rows x max") + (out.squares() ? " squared" : "") +
                  " is more than 127 bits: give fewer rows, decimals or a smaller max");
  }
  return out;
}

Status Parser::measures(JsonObject& object, Breakdown& to) {
  if (object.find("of") == nullptr) return {};
  CONCORDAT_TRY(JsonObject of, object.get_object("of"));
  for (const std::string& name : of.keys()) {
    CONCORDAT_TRY(const Measure one, measure(of, name));
    to.measures.push_back(one);
  }
  return {};
}

Result<Breakdown> Parser::breakdown(JsonObject object) {
  Breakdown out;
  CONCORDAT_TRY(out.name, get_name(object, "name"));
  for (const Breakdown& other : out_.breakdowns)
    if (other.name == out.name) return object.bad_value("name", "another result has it");
  CONCORDAT_CHECK(groups(object, out));
  CONCORDAT_CHECK(measures(object, out));
  CONCORDAT_CHECK(object.finish());
  return out;
}

Status Parser::results(JsonObject& object) {
  CONCORDAT_TRY(const json* all, object.get("results"));
  if (!all->is_array())
    return Error(JsonErrc::wrong_type, object.place_of("results") + ": want an array");
  if (all->empty() || all->size() > kMostResults)
    return object.bad_value("results", "want 1 to " + std::to_string(kMostResults));
  for (const json& one : *all) {
    const std::string place =
        object.place_of("results") + "[" + std::to_string(out_.breakdowns.size()) + "]";
    CONCORDAT_TRY(JsonObject inner, JsonObject::from(one, place));
    CONCORDAT_TRY(Breakdown made, breakdown(std::move(inner)));
    made.first_word = out_.words();
    out_.breakdowns.push_back(std::move(made));
    if (out_.words() > kMostWords)
      return object.bad_value("results",
                              "more than " + std::to_string(kMostWords) + " numbers in all");
  }
  for (std::size_t i = 0; i < out_.columns.size(); ++i)
    if (!is_used_[i])
      return object.bad_value("numbers", "no result uses \"" + out_.columns[i].name + "\"");
  return {};
}

Status Parser::minimum(JsonObject& object) {
  if (object.find("min_group_size") == nullptr) return {};
  CONCORDAT_TRY(out_.min_group_size, object.get_uint("min_group_size", 2, kMostCiphertexts));
  if (out_.breakdowns.size() != 1) {
    return object.bad_value("min_group_size",
                            "wants one result: from several the groups that one withholds could be "
                            "found by subtraction");
  }
  if (out_.tested_groups() * out_.min_group_size > kMostCiphertexts) {
    return object.bad_value("min_group_size", "times the number of groups is more than " +
                                                  std::to_string(kMostCiphertexts));
  }
  return {};
}

Result<Parameters> Parser::parse(const json& text) {
  CONCORDAT_TRY(JsonObject object, JsonObject::from(text, "parameters"));
  CONCORDAT_TRY(const bool is_json, is_second(object, "format", "csv", "json_lines"));
  out_.format = is_json ? Format::json_lines : Format::csv;
  CONCORDAT_TRY(out_.max_rows, object.get_uint("max_rows", 1, kMostRows));
  CONCORDAT_TRY(out_.leaves_out_empty, is_second(object, "empty", "refuse", "leave_out"));
  CONCORDAT_TRY(const std::uint64_t digits, object.uint_or("digits", 6, 0, kMostDigits));
  out_.digits = static_cast<unsigned>(digits);
  CONCORDAT_CHECK(numbers(object));
  CONCORDAT_CHECK(results(object));
  CONCORDAT_CHECK(minimum(object));
  CONCORDAT_CHECK(object.finish());
  return std::move(out_);
}

}  // namespace

std::size_t Breakdown::groups() const noexcept {
  if (!by) return 1;
  return (values.empty() ? edges.size() - 1 : values.size()) + (has_other ? 1 : 0);
}

std::size_t Breakdown::width() const noexcept {
  std::size_t out = 1;
  for (const Measure& measure : measures)
    out += measure.squares() ? 2 : 1;
  return out;
}

std::size_t Parameters::words() const noexcept {
  if (breakdowns.empty()) return 0;
  const Breakdown& last = breakdowns.back();
  return last.first_word + last.groups() * last.width();
}

std::size_t Parameters::tested_groups() const noexcept {
  return min_group_size == 0 ? 0 : breakdowns.front().groups();
}

base::Result<Parameters> parse_parameters(base::BytesView text, std::size_t parties) {
  if (parties < 2 || parties > kMostParties) {
    return Error(Errc::bad_parties,
                 std::to_string(parties) + ", want 2 to " + std::to_string(kMostParties));
  }
  if (text.size() > kMaxParameters) {
    return Error(JsonErrc::bad_value,
                 "parameters: more than " + std::to_string(kMaxParameters) + " bytes");
  }
  CONCORDAT_TRY(const json parsed, base::parse_strict_json(base::as_text(text)));
  return Parser(parties).parse(parsed);
}

}  // namespace concordat::session::aggregate

#include "session/protocols/aggregate/result.hpp"

#include <boost/multiprecision/cpp_int.hpp>

#include "attest/base/json_text.hpp"
#include "session/input/decimal.hpp"
#include "session/protocols/aggregate/errc.hpp"

namespace concordat::session::aggregate {
namespace {

using Integer = boost::multiprecision::cpp_int;

Integer power_of_ten(unsigned exponent) {
  return boost::multiprecision::pow(Integer(10), exponent);
}

std::string with_point(const Integer& scaled, unsigned decimals) {
  std::string digits = Integer(abs(scaled)).str();
  if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
  if (decimals > 0) digits.insert(digits.size() - decimals, 1, '.');
  return (scaled < 0 ? "-" : "") + digits;
}

// numerator / denominator with so many digits behind the point, halves to even; denominator > 0.
std::string quotient(const Integer& numerator, const Integer& denominator, unsigned digits) {
  const Integer dividend = abs(numerator) * power_of_ten(digits);
  Integer whole = dividend / denominator;
  const Integer twice_rest = 2 * (dividend % denominator);
  if (twice_rest > denominator || (twice_rest == denominator && whole % 2 != 0)) ++whole;
  return with_point(numerator < 0 ? Integer(-whole) : whole, digits);
}

class Writer {
 public:
  Writer(const Parameters& parameters, const std::vector<bool>& shown,
         const std::vector<SignedWord>& totals)
      : parameters_(parameters), shown_(shown), totals_(totals) {}

  [[nodiscard]] base::Result<base::Bytes> write();

 private:
  [[nodiscard]] base::Status group(const Breakdown& breakdown, std::size_t index);
  void label(const Breakdown& breakdown, std::size_t index);
  [[nodiscard]] base::Status measure(const Measure& measure, const Integer& count);
  [[nodiscard]] Integer next() { return Integer(totals_[word_++]); }
  void text(std::string_view name, const std::string& value) {
    json_.member<std::string_view>(name, value);
  }

  const Parameters& parameters_;
  const std::vector<bool>& shown_;
  const std::vector<SignedWord>& totals_;
  std::size_t group_ = 0;  // of all breakdowns
  std::size_t word_ = 0;
  base::JsonText json_;
};

base::Result<base::Bytes> Writer::write() {
  json_.begin_object();
  json_.member("protocol", "aggregate/1");
  json_.member("parties", static_cast<std::uint64_t>(parameters_.parties));
  json_.key("results").begin_array();
  for (const Breakdown& breakdown : parameters_.breakdowns) {
    json_.begin_object();
    text("name", breakdown.name);
    json_.key("groups").begin_array();
    for (std::size_t i = 0; i < breakdown.groups(); ++i) {
      json_.begin_object();
      CONCORDAT_CHECK(group(breakdown, i));
      json_.end_object();
    }
    json_.end_array().end_object();
  }
  json_.end_array().end_object();
  return base::to_bytes(base::as_bytes(json_.text()));
}

void Writer::label(const Breakdown& breakdown, std::size_t index) {
  if (!breakdown.by) return;
  if (breakdown.has_other && index + 1 == breakdown.groups()) {
    json_.member("other", true);
  } else if (!breakdown.values.empty()) {
    text("group", breakdown.values[index]);
  } else {
    const unsigned decimals = parameters_.columns[*breakdown.by].decimals;
    text("from", input::format_decimal(breakdown.edges[index], decimals));
    text("below", input::format_decimal(breakdown.edges[index + 1], decimals));
  }
}

base::Status Writer::group(const Breakdown& breakdown, std::size_t index) {
  label(breakdown, index);
  if (!shown_[group_++]) {
    json_.member("withheld", true);
    return {};
  }
  const Integer count = next();
  if (count < parameters_.min_group_size ||
      count > Integer(parameters_.max_rows) * parameters_.parties)
    return base::Error(Errc::impossible_total, "a number of rows in \"" + breakdown.name + "\"");
  json_.member("count", static_cast<std::uint64_t>(count));
  if (breakdown.measures.empty()) return {};
  json_.key("of").begin_array();
  for (const Measure& one : breakdown.measures) {
    json_.begin_object();
    CONCORDAT_CHECK(measure(one, count));
    json_.end_object();
  }
  json_.end_array();
  return {};
}

base::Status Writer::measure(const Measure& measure, const Integer& count) {
  const Column& column = parameters_.columns[measure.column];
  const Integer sum = next();
  const Integer squares = measure.squares() ? next() : Integer(0);
  const Integer most = column.most;
  if (abs(sum) > count * most ||
      (measure.squares() && (squares > count * most * most || squares * count < sum * sum)))
    return base::Error(Errc::impossible_total, "a sum of column \"" + column.name + "\"");
  const Integer unit = power_of_ten(column.decimals);
  // Of `divisor` degrees of freedom; without any, there is nothing to say.
  const auto put = [&](bool wanted, std::string_view name, const Integer& numerator,
                       const Integer& denominator) {
    if (!wanted) return;
    if (denominator <= 0) {
      json_.key(name).null();
    } else {
      text(name, quotient(numerator, denominator, parameters_.digits));
    }
  };
  text("column", column.name);
  if (measure.sum) text("sum", with_point(sum, column.decimals));
  put(measure.mean, "mean", sum, count * unit);
  const Integer spread = count * squares - sum * sum;  // count squared times the variance
  put(measure.variance, "variance", spread, count * (count - 1) * unit * unit);
  put(measure.population_variance, "population_variance", spread, count * count * unit * unit);
  return {};
}

}  // namespace

base::Result<base::Bytes> format_result(const Parameters& parameters,
                                        const std::vector<bool>& shown,
                                        const std::vector<SignedWord>& totals) {
  return Writer(parameters, shown, totals).write();
}

}  // namespace concordat::session::aggregate

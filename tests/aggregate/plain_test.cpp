// The protocol against the plain computation, over random tables in both formats.
#include <boost/multiprecision/cpp_int.hpp>

#include "tests/aggregate/aggregate_fixture.hpp"

namespace concordat::session::aggregate {
namespace {

using Exact = boost::multiprecision::cpp_rational;
using boost::multiprecision::cpp_int;

constexpr unsigned kDigits = 7;
const std::vector<std::string> kCountries{"CH", "DE", "a \"quoted\", one"};
constexpr std::int64_t kMost = 999'999'999'999;  // of amounts, in hundredths

struct Row {
  std::string country;
  std::int64_t amount = 0;
  std::int64_t age = 0;
};

std::string parameters(bool is_json) {
  return Json{
      {"format", is_json ? "json_lines" : "csv"},
      {"max_rows", 1000},
      {"digits", kDigits},
      {"numbers",
       {{"amount", {{"decimals", 2}, {"max", "9999999999.99"}}}, {"age", {{"max", "150"}}}}},
      {"results",
       {{{"name", "by_country"},
         {"by", "country"},
         {"values", kCountries},
         {"outside", "other"},
         {"of",
          {{"amount", {"sum", "mean", "variance", "population_variance"}}, {"age", {"sum"}}}}},
        {{"name", "ages"},
         {"by", "age"},
         {"edges", {"-10", "0", "30", "150"}},
         {"outside", "other"}},
        {{"name", "all"}, {"of", {{"age", {"mean"}}}}}}}}
      .dump();
}

std::vector<Row> random_rows(std::mt19937_64& random) {
  std::vector<Row> out(random() % 60);
  for (Row& row : out) {
    row.country = random() % 5 == 0 ? "FR" : kCountries[random() % kCountries.size()];
    row.amount = static_cast<std::int64_t>(random() >> (random() % 64)) % (kMost + 1);
    if (random() % 20 == 0) row.amount = random() % 2 == 0 ? kMost : -kMost;
    row.age = static_cast<std::int64_t>(random() % 301) - 150;
  }
  return out;
}

// One number in one of the ways in which it can be written.
std::string written(std::int64_t hundredths, std::mt19937_64& random) {
  switch (random() % 3) {
    case 0:
      return std::to_string(hundredths) + "e-2";
    case 1:
      if (hundredths % 100 == 0) return std::to_string(hundredths / 100);
      [[fallthrough]];
    default: {
      const std::int64_t magnitude = std::abs(hundredths);
      const std::string cents = std::to_string(magnitude % 100);
      return (hundredths < 0 ? "-" : "") + std::to_string(magnitude / 100) + "." +
             (cents.size() < 2 ? "0" : "") + cents + (random() % 2 == 0 ? "" : "000");
    }
  }
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char byte : text)
    out += byte == '"' ? "\"\"" : std::string(1, byte);
  return out + "\"";
}

std::string as_csv(const std::vector<Row>& rows, std::mt19937_64& random) {
  std::string out = "age,\"note\",country,amount\r\n";
  for (const Row& row : rows) {
    const bool bare = random() % 2 == 0 && row.country.size() == 2;
    out += std::to_string(row.age) + ",\"a\nnote, \"\"quoted\"\"\"," +
           (bare ? row.country : quoted(row.country)) + "," + written(row.amount, random) +
           (random() % 2 == 0 ? "\n" : "\r\n");
  }
  return out;
}

std::string as_json_lines(const std::vector<Row>& rows, std::mt19937_64& random) {
  std::string out;
  for (const Row& row : rows) {
    const std::string amount = written(row.amount, random);
    out += "{\"note\":{\"age\":[null]},\"country\":" + Json(row.country).dump() +
           ", \"\\u0061ge\": " + std::to_string(row.age) +
           ",\"amount\":" + (random() % 2 == 0 ? amount : "\"" + amount + "\"") + "}\n";
  }
  return out;
}

// What is written is the number to within half of its last digit.
void expect_near(const std::string& text, const Exact& exact) {
  const std::size_t point = text.find('.');
  ASSERT_EQ(text.size() - point - 1, kDigits) << text;
  std::string digits = text;
  const cpp_int unit = boost::multiprecision::pow(cpp_int(10), kDigits);
  const bool is_negative = digits.front() == '-';
  digits.erase(point, 1);
  if (is_negative) digits.erase(0, 1);
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));  // no octal
  const Exact said(is_negative ? cpp_int(-cpp_int(digits)) : cpp_int(digits), unit);
  EXPECT_LE(abs(Exact(said - exact)), Exact(cpp_int(1), cpp_int(2 * unit))) << text;
}

// Of the rows that are chosen, what a group of `by_country` must say.
template <class Chosen>
void expect_group(const Json& group, const std::vector<Row>& rows, const Chosen& chosen) {
  cpp_int count = 0, sum = 0, ages = 0;
  for (const Row& row : rows) {
    if (!chosen(row)) continue;
    ++count;
    sum += row.amount;
    ages += row.age;
  }
  EXPECT_EQ(cpp_int(group["count"].get<std::uint64_t>()), count);
  const Json& age = group["of"][0];
  const Json& amount = group["of"][1];
  EXPECT_EQ(age.dump(), "{\"column\":\"age\",\"sum\":\"" + ages.str() + "\"}");
  std::string hundredths = amount["sum"];
  EXPECT_EQ(hundredths.at(hundredths.size() - 3), '.');
  hundredths.erase(hundredths.size() - 3, 1);
  EXPECT_EQ(std::stoll(hundredths), static_cast<std::int64_t>(sum));
  if (count == 0) {
    EXPECT_TRUE(amount["mean"].is_null() && amount["population_variance"].is_null());
    return;
  }
  const Exact mean = Exact(sum, cpp_int(count * 100));
  expect_near(amount["mean"], mean);
  Exact squares = 0;  // by the definition, not by the sum of squares
  for (const Row& row : rows)
    if (chosen(row)) squares += (Exact(row.amount, 100) - mean) * (Exact(row.amount, 100) - mean);
  expect_near(amount["population_variance"], squares / Exact(count));
  if (count == 1) {
    EXPECT_TRUE(amount["variance"].is_null());
  } else {
    expect_near(amount["variance"], squares / Exact(cpp_int(count - 1)));
  }
}

void expect_all(const Json& results, const std::vector<Row>& rows) {
  const Json& countries = results[0]["groups"];
  for (std::size_t i = 0; i < kCountries.size(); ++i) {
    EXPECT_EQ(countries[i]["group"], kCountries[i]);
    expect_group(countries[i], rows, [&](const Row& row) { return row.country == kCountries[i]; });
  }
  expect_group(countries[3], rows, [](const Row& row) { return row.country == "FR"; });
  const Json& ages = results[1]["groups"];
  const std::int64_t edges[] = {-10, 0, 30, 150};
  std::int64_t inside = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto count = std::ranges::count_if(
        rows, [&](const Row& row) { return edges[i] <= row.age && row.age < edges[i + 1]; });
    EXPECT_EQ(ages[i]["from"], std::to_string(edges[i]));
    EXPECT_EQ(ages[i]["count"], count);
    inside += count;
  }
  EXPECT_EQ(ages[3]["count"], static_cast<std::int64_t>(rows.size()) - inside);
  EXPECT_EQ(results[2]["groups"][0]["count"], rows.size());
}

TEST(Aggregate, IsWhatThePlainComputationGives) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 60; ++i) {
    const bool is_json = i % 2 == 0;
    std::vector<Row> all;
    std::vector<std::string> tables;
    for (std::size_t parties = 2 + random() % 4; parties > 0; --parties) {
      const std::vector<Row> rows = random_rows(random);
      tables.push_back(is_json ? as_json_lines(rows, random) : as_csv(rows, random));
      all.insert(all.end(), rows.begin(), rows.end());
    }
    const auto result = run(parameters(is_json), tables, {}, random());
    ASSERT_EQ(result.what(), "ended well");
    expect_all(Json::parse(text_of(result))["results"], all);
  }
}

// The largest magnitudes that parameters can allow, in every row of every party.
TEST(Aggregate, IsExactUpToItsBounds) {
  const std::string text =
      Json{{"max_rows", 4},
           {"digits", 0},
           {"numbers", {{"x", {{"max", "3000000000000000000"}}}}},
           {"results", {{{"name", "r"}, {"of", {{"x", {"sum", "population_variance"}}}}}}}}
          .dump();
  for (const char* sign : {"", "-"}) {
    std::string table = "x\n";
    for (int i = 0; i < 4; ++i)
      table += sign + std::string("3000000000000000000\n");
    EXPECT_EQ(groups_of(run(text, {table, table, table, table})).dump(),
              std::string(R"([{"count":16,"of":[{"column":"x","sum":")") + sign +
                  R"(48000000000000000000","population_variance":"0"}]}])");
  }
  const std::string up = "x\n3000000000000000000\n", down = "x\n-3000000000000000000\n";
  EXPECT_EQ(
      groups_of(run(text, {up, down, up, down})).dump(),
      R"([{"count":4,"of":[{"column":"x","sum":"0","population_variance":"9000000000000000000000000000000000000"}]}])");
}

}  // namespace
}  // namespace concordat::session::aggregate

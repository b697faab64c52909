#include "session/protocols/aggregate/result.hpp"

#include "session/protocols/aggregate/errc.hpp"
#include "tests/aggregate/aggregate_fixture.hpp"

namespace concordat::session::aggregate {
namespace {

// Count, sum and sum of squares of one column, in units of its last decimal.
base::Result<std::string> of(unsigned decimals, unsigned digits, std::int64_t count,
                             std::int64_t sum, std::int64_t squares) {
  const auto parameters = parse_parameters(
      base::as_bytes(Json{
          {"max_rows", 100},
          {"digits", digits},
          {"numbers", {{"x", {{"decimals", decimals}, {"max", "1000"}}}}},
          {"results",
           {{{"name", "r"}, {"of", {{"x", {"sum", "mean", "variance", "population_variance"}}}}}}}}
                         .dump()),
      2);
  CONCORDAT_TRY(const base::Bytes result,
                format_result(parameters.value(), {true}, {count, sum, squares}));
  const Json group = Json::parse(base::as_text(result))["results"][0]["groups"][0]["of"][0];
  std::string out;
  for (const char* key : {"sum", "mean", "variance", "population_variance"})
    out += (out.empty() ? "" : " ") + (group[key].is_null() ? "-" : group[key].get<std::string>());
  return out;
}

TEST(AggregateResult, IsExactAndRoundsHalvesToEven) {
  EXPECT_EQ(of(0, 0, 2, 1, 1).value(), "1 0 0 0");     // 1/2, 1/2, 1/4
  EXPECT_EQ(of(0, 0, 2, 3, 5).value(), "3 2 0 0");     // 3/2, 1/2, 1/4
  EXPECT_EQ(of(0, 0, 2, -3, 5).value(), "-3 -2 0 0");  // likewise below 0
  EXPECT_EQ(of(0, 1, 2, -1, 1).value(), "-1 -0.5 0.5 0.2");
  EXPECT_EQ(of(0, 4, 3, 2, 2).value(), "2 0.6667 0.3333 0.2222");
  EXPECT_EQ(of(0, 4, 3, -2, 2).value(), "-2 -0.6667 0.3333 0.2222");
  EXPECT_EQ(of(2, 6, 2, 15, 125).value(), "0.15 0.075000 0.001250 0.000625");
  EXPECT_EQ(of(0, 30, 3, 1, 1).value(),
            "1 0.333333333333333333333333333333 0.333333333333333333333333333333 "
            "0.222222222222222222222222222222");
  EXPECT_EQ(of(2, 2, 3, -1, 1).value(), "-0.01 0.00 0.00 0.00");  // no minus before nothing
}

TEST(AggregateResult, SaysNothingWhereThereIsNothingToSay) {
  EXPECT_EQ(of(0, 2, 0, 0, 0).value(), "0 - - -");
  EXPECT_EQ(of(0, 2, 1, 7, 49).value(), "7 7.00 - 0.00");
}

TEST(AggregateResult, ATotalThatNoTablesHaveIsRefused) {
  for (const auto& [count, sum, squares] : {std::tuple{-1, 0, 0},
                                            {201, 0, 0},
                                            {1, 1001, 1002001},
                                            {1, -1001, 1002001},
                                            {2, 0, 2'000'001},
                                            {2, 4, 7},
                                            {0, 0, 1},
                                            {0, 1, 1},
                                            {1, 0, -1}}) {
    const auto result = of(0, 2, count, sum, squares);
    ASSERT_FALSE(result) << count << " " << sum << " " << squares;
    EXPECT_TRUE(result.error().is(Errc::impossible_total));
  }
  EXPECT_TRUE(of(0, 2, 200, 200'000, 200'000'000));
}

TEST(AggregateResult, IsTheSameTextForTheSameTotals) {
  const std::string parameters = R"({"max_rows":9,"numbers":{"z":{"max":"9"},"a":{"max":"9"}},
    "results":[{"name":"\u00e9 \"quoted\"","of":{"z":["sum"],"a":["mean"]}}]})";
  EXPECT_EQ(
      text_of(run(parameters, {"a,z\n1,2\n", "z,a\n3,4\n"})),
      "{\"protocol\":\"aggregate/1\",\"parties\":2,\"results\":[{\"name\":\"\xc3\xa9 "
      "\\\"quoted\\\"\",\"groups\":[{\"count\":2,"
      "\"of\":[{\"column\":\"a\",\"mean\":\"2.500000\"},{\"column\":\"z\",\"sum\":\"5\"}]}]}]}");
}

}  // namespace
}  // namespace concordat::session::aggregate

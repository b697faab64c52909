#include "session/protocols/aggregate/parameters.hpp"

#include "session/limits.hpp"
#include "session/protocols/aggregate/errc.hpp"
#include "session/protocols/aggregate/limits.hpp"
#include "tests/aggregate/aggregate_fixture.hpp"

namespace concordat::session::aggregate {
namespace {

const Json kGood = Json::parse(R"({
  "format": "csv", "max_rows": 1000, "empty": "leave_out", "digits": 4, "min_group_size": 5,
  "numbers": {"amount": {"decimals": 2, "max": "1000.00"}},
  "results": [{"name": "by_country", "by": "country", "values": ["CH", "DE"], "outside": "other",
               "of": {"amount": ["sum", "mean", "variance"]}}]})");

std::string said(const Json& parameters, std::size_t parties = 3) {
  const auto parsed = taken(parameters.dump(), parties);
  return parsed ? "taken" : parsed.error().to_string();
}

// The good ones with the value at a JSON pointer replaced.
std::string with(const char* pointer, const Json& value) {
  Json changed = kGood;
  changed[Json::json_pointer(pointer)] = value;
  return said(changed);
}

TEST(AggregateParameters, AreTakenAsTheyAre) {
  const auto parsed = parse_parameters(base::as_bytes(kGood.dump()), 3).value();
  EXPECT_EQ(parsed.words(), 9u);
  EXPECT_EQ(parsed.tested_groups(), 3u);
  ASSERT_EQ(parsed.columns.size(), 2u);
  EXPECT_EQ(parsed.columns[0].most, 100'000);
  EXPECT_EQ(said(Json::parse(R"({"max_rows":1,"results":[{"name":"all"}]})")), "taken");
}

TEST(AggregateParameters, EveryPartIsJudged) {
  const std::string bad = "the value is not allowed: parameters.";
  const std::tuple<const char*, Json, std::string> cases[] = {
      {"/format", "xml", bad + "format: want \"csv\" or \"json_lines\""},
      {"/max_rows", 0, bad + "max_rows: 0 is not between 1 and 1000000000"},
      {"/empty", "skip", bad + "empty: want \"refuse\" or \"leave_out\""},
      {"/digits", 31, bad + "digits: 31 is not between 0 and 30"},
      {"/min_group_size", 1, bad + "min_group_size: 1 is not between 2 and 8192"},
      {"/min_group_size", 2731,
       bad + "min_group_size: times the number of groups is more than 8192"},
      {"/numbers/amount/decimals", 19, bad + "numbers.amount.decimals: 19 is not between 0 and 18"},
      {"/numbers/amount/max", "0",
       bad + "numbers.amount.max: the largest magnitude is more than 0"},
      {"/numbers/amount/max", "1.001",
       bad +
           "numbers.amount.max: not a decimal number of as many decimals as the parameters allow: "
           "more than 2 decimals"},
      {"/numbers/amount/min", "1", "unknown key: parameters.numbers.amount.min"},
      {"/numbers/other", Json{{"max", "5"}}, bad + "numbers: no result uses \"other\""},
      {"/results", Json::array(), bad + "results: want 1 to 16"},
      {"/results", Json::object(),
       "a value of another type is wanted: parameters.results: want an array"},
      {"/results/0/name", "", bad + "results[0].name: want 1 to 256 bytes"},
      {"/results/0/values", Json::array(), bad + "results[0].values: want one at least"},
      {"/results/0/values", {"CH", "CH"}, bad + "results[0].values: \"CH\" twice"},
      {"/results/0/values", {"CH", ""}, bad + "results[0].values: each has 1 to 256 bytes"},
      {"/results/0/edges",
       {"1", "2"},
       bad +
           "results[0].by: want either \"values\" or \"edges\", so that no group depends on data"},
      {"/results/0/outside", "drop", bad + "results[0].outside: want \"refuse\" or \"other\""},
      {"/results/0/of/amount", Json::array(), bad + "results[0].of.amount: want one at least"},
      {"/results/0/of/amount", {"sum", "sum"}, bad + "results[0].of.amount: \"sum\" twice"},
      {"/results/0/of/amount",
       {"median"},
       bad +
           "results[0].of.amount: want \"sum\", \"mean\", \"variance\" or \"population_variance\""},
      {"/results/0/of/country",
       {"sum"},
       bad + "results[0].of.country: this column is not among the numbers"},
      {"/more", 1, "unknown key: parameters.more"},
      {"/results/0/more", 1, "unknown key: parameters.results[0].more"},
  };
  for (const auto& [pointer, value, what] : cases)
    EXPECT_EQ(with(pointer, value), what) << pointer << value;
  EXPECT_EQ(said(Json::array()), "a value of another type is wanted: parameters: want an object");
  EXPECT_FALSE(taken("{", 3));
  EXPECT_FALSE(taken(kGood.dump() + std::string(kMaxParameters, ' '), 3));
  EXPECT_EQ(kMaxParameters, limits::kParameterBytes) << "no descriptor brings more";
}

TEST(AggregateParameters, EdgesAscendAndAreOfNumbers) {
  const auto edges = [](const Json& list, const char* by = "x") {
    return said({{"max_rows", 5},
                 {"numbers", {{"x", {{"decimals", 1}, {"max", "5"}}}}},
                 {"results",
                  {{{"name", "h"}, {"by", by}, {"edges", list}},
                   {{"name", "s"}, {"of", {{"x", {"sum"}}}}}}}});
  };
  EXPECT_EQ(edges({"-1.5", "0", "0.1"}), "taken");
  const std::string bad = "the value is not allowed: parameters.results[0].edges: ";
  EXPECT_EQ(edges({"1"}), bad + "want two at least");
  EXPECT_EQ(edges({"1", "1.0"}), bad + "\"1.0\" is not above the one before");
  EXPECT_EQ(edges({"1", "0"}), bad + "\"0\" is not above the one before");
  EXPECT_EQ(edges({"1", "2"}, "y"), bad + "column \"y\" is not among the numbers");
  EXPECT_TRUE(edges({"1", "1.25"}).starts_with(bad + "\"1.25\": "));
}

TEST(AggregateParameters, WithAMinimumThereIsOneResult) {
  Json two = kGood;
  two["results"].push_back({{"name", "all"}});
  EXPECT_EQ(said(two),
            "the value is not allowed: parameters.min_group_size: wants one result: from several "
            "the groups that one "
            "withholds could be found by subtraction");
  two.erase("min_group_size");
  EXPECT_EQ(said(two), "taken");
  two["results"][1]["name"] = "by_country";
  EXPECT_EQ(said(two),
            "the value is not allowed: parameters.results[1].name: another result has it");
}

TEST(AggregateParameters, PartiesAreTwoAtLeast) {
  for (const auto& [parties, taken_] :
       {std::pair{0, false}, {1, false}, {2, true}, {256, true}, {257, false}})
    EXPECT_EQ(said(kGood, static_cast<std::size_t>(parties)) == "taken", taken_) << parties;
}

// The largest total is parties x max_rows x max, or x max squared: below 2^127 or refused.
TEST(AggregateParameters, NoTotalCanLeave127Bits) {
  const auto bounded = [](std::uint64_t rows, const char* max, const char* what,
                          std::size_t parties) {
    return said({{"max_rows", rows},
                 {"numbers", {{"x", {{"max", max}}}}},
                 {"results", {{{"name", "r"}, {"of", {{"x", {what}}}}}}}},
                parties);
  };
  EXPECT_EQ(bounded(1'000'000'000, "9223372036854775807", "sum", 256), "taken");
  EXPECT_EQ(bounded(1'000'000'000, "9223372036854775807", "mean", 256), "taken");
  const std::string refused =
      "the value is not allowed: parameters.results[0].of.x: parties x max_rows x max squared is "
      "more "
      "than 127 bits: give fewer rows, decimals or a smaller max";
  // 2 x 2^19 x (2^53)^2 is 2^126; twice the rows are 2^127.
  EXPECT_EQ(bounded(524'288, "9007199254740992", "variance", 2), "taken");
  EXPECT_EQ(bounded(1'048'575, "9007199254740992", "variance", 2), "taken");
  EXPECT_EQ(bounded(1'048'576, "9007199254740992", "variance", 2), refused);
  EXPECT_EQ(bounded(1'048'575, "9007199254740992", "population_variance", 3), refused);
  EXPECT_EQ(bounded(1'048'576, "9007199254740991", "variance", 2), "taken");
}

// In each group a count, and of each column a sum and one of squares.
TEST(AggregateParameters, AreBoundedInWords) {
  Json many = Json::parse(R"({"max_rows": 1, "numbers": {},
                              "results": [{"name": "r", "by": "x", "values": [], "of": {}}]})");
  Json& result = many["results"][0];
  for (std::size_t i = 0; i < kMostNumbers; ++i) {
    const std::string column = "y" + std::to_string(i);
    many["numbers"][column]["max"] = "1";
    result["of"][column] = {"variance"};
  }
  constexpr std::size_t kWordsOfGroup = 1 + 2 * kMostNumbers;
  for (std::size_t i = 0; i < kMostWords / kWordsOfGroup; ++i)
    result["values"].push_back(std::to_string(i));
  EXPECT_EQ(said(many), "taken");
  for (std::size_t i = 0; i < kMostWords % kWordsOfGroup; ++i)  // up to the last of them
    many["results"].push_back({{"name", "all" + std::to_string(i)}});
  EXPECT_EQ(said(many), "taken");
  many["results"].push_back({{"name", "more"}});
  EXPECT_EQ(said(many),
            "the value is not allowed: parameters.results: more than 65536 numbers in all");
}

}  // namespace
}  // namespace concordat::session::aggregate

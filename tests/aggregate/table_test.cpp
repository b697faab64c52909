// What a party's own table is refused for, and that nothing of its cells is said.
#include <sys/resource.h>

#include "session/input/errc.hpp"
#include "tests/aggregate/aggregate_fixture.hpp"

namespace concordat::session::aggregate {
namespace {

constexpr const char* kParameters = R"({
  "max_rows": 3,
  "numbers": {"amount": {"decimals": 2, "max": "1000"}},
  "results": [{"name": "by_country", "by": "country", "values": ["CH", "DE"]},
              {"name": "amounts", "by": "amount", "edges": ["0", "10", "100.5"]}]})";

// `one` for a first party, a good table for a second.
test::LockstepResult with_table(const std::string& one,
                                const std::string& parameters = kParameters) {
  return run(parameters, {one, "country,amount\n"});
}

TEST(AggregateTable, BadRowsAreRefusedByPlaceAlone) {
  const std::tuple<const char*, const char*> cases[] = {
      {"CH,4711x\n",
       "not a decimal number of as many decimals as the parameters allow: row 1, column "
       "\"amount\": not a decimal number"},
      {"CH,5\nCH,4.711\n",
       "not a decimal number of as many decimals as the parameters allow: row 2, column "
       "\"amount\": more than 2 decimals"},
      {"CH,1000.01\n",
       "a number beyond the bounds of the parameters: row 1, column \"amount\": beyond 1000.00"},
      {"CH,-1000.01\n",
       "a number beyond the bounds of the parameters: row 1, column \"amount\": beyond 1000.00"},
      {"CH,99999999999999999999\n",
       "a number beyond the bounds of the parameters: row 1, column \"amount\": too large"},
      {"CH,1\nFR,1\n",
       "a row that belongs to none of the parameters' groups: row 2, column \"country\": in no "
       "group of \"by_country\""},
      {"ch,1\n",
       "a row that belongs to none of the parameters' groups: row 1, column \"country\": in no "
       "group of \"by_country\""},
      {"CH,100.5\n",
       "a row that belongs to none of the parameters' groups: row 1, column \"amount\": in no "
       "group of \"amounts\""},
      {"CH,-0.01\n",
       "a row that belongs to none of the parameters' groups: row 1, column \"amount\": in no "
       "group of \"amounts\""},
      {"CH,\n", "a cell that is wanted is empty: row 1, column \"amount\""},
      {"CH,1\n\"\",1\n", "a cell that is wanted is empty: row 2, column \"country\""},
      {"CH,1\nCH,1\nCH,1\nCH,1\n", "more than the parameters allow: more than 3 rows"},
      {"CH\n", "the input is not in its format: row 1: 1 cells, the header has 2"},
  };
  for (const auto& [rows, what] : cases) {
    const auto result = with_table("country,amount\n" + std::string(rows));
    EXPECT_EQ(result.what(), what);
    EXPECT_EQ(result.what().find("4711"), std::string::npos);
  }
}

TEST(AggregateTable, TheLastRowsAndEdgesCount) {
  const auto result = with_table("country,amount\nCH,0\nDE,10\nDE,100.49\n");
  EXPECT_EQ(text_of(result),
            R"({"protocol":"aggregate/1","parties":2,"results":[)"
            R"({"name":"by_country","groups":[{"group":"CH","count":1},{"group":"DE","count":2}]},)"
            R"({"name":"amounts","groups":[{"from":"0.00","below":"10.00","count":1},)"
            R"({"from":"10.00","below":"100.50","count":2}]}]})");
}

TEST(AggregateTable, RowsOutsideAreCountedWhereTheParametersSaySo) {
  Json parameters = Json::parse(kParameters);
  parameters["results"][0]["outside"] = parameters["results"][1]["outside"] = "other";
  const auto result = with_table("country,amount\nFR,-5\nDE,1000\nCH,1\n", parameters.dump());
  const Json results = Json::parse(text_of(result))["results"];
  EXPECT_EQ(results[0]["groups"][2].dump(), R"({"other":true,"count":1})");
  EXPECT_EQ(results[1]["groups"][2].dump(), R"({"other":true,"count":2})");
}

TEST(AggregateTable, RowsWithAnEmptyCellAreLeftOutWholeWhereTheParametersSaySo) {
  Json parameters = Json::parse(kParameters);
  parameters["empty"] = "leave_out";
  const std::string csv = "country,amount\nCH,\n,5\nCH,7\n";
  EXPECT_EQ(groups_of(with_table(csv, parameters.dump()))[0]["count"], 1);
  parameters["format"] = "json_lines";
  const std::string lines =
      "{\"country\":\"CH\"}\n{\"amount\":5,\"country\":null}\n{\"amount\":7,\"country\":\"CH\"}\n";
  EXPECT_EQ(groups_of(run(parameters.dump(), {lines, ""}))[0]["count"], 1);
}

TEST(AggregateTable, OfAnEarlierRunNothingIsKept) {
  EXPECT_FALSE(taken(kParameters, 2).value()->restore(base::SecretBytes::random(8)));
}

TEST(AggregateTable, IsForTheSeatsThatTheParametersWereJudgedFor) {
  auto intake = taken(kParameters, 3).value();
  ASSERT_TRUE(intake->feed(base::as_bytes("country,amount\n")));
  EXPECT_FALSE(intake->begin(test::seats(2)[0]));
}

// As text it is some 16 MB.
TEST(AggregateTable, AMillionRowsTakeNoMoreMemoryThanOne) {
  const auto kilobytes = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  auto intake = taken(R"({"max_rows":1000000,"numbers":{"amount":{"decimals":2,"max":"1000"}},
                          "results":[{"name":"r","by":"country","values":["CH","DE"],"of":{"amount":["variance"]}}]})",
                      2)
                    .value();
  std::string piece;
  for (int i = 0; i < 1000; ++i)
    piece += (i % 2 == 0 ? "CH,000000" : "DE,000000") + std::to_string(i) + ".5\n";
  ASSERT_TRUE(intake->feed(base::as_bytes("country,amount\n")));
  ASSERT_TRUE(intake->feed(base::as_bytes(piece)));
  const auto before = kilobytes();
  for (int i = 1; i < 1000; ++i)
    ASSERT_TRUE(intake->feed(base::as_bytes(piece)));
  EXPECT_LT(kilobytes() - before, 1024);
  EXPECT_TRUE(intake->begin(test::seats(2)[0]));
}

}  // namespace
}  // namespace concordat::session::aggregate

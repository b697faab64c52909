#include "tests/aggregate/table_fixture.hpp"

namespace concordat::session::input {
namespace {

std::string csv(std::string_view text, const std::vector<std::string>& columns = {"a", "b"}) {
  return said(read_everyhow(make_csv_reader, columns, text));
}

TEST(Csv, GivesTheColumnsThatAreAskedFor) {
  EXPECT_EQ(csv("a,b\n1,2\n3,4\n"), "[0=1 1=2][0=3 1=4]");
  EXPECT_EQ(csv("x,b,y,a,z\n-,2,-,1,-\n-,4,-,3,-"), "[1=2 0=1][1=4 0=3]");
  EXPECT_EQ(csv("x\n1\n2\n", {}), "[][]");
  EXPECT_EQ(csv("a,b"), "");
  EXPECT_EQ(csv("a,b\r\n"), "");
}

TEST(Csv, RowsEndEitherWayTheLastOneAlsoWithout) {
  EXPECT_EQ(csv("a,b\r\n1,2\n3,4\r\n5,6"), "[0=1 1=2][0=3 1=4][0=5 1=6]");
  EXPECT_EQ(csv("a,b\n1,"), "[0=1 1=]");
  EXPECT_EQ(csv("a,b\n,\n"), "[0= 1=]");
  EXPECT_EQ(csv("a\n\n1\n", {"a"}), "[0=][0=1]");  // of one column, an empty cell
}

TEST(Csv, QuotesHoldCommasQuotesAndLineEnds) {
  EXPECT_EQ(csv("a,b\n\"1,\"\"x\"\"\",\"2\r\n3\"\n"), "[0=1,\"x\" 1=2\r\n3]");
  EXPECT_EQ(csv("\"a\",\"b\"\r\n\"\",\"\"\"\"\r\n"), "[0= 1=\"]");
  EXPECT_EQ(csv("\"odd \"\"name\"\"\",b\n1,2\n", {"odd \"name\"", "b"}), "[0=1 1=2]");
  EXPECT_EQ(csv("x,a,b\n\"\n,\"\"\n\",\"1\",2"), "[0=1 1=2]");
  EXPECT_EQ(csv("a,b\n 1 ,\t2\n"), "[0= 1  1=\t2]");  // spaces are part of a cell
}

TEST(Csv, WhatIsMalformedIsRefusedByItsPlace) {
  const std::string malformed = "the input is not in its format: ";
  const std::pair<const char*, const char*> cases[] = {
      {"", "no header"},
      {"a,b\n1,\"2", "row 1, cell 2: the table ends within quotes"},
      {"a,b\n1,2\n3,4\"\n", "row 2, cell 2: a quote in a cell that does not begin with one"},
      {"a,b\n\"1\"2,3\n", "row 1, cell 1: something between a closing quote and a comma"},
      {"a,b\n1\r,2\n", "row 1, cell 2: a carriage return without a line feed"},
      {"a,b\n1,2\r", "row 1, cell 3: a carriage return without a line feed"},
      {"a,b\n1,2\n3\n", "row 2: 1 cells, the header has 2"},
      {"a,b\n1,2,3\n", "row 1: 3 cells, the header has 2"},
      {"a,b\n1,2\n\n", "row 2: 1 cells, the header has 2"},
      {"\xef\xbb\xbf"
       "a,b\n",
       "header, cell 1: starts with a byte order mark; save it without"},
      {"a\"b\n", "header, cell 1: a quote in a cell that does not begin with one"},
  };
  for (const auto& [text, what] : cases)
    EXPECT_EQ(csv(text), malformed + what) << text;
}

TEST(Csv, EveryColumnIsThereOnce) {
  const std::string bad = "a column that the parameters name is missing or there twice: ";
  EXPECT_EQ(csv("a\n1\n"), bad + "header: no column \"b\"");
  EXPECT_EQ(csv("A,B\n1,2\n"), bad + "header: no column \"a\"");
  EXPECT_EQ(csv("a,b,a\n"), bad + "header: column \"a\" is there twice");
  EXPECT_EQ(csv("a,x,x,b\n1,2,3,4\n"), "[0=1 1=4]");
}

TEST(Csv, CellsAndHeadersAreBounded) {
  const std::string longest(kLongestCell, 'x');
  for (const char* quote : {"", "\""}) {
    const auto text = [&](const std::string& cell) {
      return "b,a\n1," + (quote + cell) + quote + "\n";
    };
    const auto fits = read(make_csv_reader, {"a"}, text(longest));
    ASSERT_TRUE(fits);
    EXPECT_EQ(fits->front(), "0=" + longest);
    const auto larger = read(make_csv_reader, {"a"}, text(longest + "x"));
    ASSERT_FALSE(larger);
    EXPECT_TRUE(larger.error().is(Errc::too_long));
    EXPECT_EQ(larger.error().detail(), "row 1, cell 2: more than 65536 bytes");
    // Whatever nobody asked for is not kept, however long it is.
    EXPECT_TRUE(read(make_csv_reader, {"b"}, text(longest + longest)));
  }
  std::string header = "a";
  for (std::size_t i = 0; i < kMostColumns; ++i)
    header += ",x";
  EXPECT_FALSE(read(make_csv_reader, {"a"}, header + "\n"));
  EXPECT_TRUE(read(make_csv_reader, {"a"}, header.substr(0, header.size() - 2) + "\n"));
}

TEST(Csv, AnErrorOfWhoeverTakesTheRowsEndsIt) {
  EXPECT_EQ(csv("a,b\n1,2\n1,refuse me\n"),
            "a number beyond the bounds of the parameters: as asked");
}

// A table whose cells are known, written in a random way.
TEST(Csv, ReadsBackWhatWasWritten) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  constexpr std::string_view kAlphabet = "ab,\"\n\r \xc3\xa9";
  for (int i = 0; i < 200; ++i) {
    std::string text = "x,a,b\n", expected;
    for (std::size_t row = random() % 5; row > 0; --row) {
      std::array<std::string, 3> cells;
      for (std::size_t c = 0; c < 3; ++c) {
        for (std::size_t n = random() % 5; n > 0; --n)
          cells[c] += kAlphabet[random() % kAlphabet.size()];
        const bool quoted =
            random() % 3 == 0 || cells[c].find_first_of(",\"\n\r") != std::string::npos;
        if (c > 0) text += ',';
        if (!quoted) {
          text += cells[c];
          continue;
        }
        text += '"';
        for (const char byte : cells[c])
          text += byte == '"' ? "\"\"" : std::string(1, byte);
        text += '"';
      }
      text += random() % 2 == 0 ? "\n" : "\r\n";
      expected += "[0=" + cells[1] + " 1=" + cells[2] + "]";
    }
    EXPECT_EQ(csv(text), expected) << text;
  }
}

}  // namespace
}  // namespace concordat::session::input

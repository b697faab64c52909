// What programs rely on in deploy/command_line, whichever library is behind it.
#include "deploy/command_line/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace {

using concordat::command_line::Command;
using concordat::command_line::parse_number;
using concordat::command_line::Program;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class CommandLine : public testing::Test {
 protected:
  std::optional<int> parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "program");
    return program_.parse(static_cast<int>(arguments.size()), arguments.data(), out_, err_);
  }
  // Nothing but the error, then where there is help.
  void expect_usage_error(std::vector<const char*> arguments, const std::string& error) {
    EXPECT_EQ(parse(std::move(arguments)), 1);
    EXPECT_EQ(err_.str(), error + "\nRun with --help for more information.\n");
    EXPECT_EQ(out_.str(), "");
  }

  Program program_{"What it does.", "program"};
  Command command_ = program_.command();
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(CommandLine, EndsWellAfterHelpAndVersion) {
  command_.set_version_flag("--version", "1.2.3");
  EXPECT_EQ(parse({"--version"}), 0);
  EXPECT_EQ(out_.str(), "1.2.3\n");
  EXPECT_EQ(parse({"--help"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("What it does.\nUsage: program [OPTIONS]"));
  EXPECT_EQ(err_.str(), "");
}

TEST_F(CommandLine, RunsWhatWasChosenOnceAllIsParsed) {
  std::string seen;
  std::string value;
  const Command chosen = command_.add_subcommand("chosen", "");
  chosen.add_option("--value", value, "");
  chosen.callback([&] { seen = "chosen " + value; });
  command_.add_subcommand("other", "").callback([&] { seen = "other"; });
  EXPECT_EQ(parse({"chosen", "--value", "x"}), std::nullopt);
  EXPECT_EQ(seen, "chosen x");
  EXPECT_TRUE(command_.got_subcommand("chosen"));
  EXPECT_FALSE(command_.got_subcommand("other"));
}

TEST_F(CommandLine, NamesAMistypedSubcommand) {
  command_.require_known_subcommand();
  command_.add_subcommand("serve", "");
  expect_usage_error({"sreve"}, "The following argument was not expected: sreve");
}

TEST_F(CommandLine, WantsASubcommand) {
  command_.require_known_subcommand();
  command_.add_subcommand("serve", "");
  expect_usage_error({}, "A subcommand is required");
}

TEST_F(CommandLine, TellsNotGivenFromEmpty) {
  std::optional<std::string> not_given;
  std::optional<std::string> empty;
  command_.add_option("--not-given", not_given, "");
  command_.add_option("--empty", empty, "");
  EXPECT_EQ(parse({"--empty", ""}), std::nullopt);
  EXPECT_EQ(not_given, std::nullopt);
  EXPECT_EQ(empty, "");
}

TEST_F(CommandLine, RefusesNumbersThatDoNotFit) {
  std::uint32_t number = 0;
  command_.add_option("--number", number, "");
  EXPECT_EQ(parse({"--number", "4294967296"}), 1);
  EXPECT_EQ(parse({"--number", "-1"}), 1);
  EXPECT_EQ(parse({"--number", "1x"}), 1);
  EXPECT_EQ(parse({"--number", "4294967295"}), std::nullopt);
  EXPECT_EQ(number, 4294967295);
}

TEST_F(CommandLine, HoldsNumbersToTheirRange) {
  std::uint32_t days = 30;
  command_.add_option("--days", days, "").range(1, 90).capture_default_str();
  expect_usage_error({"--days", "91"}, "--days: Value 91 not in range 1 to 90");
}

TEST_F(CommandLine, NamesTheOptionWhoseValueIsWrong) {
  std::string value;
  command_.add_option("--value", value, "").check([](const std::string& text) {
    return text == "right" ? "" : "not right: " + text;
  });
  expect_usage_error({"--value", "left"}, "--value: not right: left");
}

TEST_F(CommandLine, HandsOverListsOneByOneUpToTheFirstThatIsWrong) {
  std::vector<std::string> taken;
  command_
      .add_list_function(
          "--item",
          [&](const std::string& text) {
            taken.push_back(text);
            return text == "bad" ? "it is bad" : std::string();
          },
          "")
      .one_value_each();
  expect_usage_error({"--item", "good", "--item", "bad", "--item", "late"}, "--item: it is bad");
  EXPECT_THAT(taken, ElementsAre("good", "bad"));
}

TEST_F(CommandLine, LeavesWhatStandsAfterAnOptionWithOneValueEach) {
  std::vector<std::string> list;
  std::string file;
  command_.add_option("--item", list, "").one_value_each();
  command_.add_option("FILE", file, "");
  EXPECT_EQ(parse({"--item", "one", "--item", "two", "file"}), std::nullopt);
  EXPECT_THAT(list, ElementsAre("one", "two"));
  EXPECT_EQ(file, "file");
}

TEST_F(CommandLine, WantsOptionsTogetherOrApart) {
  std::string text;
  bool flag = false;
  const auto key = command_.add_option("--key", text, "");
  const auto other = command_.add_option("--other", text, "");
  key.needs(other);
  command_.add_flag("--none", flag, "").excludes(key);
  expect_usage_error({"--key", "k"}, "--key requires --other");
  err_.str("");
  EXPECT_EQ(parse({"--key", "k", "--other", "o", "--none"}), 1);
  EXPECT_THAT(err_.str(), StartsWith("--key excludes --none"));
}

TEST_F(CommandLine, CountsTheOptionsOfAGroup) {
  std::string text;
  const Command group = command_.add_option_group("Source", "One of these");
  group.add_option("--eif", text, "");
  group.add_option("--document", text, "");
  group.require_option(1);
  EXPECT_EQ(parse({}), 1);
  EXPECT_EQ(parse({"--eif", "a", "--document", "b"}), 1);
  EXPECT_EQ(parse({"--eif", "a"}), std::nullopt);
  group.require_option(1, 0);
  EXPECT_EQ(parse({}), 1);
  EXPECT_EQ(parse({"--eif", "a", "--document", "b"}), std::nullopt);
}

TEST_F(CommandLine, KeepsWhatItDoesNotKnowWhereAllowed) {
  command_.allow_extras();
  EXPECT_EQ(parse({"--unknown", "x"}), std::nullopt);
  EXPECT_THAT(command_.remaining(), ElementsAre("--unknown", "x"));
}

TEST_F(CommandLine, LetsErrorsOfCallbacksThrough) {
  command_.callback([] { throw std::runtime_error("not of the command line"); });
  EXPECT_THROW((void)parse({}), std::runtime_error);
}

TEST(ParseNumber, TakesWholeNumbersAlone) {
  EXPECT_EQ(parse_number("18446744073709551615"), 18446744073709551615U);
  for (const char* text : {"", "1 ", "x", "1.5"})
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
}

}  // namespace

// The tables that the repository makes for sessions on one machine, whose result Python works out
// from all of them: the protocol's is the same, byte for byte.
#include <cstdlib>
#include <fstream>

#include "tests/aggregate/aggregate_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::session::aggregate {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(SampleTables, HaveTheResultThatPythonWorksOut) {
  for (const char* options : {"--parties 3 --rows 400", "--parties 2 --rows 1 --seed 2",
                              "--parties 5 --rows 100 --seed 3 --format json_lines",
                              "--parties 2 --rows 0", "--parties 3 --rows 60 --minimum 4",
                              "--parties 2 --rows 50 --seed 4 --minimum 20 --format json_lines"}) {
    SCOPED_TRACE(options);
    const concordat::test::TemporaryFolder folder;
    const std::string command = "/usr/bin/python3 -B " SAMPLE_TABLES " --folder " +
                                folder.path().string() + " " + options + " > /dev/null";
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    std::vector<std::string> tables;
    for (std::size_t i = 1; std::filesystem::exists(folder.path() / ("table-" + std::to_string(i)));
         ++i)
      tables.push_back(read_file(folder.path() / ("table-" + std::to_string(i))));
    EXPECT_EQ(text_of(run(read_file(folder.path() / "parameters.json"), tables)),
              read_file(folder.path() / "expected.json"));
  }
}

}  // namespace
}  // namespace concordat::session::aggregate

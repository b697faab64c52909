// Output compared with a file in the repository. CONCORDAT_UPDATE_GOLDEN=1 writes the file instead,
// for a look at the difference before it is committed.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#ifndef CONCORDAT_SOURCE_DIR
#error "link concordat_test_support"
#endif

namespace concordat::test {

// `file` from the repository's root.
inline void expect_golden(const std::string& file, const std::string& found) {
  const auto path = std::filesystem::path(CONCORDAT_SOURCE_DIR) / file;
  if (std::getenv("CONCORDAT_UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << found;
    return;
  }
  std::ifstream in(path, std::ios::binary);
  ASSERT_TRUE(in) << "no golden file " << path;
  const std::string wanted{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(found, wanted) << "differs from " << path;
}

}  // namespace concordat::test

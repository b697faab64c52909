// Where the shared test vectors are: $CONCORDAT_VECTORS, or ../shared/vectors beside the checkout.
#pragma once

#include <cstdlib>
#include <filesystem>

#ifndef CONCORDAT_SOURCE_DIR
#error "link concordat_test_support"
#endif

namespace concordat::test {

inline std::filesystem::path vectors_folder() {
  if (const char* folder = std::getenv("CONCORDAT_VECTORS")) return folder;
  return std::filesystem::path(CONCORDAT_SOURCE_DIR).parent_path() / "shared" / "vectors";
}

}  // namespace concordat::test

// First line of a test that needs vectors.
#define CONCORDAT_REQUIRE_VECTORS()                                     \
  if (!std::filesystem::exists(concordat::test::vectors_folder()))      \
  GTEST_SKIP() << "no vectors at " << concordat::test::vectors_folder() \
               << " (set CONCORDAT_VECTORS to their folder)"

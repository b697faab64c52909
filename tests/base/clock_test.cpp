#include "attest/base/clock.hpp"

#include <gtest/gtest.h>

namespace concordat::base {
namespace {

TEST(Rfc3339, RoundTrips) {
  for (const auto* text :
       {"1970-01-01T00:00:00Z", "2026-01-15T12:00:05.250Z", "2049-10-28T14:28:05Z"}) {
    EXPECT_EQ(format_rfc3339(parse_rfc3339(text).value()), text);
  }
  EXPECT_EQ(parse_rfc3339("2026-01-15T12:00:05Z").value().value, 1768478405000);
}

TEST(Rfc3339, AppliesOffsets) {
  EXPECT_EQ(parse_rfc3339("2026-01-15T14:00:05+02:00").value().value, 1768478405000);
  EXPECT_EQ(parse_rfc3339("2026-01-15T06:30:05-05:30").value().value, 1768478405000);
}

TEST(Rfc3339, RefusesWhatIsNotATime) {
  for (const auto* text : {"", "now", "2026-01-15", "2026-02-30T00:00:00Z", "2026-01-15T24:00:00Z",
                           "2026-01-15T12:00:05", "2026-01-15T12:00:05Zx", "2026-01-15T12:00:05.Z",
                           "-026-01-15T12:00:05Z", "2026-01-15T12:00:05+24:00"}) {
    EXPECT_TRUE(parse_rfc3339(text).error().is(TimeErrc::bad_timestamp)) << text;
  }
}

}  // namespace
}  // namespace concordat::base

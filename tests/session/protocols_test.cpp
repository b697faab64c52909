#include "session/protocols.hpp"

#include <gtest/gtest.h>

#include <set>

namespace concordat::session {
namespace {

TEST(Protocols, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const ProtocolKind& kind : all_protocols()) {
    EXPECT_TRUE(names.insert(kind.name).second) << kind.name;
    EXPECT_NE(kind.take, nullptr) << kind.name;
    const auto found = find_protocol(kind.name);
    ASSERT_TRUE(found) << kind.name;
    EXPECT_EQ(found->take, kind.take) << kind.name;
  }
}

TEST(Protocols, AnUnknownNameIsAnsweredWithThoseThatThereAre) {
  const auto found = find_protocol("no-such-protocol/1");
  ASSERT_FALSE(found);
  EXPECT_TRUE(found.error().is(ProtocolsErrc::unknown_protocol));
  for (const ProtocolKind& kind : all_protocols())
    EXPECT_NE(found.error().detail().find(kind.name), std::string::npos) << kind.name;
}

}  // namespace
}  // namespace concordat::session

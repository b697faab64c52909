#include "session/input/errc.hpp"
#include "session/protocols/psi_size/errc.hpp"
#include "session/protocols/psi_size/limits.hpp"
#include "tests/psi_size/psi_fixture.hpp"

namespace concordat::session::psi_size {
namespace {

TEST(PsiSizeParameters, AreStrict) {
  EXPECT_TRUE(taken(R"({"max_items":1})"));
  EXPECT_TRUE(taken(R"({"max_items":65536,"min_items":65536})"));
  for (const char* refused :
       {"", "[]", "{}", R"({"max_items":0})", R"({"max_items":65537})", R"({"max_items":-1})",
        R"({"max_items":"5"})", R"({"max_items":5,"min_items":6})", R"({"max_items":5,"more":1})",
        R"({"max_items":5,"max_items":5})"}) {
    EXPECT_FALSE(taken(refused)) << refused;
  }
  EXPECT_FALSE(taken(R"({"max_items":1})" + std::string(kMaxParameters, ' ')));
}

TEST(PsiSizeParameters, AreOfTwoParties) {
  for (const std::size_t parties : {0, 1, 3, 25}) {
    const auto refused = taken(R"({"max_items":1})", parties);
    ASSERT_FALSE(refused) << parties;
    EXPECT_TRUE(refused.error().is(Errc::bad_parties));
  }
}

TEST(PsiSizeItems, AreLinesEachCountedOnce) {
  const std::string parameters = R"({"max_items":3})";
  EXPECT_EQ(result_of(run(parameters, {"a\nb\na\r\n\n\nb\nc\na", "c\r\nc\na\n"})), size_text(2));
  EXPECT_EQ(result_of(run(parameters, {"", ""})), size_text(0));
  EXPECT_EQ(result_of(run(parameters, {"a\nA\n a\n", "a"})), size_text(1));  // bytes decide
  EXPECT_EQ(result_of(run(parameters, {std::string("a\0b\n", 4), "a"})), size_text(0));
}

TEST(PsiSizeItems, AreBoundedInLengthAndNumber) {
  auto intake = taken(R"({"max_items":2})").value();
  const std::string longest(kLongestItem, 'x');
  EXPECT_TRUE(intake->feed(base::as_bytes(longest + "\r\n" + longest)));
  const auto longer = intake->feed(base::as_bytes("yy"));
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().to_string(),
            base::Error(input::Errc::too_long, "line 2: more than 1024 bytes").to_string());

  intake = taken(R"({"max_items":2})").value();
  EXPECT_TRUE(intake->feed(base::as_bytes("a\nb\nb\na\nb\na\nb\na\nthe third\n")));
  const auto third = intake->begin(test::seats(2)[0]);
  ASSERT_FALSE(third);
  EXPECT_TRUE(third.error().is(input::Errc::too_many));
  EXPECT_EQ(third.error().detail(), "more than 2 different items up to line 10");
}

TEST(PsiSizeItems, BeyondTheMostAreNotKept) {
  auto intake = taken(R"({"max_items":5})").value();
  std::size_t fed = 0;
  while (fed < 100 && intake->feed(base::as_bytes(std::to_string(fed) + "\n")))
    ++fed;
  EXPECT_EQ(fed, 10);
}

TEST(PsiSizeItems, AreNotFewerThanTheParametersDemand) {
  for (const auto& [items, enough] :
       {std::pair{"a\na\na\n", false}, {"a\nb", true}, {"", false}, {"\n\n", false}}) {
    auto intake = taken(R"({"max_items":9,"min_items":2})").value();
    ASSERT_TRUE(intake->feed(base::as_bytes(items)));
    const auto begun = intake->begin(test::seats(2)[0]);
    EXPECT_EQ(begun.has_value(), enough) << items;
    if (enough) continue;
    EXPECT_TRUE(begun.error().is(input::Errc::too_few));
  }
}

TEST(PsiSizeItems, OfAnEarlierRunThereAreNone) {
  EXPECT_FALSE(taken(R"({"max_items":9})").value()->restore(base::SecretBytes::random(8)));
}

}  // namespace
}  // namespace concordat::session::psi_size

#include "session/input/lines.hpp"

#include <gtest/gtest.h>

#include "session/input/errc.hpp"

namespace concordat::session::input {
namespace {

// "<a><b>", or the error; the text in pieces of `size`.
std::string lines(std::string_view text, std::size_t size, std::size_t longest = 5) {
  Lines reader(longest);
  std::string out;
  const auto take = [&](base::BytesView line) -> base::Status {
    out += "<" + std::string(base::as_text(line)) + ">";
    return {};
  };
  for (std::size_t at = 0; at < text.size(); at += size)
    if (const auto fed = reader.feed(base::as_bytes(std::string(text.substr(at, size))), take);
        !fed)
      return fed.error().to_string();
  if (const auto ended = reader.finish(take); !ended) return ended.error().to_string();
  return out;
}

TEST(Lines, ComeOutTheSameHoweverThePiecesEnd) {
  for (std::size_t size = 1; size < 12; ++size) {
    EXPECT_EQ(lines("a\n\nbc\r\n\r\n12345\r\n\r", size), "<a><><bc><><12345><>") << size;
    EXPECT_EQ(lines("12345", size), "<12345>") << size;
    EXPECT_EQ(lines("a\rb\n", size), "<a\rb>") << size;
    EXPECT_EQ(lines("a\n123456\n", size), "longer than one may be: line 2: more than 5 bytes");
    EXPECT_EQ(lines("123456", size), "longer than one may be: line 1: more than 5 bytes");
  }
  EXPECT_EQ(lines("", 1), "");
}

}  // namespace
}  // namespace concordat::session::input

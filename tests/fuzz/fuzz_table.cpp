// A party's private table, as whoever stores it hands it over: read whole and in pieces it is the
// same rows or the same refusal, nothing handed on is longer than a cell may be, and numbers that
// are read are written and read back the same. The first two bytes choose the format and the
// pieces.
#include <cstdlib>

#include "session/input/decimal.hpp"
#include "session/input/table.hpp"

namespace {

using namespace concordat;
using namespace session::input;

void require(bool holds) {
  if (!holds) std::abort();
}

class Digest final : public Rows {
 public:
  [[nodiscard]] base::Status cell(std::size_t column, std::string_view text) override {
    require(column < 2 && text.size() <= kLongestCell);
    seen += std::to_string(column) + "=" + std::string(text);
    for (const unsigned decimals : {0u, 2u, kMostDecimals}) {
      const auto number = parse_decimal(text, decimals);
      if (number)
        require(parse_decimal(format_decimal(*number, decimals), decimals).value() == *number);
    }
    return {};
  }
  [[nodiscard]] base::Status end_of_row() override {
    seen += ";";
    return {};
  }
  std::string seen;
};

// Rows so far do not count where it is refused: in pieces, more of them may have come before.
std::string read(bool is_json, base::BytesView text, std::size_t piece) {
  Digest digest;
  const auto reader = is_json ? make_json_lines_reader({"a", "b"}) : make_csv_reader({"a", "b"});
  while (!text.empty()) {
    const std::size_t size = std::min(piece, text.size());
    if (const auto fed = reader->feed(text.first(size), digest); !fed)
      return fed.error().to_string();
    text = text.subspan(size);
  }
  const auto ended = reader->finish(digest);
  return ended ? digest.seen : ended.error().to_string();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const base::BytesView text(data + 2, size - 2);
  const bool is_json = data[0] % 2 == 1;
  require(read(is_json, text, text.size() + 1) == read(is_json, text, 1u + data[1]));
  return 0;
}

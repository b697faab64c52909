#include "session/input/lines.hpp"

#include "session/input/errc.hpp"

namespace concordat::session::input {

// A carriage return may follow the longest.
Lines::Lines(std::size_t longest) : longest_(longest), kept_(longest + 1) {}

base::Error Lines::too_long() const {
  return {Errc::too_long,
          "line " + std::to_string(number_) + ": more than " + std::to_string(longest_) + " bytes"};
}

base::Status Lines::keep(base::BytesView part) {
  if (!kept_.append(part)) return too_long();
  return {};
}

base::Status Lines::hand_over(base::BytesView line, const Take& take) {
  if (!line.empty() && line.back() == '\r') line = line.first(line.size() - 1);
  if (line.size() > longest_) return too_long();
  CONCORDAT_CHECK(take(line));
  ++number_;
  return {};
}

base::Status Lines::feed(base::BytesView piece, const Take& take) {
  while (!piece.empty()) {
    const void* end = std::memchr(piece.data(), '\n', piece.size());
    if (end == nullptr) return keep(piece);
    const auto size =
        static_cast<std::size_t>(static_cast<const std::uint8_t*>(end) - piece.data());
    if (kept_.empty()) {
      CONCORDAT_CHECK(hand_over(piece.first(size), take));
    } else {
      CONCORDAT_CHECK(keep(piece.first(size)));
      CONCORDAT_CHECK(finish(take));
    }
    piece = piece.subspan(size + 1);
  }
  return {};
}

base::Status Lines::finish(const Take& take) {
  if (kept_.empty()) return {};
  const base::Status taken = hand_over(kept_.view(), take);
  kept_.clear();
  return taken;
}

}  // namespace concordat::session::input

#include "session/input/lines.hpp"

#include "attest/base/secret_access.hpp"
#include "session/input/errc.hpp"

namespace concordat::session::input {

base::Status Lines::keep(base::BytesView part) {
  if (part.size() > longest_ + 1 - used_) {  // a carriage return may follow the longest
    return base::Error(Errc::too_long, "line " + std::to_string(number_) + ": more than " +
                                           std::to_string(longest_) + " bytes");
  }
  if (kept_.empty()) kept_ = base::SecretBytes::zeroed(longest_ + 1);
  std::ranges::copy(part, kept_.expose_mutable(base::SecretAccess{}).begin() + used_);
  used_ += part.size();
  return {};
}

base::Status Lines::hand_over(base::BytesView line, const Take& take) {
  if (!line.empty() && line.back() == '\r') line = line.first(line.size() - 1);
  if (line.size() > longest_) {
    return base::Error(Errc::too_long, "line " + std::to_string(number_) + ": more than " +
                                           std::to_string(longest_) + " bytes");
  }
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
    if (used_ == 0) {
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
  if (used_ == 0) return {};
  const std::size_t size = std::exchange(used_, 0);
  return hand_over(kept_.expose(base::SecretAccess{}).first(size), take);
}

}  // namespace concordat::session::input

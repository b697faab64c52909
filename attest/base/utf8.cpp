#include "attest/base/utf8.hpp"

namespace concordat::base {

std::optional<std::size_t> find_not_utf8(BytesView s) noexcept {
  for (std::size_t i = 0; i < s.size();) {
    const std::uint8_t lead = s[i];
    const std::size_t extra = lead < 0x80   ? 0
                              : lead < 0xc2 ? 4
                              : lead < 0xe0 ? 1
                              : lead < 0xf0 ? 2
                              : lead < 0xf5 ? 3
                                            : 4;
    if (extra == 4 || s.size() - i <= extra) return i;
    for (std::size_t k = 1; k <= extra; ++k) {
      if ((s[i + k] & 0xc0) != 0x80) return i;
    }
    if ((lead == 0xe0 && s[i + 1] < 0xa0) || (lead == 0xed && s[i + 1] > 0x9f) ||
        (lead == 0xf0 && s[i + 1] < 0x90) || (lead == 0xf4 && s[i + 1] > 0x8f)) {
      return i;
    }
    i += extra + 1;
  }
  return std::nullopt;
}

}  // namespace concordat::base

#include "keyservice/heartbeat.hpp"

#include <array>

namespace concordat::keyservice {

base::BytesView heartbeat() noexcept {
  static constexpr std::array<std::uint8_t, 7> kRecord{0x82, 0x00, 0x64, 'b', 'e', 'a', 't'};
  return kRecord;
}

}  // namespace concordat::keyservice

// What a relay allows each caller, and how long it waits. Apart from relay_io.hpp, so that whoever
// reads a configuration needs no sockets.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace concordat::peer::relay {

// Whom a relay keeps apart: parents on a network may be many, and a stranger has many addresses.
inline constexpr std::size_t kMaxCallers = 1'024;

struct Limits {
  std::chrono::milliseconds preface_timeout{5'000};
  std::chrono::milliseconds dial_timeout{10'000};   // with prefaces towards the target
  std::chrono::milliseconds idle_timeout{600'000};  // no byte either way
  std::chrono::milliseconds total_timeout{86'400'000};
  // For each caller by itself; a flood by one enclave costs the others nothing but bandwidth.
  std::size_t max_streams = 1'024;
  std::uint32_t streams_per_second = 200;
  std::uint32_t stream_burst = 400;
};

}  // namespace concordat::peer::relay

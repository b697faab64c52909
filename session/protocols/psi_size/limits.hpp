// Every number of the protocol, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

namespace concordat::session::psi_size {

// Each costs its party two scalar multiplications: some fourteen seconds for the most. A broadcast
// has 32 bytes for each: 2 MiB.
inline constexpr std::uint64_t kMostItems = 65'536;
// Elements that are blinded in one go, some milliseconds: other things wait on the thread.
inline constexpr std::size_t kItemsAPart = 64;
// A line; longer identifiers are hashed by their owners, all in the same way.
inline constexpr std::size_t kLongestItem = 1024;
// What the parameters' JSON may take.
inline constexpr std::size_t kMaxParameters = 1024;

}  // namespace concordat::session::psi_size

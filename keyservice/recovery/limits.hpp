// Bounds of recovery sets, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>

namespace concordat::keyservice::recovery {

// A set travels in one record with the order that uses it: some 200 bytes a holder.
inline constexpr std::size_t kMaxHolders = 64;
inline constexpr std::size_t kMaxSet = 16 * 1024;
// The set and its maker's document.
inline constexpr std::size_t kMaxPackage = 34 * 1024;
inline constexpr std::size_t kMaxContribution = 512;

// A target's key counts for so long: holders need days to come together, and a key that nobody
// needs any more should not lie in memory.
inline constexpr std::chrono::hours kTargetLife{24 * 7};
// How far the clock of whoever looks at a document may be behind.
inline constexpr std::chrono::seconds kClockSkew{30};

// Sets that a custodian has at hand for a repeated order whose answer was lost.
inline constexpr std::size_t kRememberedSets = 4;

}  // namespace concordat::keyservice::recovery

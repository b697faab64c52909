// Every number of the keyring's state, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

namespace concordat::keyservice {

// Some 100 bytes each: what an enclave of common size can hold, and more than anybody listed.
inline constexpr std::size_t kMaxKeys = 1'000'000;
// Keys of session shares that are not destroyed, of a role: some for each signing key that it has a
// share of. A role whose enclave lies makes as many, until an operator ends one.
inline constexpr std::size_t kMaxShareKeys = 1'000;
// Of one key: daily rotation for 27 years. A destroyed version keeps its number.
inline constexpr std::uint32_t kMaxVersions = 10'000;
inline constexpr std::size_t kMaxMaterial = 64;  // the largest of key_types.hpp
// A policy has 4,096 grants at most; those that it had once are still counted.
inline constexpr std::size_t kMaxCountedGrants = 100'000;

// Audit logs that were handed to another key: a custodian may have one of 37 names.
inline constexpr std::size_t kMaxHandedLogs = 64;
inline constexpr std::size_t kMaxLogOrigin = 96;  // realm (64), "/audit/", the longest name

// Of each role, runs of sessions that took an input in, some 100 bytes each; they count for good,
// for a result that was given out stays known. Daily for 27 years, and a megabyte of a snapshot. No
// limit is all roles' together: a role whose enclave lies uses up its own, and policy bounds roles.
inline constexpr std::size_t kMaxRunsOfRole = 10'000;

// What a table takes. Another one than this is for tests, which reach its ends.
struct TableLimits {
  std::size_t keys = kMaxKeys;
  std::uint32_t versions = kMaxVersions;
  std::size_t counted_grants = kMaxCountedGrants;
  std::size_t handed_logs = kMaxHandedLogs;
  std::size_t runs_of_role = kMaxRunsOfRole;
};

// A restart reads a snapshot and at most about as many entries as this, some microseconds each.
inline constexpr std::uint64_t kEntriesPerSnapshot = 1'000;

// Of a use limit, reserved at once: a 128th, so that a restart burns about a hundredth at most, and
// one by one below 256. No more than a second's work of a busy custodian.
inline constexpr std::uint64_t kBlocksPerLimit = 128;
inline constexpr std::uint64_t kLargestBlock = 4'096;
// The next block is reserved when a quarter of the last one is left.
inline constexpr std::uint64_t kReserveAhead = 4;
// Uses that wait for one reservation; each is a request that is bounded elsewhere, too.
inline constexpr std::size_t kMaxWaitingUses = 4'096;

}  // namespace concordat::keyservice

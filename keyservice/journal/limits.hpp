// Every number of the journal, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

namespace concordat::keyservice::journal {

// What is opened lies in guarded memory, whose largest shared block has 64 KiB; more would take a
// mapping of its own each time.
inline constexpr std::size_t kMaxContent = 64 * 1024;
// Around it: version, name, realm, generation, link, index, count, salt, tag, each with its head.
inline constexpr std::size_t kMaxRecord = kMaxContent + 512;
inline constexpr std::size_t kSaltSize = 32;
inline constexpr std::size_t kKeySize = 32;
// HKDF's pseudorandom key with SHA-384.
inline constexpr std::size_t kJournalKeySize = 48;
inline constexpr std::size_t kMaxRealm = 64;  // policy/limits.hpp, kNameLength
inline constexpr std::size_t kMaxName = 96;   // the longest, a chunk's, has 64

// One answer of the store: some thousand entries of common size, and never fewer than one record.
inline constexpr std::size_t kReadBytes = 1024 * 1024;
// A journal of a million keys has some 2,500 chunks.
inline constexpr std::uint32_t kMaxChunks = 16 * 1024;
// Each snapshot removes those before it: a handful at most are there at once.
inline constexpr std::size_t kMaxSnapshots = 1000;

// Heads that a custodian can compare with what others saw; 32 bytes each, kept in snapshots too.
inline constexpr std::size_t kRememberedHeads = 1024;

// Others that come first this often in a row: something is wrong, or the store is too slow.
inline constexpr unsigned kMaxAttempts = 32;
// How often the same bytes are offered to a store that does not answer, with a look in between.
inline constexpr unsigned kMaxWrites = 3;

}  // namespace concordat::keyservice::journal

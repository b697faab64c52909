// Every number of the audit log, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace concordat::keyservice::audit {

// tlog-tiles: a tile has 2^8 hashes, a bundle as many entries.
inline constexpr unsigned kTileHeight = 8;
inline constexpr std::size_t kTileWidth = 256;
// Sizes and positions are uint63 all over the ecosystem.
inline constexpr std::uint64_t kMaxTreeSize = (std::uint64_t{1} << 63) - 1;
// Levels of tiles that a tree of that size has: 63 bits, 8 a level.
inline constexpr unsigned kMaxTileLevels = 8;

// tlog-tiles gives an entry's length 16 bits. Ours have a few hundred bytes; the rest is for texts
// at their own limits.
inline constexpr std::size_t kMaxEntry = 2048;
inline constexpr std::size_t kMaxForeignEntry = 0xffff;
inline constexpr std::size_t kMaxBundle = kTileWidth * (2 + kMaxForeignEntry);

// A note of sixteen signatures, the least that readers must accept, has under 3 KiB with Ed25519;
// post-quantum ones of witnesses have 5 KiB each.
inline constexpr std::size_t kMaxNote = 128 * 1024;
inline constexpr std::size_t kMaxNoteSignatures = 64;
inline constexpr std::size_t kMaxKeyNameSize = 255;

// Texts of an entry: policy's bounds for names, attestation's for module ids. A detail is for
// people, who have the evidence besides.
inline constexpr std::size_t kMaxEntryName = 64;
inline constexpr std::size_t kMaxEntryId = 256;
inline constexpr std::size_t kMaxEntryPurpose = 160;
inline constexpr std::size_t kMaxEntryKeyName = 128;
inline constexpr std::size_t kMaxEntryWord = 64;
inline constexpr std::size_t kMaxEntryDetail = 512;
// An admission has three; an order that many sign has a few more.
inline constexpr std::size_t kMaxEntryEvidence = 8;
// The largest is a signed policy, of 1.5 MiB at most (policy/limits.hpp).
inline constexpr std::size_t kMaxEvidence = 2 * 1024 * 1024;

// What waits to be written. A custodian that has so much unwritten stops serving.
inline constexpr std::size_t kMaxPendingEntries = 16 * 1024;
inline constexpr std::size_t kMaxPendingEvidence = 16 * 1024 * 1024;
// One batch: a few bundles, so that nobody waits for everybody.
inline constexpr std::size_t kMaxBatchEntries = 1024;
// How often the same bytes are offered to a store that does not answer, before those who wait are
// told.
inline constexpr unsigned kMaxWrites = 3;
// Evidence that is known to be in the store and not written again; 32 bytes each.
inline constexpr std::size_t kRememberedEvidence = 4096;

// Findings that a check tells; a log that is wrong throughout needs no longer list.
inline constexpr std::size_t kMaxFindings = 1000;
// Documents that a check keeps verified: peers come back, and each costs five P-384 verifications.
inline constexpr std::size_t kRememberedDocuments = 256;

// Between the making of a boot's document and its first entry, either way: the clock of an entry is
// anchored in such a document at least every ten minutes (attest/trusted_clock.hpp).
inline constexpr std::chrono::milliseconds kMaxBootSkew = std::chrono::minutes(10);
// Of an admitted peer's document and the entry, beyond what policy allows: what an admission takes.
inline constexpr std::chrono::milliseconds kMaxAdmissionTime = std::chrono::minutes(1);

}  // namespace concordat::keyservice::audit

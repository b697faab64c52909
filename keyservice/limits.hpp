// Every number of the key service, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace concordat::keyservice {

// A root of 256 bits: what KMS GenerateDataKey gives for AES_256.
inline constexpr std::size_t kRootSize = 32;
// What HKDF-Extract makes of it (SHA-384).
inline constexpr std::size_t kRootPrkSize = 48;
// HKDF output under its own label; 256 bits, so that a second root with one commitment is out of
// reach.
inline constexpr std::size_t kCommitmentSize = 32;
// Derived keys serve AES-256, HMAC and as seeds.
inline constexpr std::size_t kDerivedKeySize = 32;

// Of HMAC-SHA-256, under which custodians vouch for the journal's head.
inline constexpr std::size_t kHeadKeySize = 32;

// policy/key_pattern.hpp bounds names; this bounds what is read before they are checked.
inline constexpr std::size_t kMaxKeyName = 128;
// A message to sign travels in one record (64 KiB) with its envelope; larger things are hashed by
// their owner, who signs the hash.
inline constexpr std::size_t kMaxSignMessage = 32 * 1024;
// The largest: a ciphertext with its associated data. Fits a record.
inline constexpr std::size_t kMaxRequest = 38 * 1024;
inline constexpr std::size_t kMaxErrorDetail = 512;
inline constexpr std::size_t kMaxErrorCode = 64;

// Operators' requests and responses (admin_messages.hpp). A part holds as many items as fit a
// record.
inline constexpr std::size_t kMaxAdminOperation = 32;
inline constexpr std::size_t kMaxAdminItems = 4096;
// Keys of one part: with names of 128 characters some 38 KiB.
inline constexpr std::size_t kListedKeys = 256;
// Versions of one part: of P-384 their public keys take a few dozen milliseconds to work out.
inline constexpr std::size_t kShownVersions = 64;

// KMS while a custodian boots. The first pause is what AWS's own clients begin with; with the
// longest, a region's worth of custodians asks KMS a few times a second. After the whole the
// program ends with the error, for whoever watches it to see, long before the clock's anchor is ten
// minutes old.
inline constexpr std::chrono::milliseconds kKmsFirstPause{500};
inline constexpr std::chrono::milliseconds kKmsLongestPause = std::chrono::seconds(20);
inline constexpr std::chrono::milliseconds kKmsPatience = std::chrono::minutes(3);

// Custodians that one enclave is told of by its parent. Each costs a channel that stays.
inline constexpr std::size_t kMaxCustodians = 8;
// Another custodian is asked for the root before KMS is: for so long in all, each for a part of it,
// so that one that hangs delays the start and does not prevent it.
inline constexpr std::chrono::milliseconds kReplicaPatience = std::chrono::seconds(3);
// Custodians tell one another the journal's head, when it is another one, after so long.
inline constexpr std::chrono::milliseconds kReplicaTick{500};

// A worker uses what it was given no longer than this without asking again, so that a key that was
// disabled, destroyed or rotated is out of use everywhere after so long.
inline constexpr std::chrono::milliseconds kReleaseLifetime = std::chrono::minutes(5);
// Keys that are kept ready for signing: each costs its expanded secret.
inline constexpr std::size_t kMaxReadySigners = 256;

// Counted runs of sessions, of one role at one custodian. A run takes seconds at least; a morning's
// sessions of a whole role may begin at one moment. The journal takes each of those that wait
// before whatever is asked later, and has to write each.
inline constexpr std::uint32_t kRunsCountedPerSecond = 1;
inline constexpr std::uint32_t kRunsCountedBurst = 64;
inline constexpr std::size_t kMaxWaitingRuns = 16;

inline constexpr std::size_t kEd25519SignatureSize = 64;

}  // namespace concordat::keyservice

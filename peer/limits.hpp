// Every number of `concordat/1`, each with its reason. Section numbers are of PROTOCOL.md.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace concordat::peer {

inline constexpr std::uint64_t kProtocolVersion = 1;

// Section 2. A document is at most 16 KiB (attest/document.hpp); boxes add tag and CBOR heads.
inline constexpr std::size_t kFrameHeaderSize = 4;
inline constexpr std::size_t kMaxHelloBody = 512;
inline constexpr std::size_t kMaxEvidenceBody = 17 * 1024;
inline constexpr std::size_t kMaxAcceptBody = 512;
// A signed policy of 1 MiB in base64 with its signatures (policy/limits.hpp), and the rest.
inline constexpr std::size_t kMaxRefuseBody = 1536 * 1024 + 128;

// Section 3.
inline constexpr std::size_t kPublicKeySize = 32;
inline constexpr std::size_t kChallengeSize = 32;
inline constexpr std::size_t kMaxPurpose = 128;
inline constexpr std::size_t kMaxRole = 64;
inline constexpr std::size_t kMaxExtensions = 8;
inline constexpr std::size_t kMaxExtensionValue = 512;

// AES-256-GCM.
inline constexpr std::size_t kAeadKeySize = 32;
inline constexpr std::size_t kAeadNonceSize = 12;
inline constexpr std::size_t kAeadTagSize = 16;

// Section 9. 64 KiB: where vsock throughput levels off (DataManagementLab's
// nitro-enclaves-benchmarks on c6i.2xlarge: 12 Gbit/s at writes of 64 KiB, 8 at 16 KiB), and small
// enough that a bounded queue of records stays small.
inline constexpr std::size_t kMaxRecordPlaintext = 64 * 1024;
inline constexpr std::size_t kMaxRecordBody = kMaxRecordPlaintext + kAeadTagSize;
inline constexpr std::size_t kMaxEarlyPlaintext = 16 * 1024;

// Section 9. Far below 2^32 invocations a key (NIST SP 800-38D section 8.3 for random IVs; ours
// count) and below the 2^38 bytes where the forgery bound of GCM would pass 2^-57 (RFC 8446 5.5).
inline constexpr std::uint64_t kMaxChannelRecords = std::uint64_t{1} << 24;
inline constexpr std::uint64_t kMaxChannelBytes = std::uint64_t{1} << 36;
inline constexpr std::chrono::milliseconds kMaxChannelLife = std::chrono::hours(24);
// A new channel is made at this share of any limit, so that the old one drains at leisure.
inline constexpr std::uint64_t kRenewNumerator = 4;
inline constexpr std::uint64_t kRenewDenominator = 5;

// Section 7. Two round trips between instances are milliseconds; the NSM may take a second when
// busy; ten seconds let a slow start pass and free a dead slot soon.
inline constexpr std::chrono::milliseconds kHandshakeTimeout = std::chrono::seconds(10);
inline constexpr std::size_t kMaxHalfOpen = 64;
inline constexpr std::uint32_t kAdmissionsPerSecond = 50;
inline constexpr std::uint32_t kAdmissionBurst = 50;
// Section 7. What is handed over to strangers: of the largest policies one in two seconds, of usual
// ones (some KiB) more than admissions allow; the burst serves five of the largest at once. In the
// ten seconds of a handshake strangers who do not read can fill 18 MiB with them, and no more.
inline constexpr std::uint32_t kEnvelopeBytesPerSecond = 1024 * 1024;
inline constexpr std::uint32_t kEnvelopeByteBurst = 8 * 1024 * 1024;
static_assert(kEnvelopeByteBurst >= kMaxRefuseBody);

}  // namespace concordat::peer

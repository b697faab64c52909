// Bounds of the policy format, each with its reason. Parsing refuses what exceeds them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace concordat::policy::limits {

// Small enough to review and to travel inside a handshake's refusal.
inline constexpr std::size_t kPolicyBytes = 1024 * 1024;
// The payload in base64 (4/3) and the signatures.
inline constexpr std::size_t kEnvelopeBytes = 1536 * 1024;
inline constexpr std::size_t kSignatures = 32;
// The envelope, its three members, and for each signature itself and its two.
inline constexpr std::size_t kEnvelopeValues = 4 + 3 * kSignatures;
// A session's rule nests as deep; all else four.
inline constexpr unsigned kDepth = 8;
// A file of kPolicyBytes can claim half a million values; no sensible one has a tenth of this.
inline constexpr std::size_t kValues = 64 * 1024;
inline constexpr std::size_t kFindings = 100;

inline constexpr std::size_t kNameLength = 64;
inline constexpr std::size_t kPurposeLength = 128;  // peer/PROTOCOL.md section 3
inline constexpr std::size_t kKeyNameLength = 128;
inline constexpr std::size_t kArnLength = 2048;  // AWS's own bound for ARNs
// So many fit into kPolicyBytes.
inline constexpr std::size_t kImages = 3000;
inline constexpr std::size_t kRoles = 256;
inline constexpr std::size_t kPinsPerRole = 1024;
inline constexpr std::size_t kPurposes = 256;
inline constexpr std::size_t kGrants = 4096;
inline constexpr std::size_t kRotations = 256;
inline constexpr std::size_t kOperators = 256;
// A share's number is one byte.
inline constexpr std::size_t kHolders = 255;
inline constexpr std::size_t kSessions = 64;
// A session has at most 25 parties (session/limits.hpp); several lists of them fit.
inline constexpr std::size_t kSessionRealms = 64;
inline constexpr std::size_t kSessionIdLength = kKeyNameLength;
inline constexpr std::size_t kProtocolLength = 64;
inline constexpr std::size_t kRootGenerations = 32;
inline constexpr std::uint64_t kMaxGeneration = UINT32_MAX;
inline constexpr std::size_t kCommitmentMin = 32;
inline constexpr std::size_t kCommitmentMax = 48;
inline constexpr std::size_t kKmsKeyPolicyBytes = 32 * 1024;  // KMS's own bound

// A custodian's report: it keeps 1,024 releases in mind, of some 300 bytes each.
inline constexpr std::size_t kReleasedKeys = 4096;
inline constexpr std::size_t kReportBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kModuleIdLength = 256;

// Integers stay exact in every JSON tool (IEEE 754 double).
inline constexpr std::uint64_t kInteger = (std::uint64_t{1} << 53) - 1;

// Withholding a newer policy works until the older one expires.
inline constexpr std::chrono::hours kDefaultValidity{24 * 30};
inline constexpr std::chrono::hours kMaxValidity{24 * 90};
inline constexpr std::chrono::hours kEndsSoon{24 * 7};

inline constexpr std::uint64_t kDefaultDocumentAgeSeconds = 300;
inline constexpr std::uint64_t kMaxDocumentAgeSeconds = 3600;

// Younger than this and the online key must sign all the time; older and withholding works for
// longer than somebody would notice.
inline constexpr std::uint64_t kMaxFreshnessSeconds = 7 * 24 * 3600;
// A statement in its envelope has some 500 bytes.
inline constexpr std::size_t kStatementBytes = 4096;
// How far a signer's clock may be ahead, as for attestation documents.
inline constexpr std::chrono::milliseconds kFreshnessFuture = std::chrono::seconds(30);

// Longer is never. Shorter than a day and a key runs out of versions, of which it may have 10,000,
// while it is still in use.
inline constexpr std::uint64_t kMaxRotationSeconds = std::uint64_t{10} * 365 * 24 * 3600;
inline constexpr std::uint64_t kOftenRotationSeconds = 24 * 3600;

// The protocol's own maxima (peer/PROTOCOL.md section 9): a larger number here would promise
// nothing.
inline constexpr std::uint64_t kDefaultChannelSeconds = 3600;
inline constexpr std::uint64_t kMaxChannelSeconds = 24 * 3600;
inline constexpr std::uint64_t kMaxChannelRecords = std::uint64_t{1} << 24;
inline constexpr std::uint64_t kMaxChannelBytes = std::uint64_t{1} << 36;

inline constexpr std::uint64_t kMaxProtocolVersion = 65535;

}  // namespace concordat::policy::limits

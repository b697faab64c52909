// Every number of descriptors, forming and receipts, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "attest/authority.hpp"

namespace concordat::session::limits {

// One party computes with nobody. Everybody attests to everybody: 25 parties make 300 handshakes
// and a receipt of 25 documents (some 150 KiB), and still fit one message of people's heads.
inline constexpr std::size_t kMinParties = 2;
inline constexpr std::size_t kMaxParties = 25;

// 25 parties of 600 bytes, the parameters, and room for layout.
inline constexpr std::size_t kDescriptorBytes = 64 * 1024;
inline constexpr std::size_t kParameterBytes = 16 * 1024;
inline constexpr unsigned kDescriptorDepth = 16;
inline constexpr std::size_t kDescriptorValues = 8 * 1024;
// Every signer of every party's authority.
inline constexpr std::size_t kSignatures = kMaxParties * attest::kMaxSigners;
// The payload in base64 (4/3), and 240 bytes a signature.
inline constexpr std::size_t kEnvelopeBytes = 320 * 1024;
inline constexpr std::size_t kPurposeLength = 256;
// Longer than any policy stays in force, and what is signed should not lie about for longer.
inline constexpr std::chrono::hours kMaxLife{24 * 90};

// A round: the largest messages of the protocols that there are, and their work, take less than the
// first on a slow line; an hour is for people who watch.
inline constexpr std::chrono::seconds kRoundTime{60};
inline constexpr std::chrono::seconds kMaxRoundTime{3600};

// Forming.
// From the first stream on; an enclave may take a minute to start.
inline constexpr std::chrono::milliseconds kFormingTime = std::chrono::minutes(5);
inline constexpr std::chrono::milliseconds kFirstRedial{200};
inline constexpr std::chrono::milliseconds kLastRedial = std::chrono::seconds(5);
// Streams that others opened and that are not a party's yet, beyond one for each party: strangers
// may fill them, and then the source with the most gives up its oldest to whoever comes next.
inline constexpr std::size_t kSpareStreams = 8;
// Documents for them that are made at once. The device makes one at a time; the second keeps it
// busy, and what waits here goes by sources, not by who asked first.
inline constexpr std::size_t kMintsForStrangers = 2;
// How often a party that waits says that it is still there, and how long one that owes something
// may say nothing before its stream is made anew: a stream may be cut without a word.
inline constexpr std::chrono::milliseconds kPulse = std::chrono::seconds(3);
inline constexpr std::chrono::milliseconds kSilence = std::chrono::seconds(10);
// A roster of 25 seats has some 6 KiB.
inline constexpr std::size_t kRosterBytes = 16 * 1024;
inline constexpr std::size_t kModuleIdLength = 256;  // attest/document.hpp
// What a party that is done may send to one that is not yet; the rest waits at its sender.
inline constexpr std::size_t kUnreadBytes = 256 * 1024;
inline constexpr std::size_t kRefusals = 64;

// Receipts: the envelope, the roster, and for each party a document (16 KiB at most) and two
// signatures.
inline constexpr std::size_t kReceiptBytes = 1024 * 1024;

// Proofs: as a receipt, and besides the broadcasts of earlier rounds (4 MiB at most are kept) and
// the message that is judged. A larger one counts among the parties alone.
inline constexpr std::size_t kProofBytes = 8 * 1024 * 1024;

}  // namespace concordat::session::limits

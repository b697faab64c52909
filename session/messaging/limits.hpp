// Every number of the messages among parties, each with its reason. MESSAGING.md has the grammar.
#pragma once

#include <cstddef>
#include <cstdint>

#include "peer/limits.hpp"

namespace concordat::session::messaging {

// Every party signs what it saw of every other: a round is n^2 echoes of n entries. 32 parties are
// 3 KiB an echo, 100 KiB a party and round.
inline constexpr std::size_t kMinParties = 2;
inline constexpr std::size_t kMaxParties = 32;

// type (1) || number (8) || length (4)
inline constexpr std::size_t kFrameHeaderSize = 13;

// A broadcast or a letter: a million ristretto255 points of 32 bytes, twice over.
inline constexpr std::size_t kMaxContent = 64 * 1024 * 1024;

// What surrounds the content in a body: heads, a round, signatures.
inline constexpr std::size_t kMaxEnvelope = 128;
// One party's entry in an echo, or in an accusation's proof that all echoes were alike.
inline constexpr std::size_t kMaxEntry = 112;
// The same of evidence: two signatures more, indices, digests.
inline constexpr std::size_t kMaxAccusation = 384;

// The broadcasts that a run keeps for whoever judges evidence later: of the protocols that there
// are all but lists of many thousands. What is more is not kept, and such evidence counts among
// the parties alone.
inline constexpr std::size_t kMaxTranscript = 4 * 1024 * 1024;
inline constexpr std::size_t kMaxTranscriptRounds = 64;  // a protocol has one a party, and a few

// What is handed out at once: a record of the channel.
inline constexpr std::size_t kMaxPiece = peer::kMaxRecordPlaintext;

}  // namespace concordat::session::messaging

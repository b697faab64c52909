// What was broadcast in the rounds of a run, for whoever judges evidence and was not there. Nothing
// in it is secret, and every party's echo is beside it: no other broadcasts of these rounds count.
#pragma once

#include "session/messaging/evidence.hpp"

namespace concordat::session::messaging {

struct SeenRound {
  std::vector<base::Bytes> bodies;  // of each party, ascending
  std::vector<Signature> echoes;    // of each party, ascending, over vector_of(bodies)

  [[nodiscard]] std::size_t size() const noexcept;  // in bytes
};
using Transcript = std::vector<SeenRound>;  // of round 1, of round 2, ...

// As of an echo (messages.hpp).
[[nodiscard]] base::Sha256Digest vector_of(const std::vector<base::Bytes>& bodies);

void write_transcript(base::cbor::Writer& out, const Transcript& transcript);
// At most `parties` entries a round, and kMaxTranscript bytes of bodies. malformed or too_large.
[[nodiscard]] base::Result<Transcript> read_transcript(base::cbor::Reader& reader,
                                                       std::size_t parties);

}  // namespace concordat::session::messaging

#include "session/messaging/transcript.hpp"

#include "session/messaging/error.hpp"
#include "session/messaging/reading.hpp"

namespace concordat::session::messaging {

using base::Bytes;
using base::Error;
using base::Result;
using base::cbor::Reader;
using base::cbor::Writer;

namespace {

constexpr std::size_t kRoundItems = 2;

Result<SeenRound> read_round(Reader& reader, std::size_t parties, std::size_t& left) {
  SeenRound out;
  CONCORDAT_TRY(const std::size_t items, reader.read_array(kRoundItems));
  if (items != kRoundItems) return Error(Errc::malformed, "want broadcasts and echoes");
  CONCORDAT_TRY(const std::size_t bodies, reader.read_array(parties));
  for (std::size_t i = 0; i < bodies; ++i) {
    CONCORDAT_TRY(const base::BytesView body, reader.read_bytes(left));
    left -= body.size();
    out.bodies.push_back(base::to_bytes(body));
  }
  CONCORDAT_TRY(const std::size_t echoes, reader.read_array(parties));
  for (std::size_t i = 0; i < echoes; ++i) {
    CONCORDAT_TRY(out.echoes.emplace_back(), read_fixed<Signature>(reader));
  }
  return out;
}

}  // namespace

std::size_t SeenRound::size() const noexcept {
  std::size_t out = echoes.size() * sizeof(Signature);
  for (const Bytes& body : bodies)
    out += body.size();
  return out;
}

base::Sha256Digest vector_of(const std::vector<Bytes>& bodies) {
  Bytes digests;
  for (const Bytes& body : bodies)
    base::append(digests, base::sha256({body}).view());
  return base::sha256({digests});
}

void write_transcript(Writer& out, const Transcript& transcript) {
  out.array(transcript.size());
  for (const SeenRound& round : transcript) {
    out.array(kRoundItems).array(round.bodies.size());
    for (const Bytes& body : round.bodies)
      out.bytes(body);
    out.array(round.echoes.size());
    for (const Signature& echo : round.echoes)
      out.bytes(echo.view());
  }
}

Result<Transcript> read_transcript(Reader& reader, std::size_t parties) {
  Transcript out;
  std::size_t left = kMaxTranscript;
  CONCORDAT_TRY(const std::size_t rounds, reader.read_array(kMaxTranscriptRounds));
  for (std::size_t i = 0; i < rounds; ++i) {
    CONCORDAT_TRY(out.emplace_back(), read_round(reader, parties, left));
  }
  return out;
}

}  // namespace concordat::session::messaging

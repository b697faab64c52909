#include "session/messaging/evidence.hpp"

#include "attest/base/secret_access.hpp"
#include "session/messaging/error.hpp"
#include "session/messaging/reading.hpp"

namespace concordat::session::messaging {

using base::Bytes;
using base::Error;
using base::Result;
using base::cbor::Reader;
using base::cbor::Writer;

namespace {

constexpr std::uint64_t kEquivocation = 1;
constexpr std::uint64_t kBadBroadcast = 2;
constexpr std::uint64_t kBadLetter = 3;
constexpr std::size_t kEquivocationItems = 7;
constexpr std::size_t kBadBroadcastItems = 7;
constexpr std::size_t kBadLetterItems = 9;

void write_claim(Writer&, const Equivocation&) {}

void write_claim(Writer& out, const BadBroadcast& it) {
  out.array(kBadBroadcastItems).uint(kBadBroadcast).uint(it.round).uint(it.accuser);
  out.uint(it.accused).bytes(it.body).bytes(it.signature.view());
}

void write_claim(Writer& out, const BadLetter& it) {
  out.array(kBadLetterItems).uint(kBadLetter).uint(it.round).uint(it.accuser);
  out.uint(it.accused).bytes(it.body).bytes(it.signature.view()).bytes(it.vector.view());
  out.array(it.echoes.size());
  for (const Signature& echo : it.echoes)
    out.bytes(echo.view());
}

void write(Writer& out, const Equivocation& it) {
  out.array(kEquivocationItems).uint(kEquivocation).uint(it.round).uint(it.party);
  for (const Seen* seen : {&it.first, &it.second})
    out.bytes(seen->digest.view()).bytes(seen->signature.view());
}

template <class Accusation>
void write(Writer& out, const Accusation& it) {
  write_claim(out, it);
  out.bytes(it.accuser_signature.view());
}

Result<Seen> read_seen(Reader& reader) {
  Seen out;
  CONCORDAT_TRY(out.digest, read_fixed<base::Sha256Digest>(reader));
  CONCORDAT_TRY(out.signature, read_fixed<Signature>(reader));
  return out;
}

Result<Evidence> read_equivocation(Reader& reader) {
  Equivocation out;
  CONCORDAT_TRY(out.round, read_index(reader));
  CONCORDAT_TRY(out.party, read_index(reader));
  CONCORDAT_TRY(out.first, read_seen(reader));
  CONCORDAT_TRY(out.second, read_seen(reader));
  if (out.first.digest < out.second.digest) return Evidence(out);
  return Error(Errc::malformed, "two digests, in ascending order");
}

template <class Accusation>
base::Status read_accused(Reader& reader, Accusation& out) {
  CONCORDAT_TRY(out.round, read_index(reader));
  CONCORDAT_TRY(out.accuser, read_index(reader));
  CONCORDAT_TRY(out.accused, read_index(reader));
  CONCORDAT_TRY(out.body, read_content(reader));
  CONCORDAT_TRY(out.signature, read_fixed<Signature>(reader));
  return {};
}

Result<Evidence> read_bad_broadcast(Reader& reader) {
  BadBroadcast out;
  CONCORDAT_CHECK(read_accused(reader, out));
  CONCORDAT_TRY(out.accuser_signature, read_fixed<Signature>(reader));
  return Evidence(std::move(out));
}

Result<Evidence> read_bad_letter(Reader& reader, std::size_t parties) {
  BadLetter out;
  CONCORDAT_CHECK(read_accused(reader, out));
  CONCORDAT_TRY(out.vector, read_fixed<base::Sha256Digest>(reader));
  CONCORDAT_TRY(const std::size_t count, reader.read_array(parties));
  for (std::size_t i = 0; i < count; ++i) {
    CONCORDAT_TRY(const Signature echo, read_fixed<Signature>(reader));
    out.echoes.push_back(echo);
  }
  CONCORDAT_TRY(out.accuser_signature, read_fixed<Signature>(reader));
  return Evidence(std::move(out));
}

}  // namespace

Bytes encode(const Evidence& evidence) {
  Writer out;
  std::visit([&out](const auto& it) { write(out, it); }, evidence);
  return std::move(out).take();
}

Result<Evidence> read_evidence(Reader& reader, std::size_t parties) {
  CONCORDAT_TRY(const std::size_t count, reader.read_array(kBadLetterItems));
  CONCORDAT_TRY(const std::uint64_t kind, reader.read_uint());
  if (kind == kEquivocation && count == kEquivocationItems) return read_equivocation(reader);
  if (kind == kBadBroadcast && count == kBadBroadcastItems) return read_bad_broadcast(reader);
  if (kind == kBadLetter && count == kBadLetterItems) return read_bad_letter(reader, parties);
  return Error(Errc::malformed, "no kind of evidence");
}

Result<Evidence> decode_evidence(base::BytesView encoded, std::size_t parties) {
  Reader reader(encoded);
  auto out = read_evidence(reader, parties);
  if (!out) return Error(Errc::malformed, out.error().to_string());
  if (const auto end = reader.finish(); !end) {
    return Error(Errc::malformed, end.error().to_string());
  }
  return out;
}

Round round_of(const Evidence& evidence) noexcept {
  return std::visit([](const auto& it) { return it.round; }, evidence);
}

PartyIndex accuser_of(const Evidence& evidence) noexcept {
  if (const auto* it = std::get_if<BadBroadcast>(&evidence)) return it->accuser;
  if (const auto* it = std::get_if<BadLetter>(&evidence)) return it->accuser;
  return 0;
}

PartyIndex accused_of(const Evidence& evidence) noexcept {
  if (const auto* it = std::get_if<BadBroadcast>(&evidence)) return it->accused;
  if (const auto* it = std::get_if<BadLetter>(&evidence)) return it->accused;
  return std::get<Equivocation>(evidence).party;
}

Signature accuser_signature(const Evidence& evidence) noexcept {
  if (const auto* it = std::get_if<BadBroadcast>(&evidence)) return it->accuser_signature;
  if (const auto* it = std::get_if<BadLetter>(&evidence)) return it->accuser_signature;
  return {};
}

base::Sha256Digest claim_of(const Evidence& accusation) {
  Writer out;
  std::visit([&out](const auto& it) { write_claim(out, it); }, accusation);
  return base::sha256({out.view()});
}

Equivocation equivocation(Round round, PartyIndex party, const Seen& one, const Seen& other) {
  if (one.digest < other.digest) return {round, party, one, other};
  return {round, party, other, one};
}

Bytes shown(const base::SecretBytes& letter) {
  return base::to_bytes(letter.expose(base::SecretAccess{}));
}

}  // namespace concordat::session::messaging

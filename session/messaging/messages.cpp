#include "session/messaging/messages.hpp"

#include "attest/base/secret_access.hpp"
#include "session/messaging/error.hpp"
#include "session/messaging/reading.hpp"

namespace concordat::session::messaging {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using base::cbor::Reader;
using base::cbor::Writer;

namespace {

constexpr std::size_t kContentItems = 3;  // of broadcasts and letters
constexpr std::size_t kEchoItems = 3;
constexpr std::size_t kConfirmationItems = 2;
constexpr std::size_t kFarewellItems = 3;

void write(Writer& out, const Broadcast& it) {
  out.array(kContentItems).uint(it.round).bytes(it.signature.view()).bytes(it.body);
}

void write(Writer& out, const Letter& it) {  // all but the letter itself
  out.array(kContentItems).uint(it.round).bytes(it.signature.view()).bytes_head(it.body.size());
}

void write(Writer& out, const Echo& it) {
  out.array(kEchoItems).uint(it.round).array(2 * it.seen.size());
  for (const Seen& seen : it.seen)
    out.bytes(seen.digest.view()).bytes(seen.signature.view());
  out.bytes(it.signature.view());
}

void write(Writer& out, const Confirmation& it) {
  out.array(kConfirmationItems).bytes(it.result.view()).bytes(it.signature.view());
}

void write(Writer& out, const Blame& it) {
  out.raw(encode(it.evidence));
}

void write(Writer& out, const Farewell& it) {
  out.array(kFarewellItems).uint(static_cast<std::uint64_t>(it.reason));
  out.uint(it.round).uint(it.party);
}

Result<Message> read_broadcast(Reader& reader) {
  Broadcast out;
  CONCORDAT_CHECK(want_array(reader, kContentItems));
  CONCORDAT_TRY(out.round, read_index(reader));
  CONCORDAT_TRY(out.signature, read_fixed<Signature>(reader));
  CONCORDAT_TRY(out.body, read_content(reader));
  return Message(std::move(out));
}

Result<Message> read_letter(Reader& reader) {
  Letter out;
  CONCORDAT_CHECK(want_array(reader, kContentItems));
  CONCORDAT_TRY(out.round, read_index(reader));
  CONCORDAT_TRY(out.signature, read_fixed<Signature>(reader));
  CONCORDAT_TRY(const BytesView body, reader.read_bytes(kMaxContent));
  out.body = SecretBytes::zeroed(body.size());
  std::ranges::copy(body, out.body.expose_mutable(SecretAccess{}).begin());
  return Message(std::move(out));
}

Result<Message> read_echo(Reader& reader, std::size_t parties) {
  Echo out;
  CONCORDAT_CHECK(want_array(reader, kEchoItems));
  CONCORDAT_TRY(out.round, read_index(reader));
  CONCORDAT_CHECK(want_array(reader, 2 * parties));
  for (std::size_t i = 0; i < parties; ++i) {
    Seen seen;
    CONCORDAT_TRY(seen.digest, read_fixed<base::Sha256Digest>(reader));
    CONCORDAT_TRY(seen.signature, read_fixed<Signature>(reader));
    out.seen.push_back(seen);
  }
  CONCORDAT_TRY(out.signature, read_fixed<Signature>(reader));
  return Message(std::move(out));
}

Result<Message> read_confirmation(Reader& reader) {
  Confirmation out;
  CONCORDAT_CHECK(want_array(reader, kConfirmationItems));
  CONCORDAT_TRY(out.result, read_fixed<base::Sha256Digest>(reader));
  CONCORDAT_TRY(out.signature, read_fixed<Signature>(reader));
  return Message(std::move(out));
}

Result<Message> read_farewell(Reader& reader) {
  Farewell out;
  CONCORDAT_CHECK(want_array(reader, kFarewellItems));
  CONCORDAT_TRY(const std::uint64_t reason, reader.read_uint());
  if (reason == 0 || reason > static_cast<std::uint64_t>(Reason::ended_by_another)) {
    return Error(Errc::malformed, "no such reason");
  }
  out.reason = static_cast<Reason>(reason);
  CONCORDAT_TRY(out.round, read_index(reader));
  CONCORDAT_TRY(out.party, read_index(reader));
  return Message(out);
}

Result<Message> read_blame(Reader& reader, std::size_t parties) {
  CONCORDAT_TRY(Evidence evidence, read_evidence(reader, parties));
  return Message(Blame{std::move(evidence)});
}

Result<Message> read(Kind kind, Reader& reader, std::size_t parties) {
  switch (kind) {
    case Kind::broadcast:
      return read_broadcast(reader);
    case Kind::letter:
      return read_letter(reader);
    case Kind::echo:
      return read_echo(reader, parties);
    case Kind::confirmation:
      return read_confirmation(reader);
    case Kind::blame:
      return read_blame(reader, parties);
    case Kind::farewell:
      return read_farewell(reader);
    case Kind::acknowledgement:
      break;
  }
  return Error(Errc::malformed, "no kind of message with a body");
}

}  // namespace

base::Sha256Digest vector_of(const std::vector<Seen>& seen) {
  base::Sha256 out;
  for (const Seen& one : seen)
    out.update(one.digest.view());
  return out.finish();
}

Kind kind_of(const Message& message) noexcept {
  return static_cast<Kind>(message.index() + static_cast<std::size_t>(Kind::broadcast));
}

BytesView Body::view() const noexcept {
  return secret.empty() ? BytesView(clear) : secret.expose(SecretAccess{});
}

Body encode(const Message& message) {
  Writer out;
  std::visit([&out](const auto& it) { write(out, it); }, message);
  const auto* letter = std::get_if<Letter>(&message);
  if (letter == nullptr) return {std::move(out).take(), {}};
  Body body;
  body.secret = SecretBytes::zeroed(out.view().size() + letter->body.size());
  const auto rest =
      std::ranges::copy(out.view(), body.secret.expose_mutable(SecretAccess{}).begin());
  std::ranges::copy(letter->body.expose(SecretAccess{}), rest.out);
  return body;
}

Result<Message> decode(Kind kind, const Body& body, std::size_t parties) {
  Reader reader(body.view());
  auto out = read(kind, reader, parties);
  if (!out) return Error(Errc::malformed, out.error().to_string());
  if (const auto end = reader.finish(); !end) {
    return Error(Errc::malformed, end.error().to_string());
  }
  return out;
}

}  // namespace concordat::session::messaging

#include "keyservice/audit/checkpoint.hpp"

#include <charconv>

namespace concordat::keyservice::audit {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

constexpr std::size_t kTimeSize = 8;

Error malformed(unsigned line, std::string_view why) {
  return Error(Errc::malformed_checkpoint,
               "line " + std::to_string(line) + ": " + std::string(why));
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::string cosigned_text(std::uint64_t seconds, std::string_view text) {
  return "cosignature/v1\ntime " + std::to_string(seconds) + "\n" + std::string(text);
}

}  // namespace

Result<Checkpoint> Checkpoint::parse(std::string_view text) {
  std::string_view rest = text;
  Checkpoint out;
  out.origin = take_line(rest);
  if (out.origin.empty()) return malformed(1, "no origin");
  const std::string_view size = take_line(rest);
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), out.size);
  if (error != std::errc() || std::to_string(out.size) != size || out.size > kMaxTreeSize) {
    return malformed(2, "no tree size");
  }
  const std::string_view root = take_line(rest);
  const auto bytes = base::from_base64(root);
  if (!bytes || bytes->size() != Hash::kSize || base::to_base64(*bytes) != root) {
    return malformed(3, "no base64 of 32 bytes");
  }
  CONCORDAT_TRY(out.root, Hash::from(*bytes));
  if (!rest.empty()) return malformed(4, "a log of this kind has no extension lines");
  if (out.encode() != text) return malformed(3, "no line feed at the end");
  return out;
}

std::string Checkpoint::encode() const {
  return origin + "\n" + std::to_string(size) + "\n" + base::to_base64(root.view()) + "\n";
}

Result<SignedCheckpoint> SignedCheckpoint::parse(BytesView encoded) {
  CONCORDAT_TRY(Note note, Note::parse(encoded));
  CONCORDAT_TRY(Checkpoint checkpoint, Checkpoint::parse(note.text));
  return SignedCheckpoint{std::move(checkpoint), std::move(note)};
}

Result<Bytes> sign_checkpoint(const Checkpoint& checkpoint,
                              const std::vector<const policy::Signer*>& signers) {
  Note note{checkpoint.encode(), {}};
  for (const policy::Signer* signer : signers)
    CONCORDAT_CHECK(note.sign(checkpoint.origin, *signer));
  return note.encode();
}

Result<base::UnixMillis> verify_cosignature(const Note& note, const NoteVerifier& witness) {
  const auto own = note.signatures_of(witness);
  if (own.empty()) return Error(Errc::unknown_key, "no signature by " + witness.encode());
  std::uint64_t latest = 0;
  for (const NoteSignature* line : own) {
    std::uint64_t seconds = 0;
    const BytesView bytes = line->signature;
    for (std::size_t i = 0; i < kTimeSize && i < bytes.size(); ++i)
      seconds = seconds << 8 | bytes[i];
    const auto signature = bytes.size() < kTimeSize
                               ? Result<policy::Signature>(Error())
                               : policy::Signature::from(bytes.subspan(kTimeSize));
    if (witness.type() != NoteKeyType::cosignature || !signature || seconds > INT64_MAX / 1000 ||
        !policy::check_signature(*signature, base::as_bytes(cosigned_text(seconds, note.text)),
                                 witness.key())) {
      return Error(Errc::signature_invalid,
                   "line " + std::to_string(line->line) + ", by " + witness.encode());
    }
    latest = std::max(latest, seconds);
  }
  return base::UnixMillis{static_cast<std::int64_t>(latest * 1000)};
}

Status cosign(Note& note, const std::string& name, const policy::Signer& signer,
              base::UnixMillis now) {
  CONCORDAT_TRY(const auto verifier,
                NoteVerifier::create(name, NoteKeyType::cosignature, signer.public_key()));
  const auto seconds = static_cast<std::uint64_t>(now.value / 1000);
  CONCORDAT_TRY(const auto signature,
                signer.sign(base::as_bytes(cosigned_text(seconds, note.text))));
  Bytes bytes;
  for (unsigned shift = 64; shift != 0; shift -= 8)
    bytes.push_back(static_cast<std::uint8_t>(seconds >> (shift - 8)));
  base::append(bytes, signature.view());
  note.signatures.push_back({name, verifier.key_id(), std::move(bytes), 0});
  return {};
}

}  // namespace concordat::keyservice::audit

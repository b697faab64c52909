// Checkpoints (https://c2sp.org/tlog-checkpoint): a log's tree head as the text of a signed note,
// and what witnesses sign of it (https://c2sp.org/tlog-cosignature, Ed25519).
//
//   <origin>
//   <size, decimal>
//   <root, base64>
#pragma once

#include "attest/base/clock.hpp"
#include "keyservice/audit/merkle.hpp"
#include "keyservice/audit/note.hpp"

namespace concordat::keyservice::audit {

struct Checkpoint {
  std::string origin;  // the log's name; that of its keys, too
  std::uint64_t size = 0;
  Hash root;

  // The text of a note. malformed_checkpoint says in which line. Extension lines are refused: they
  // are allowed and not recommended, and no log of this kind has any.
  [[nodiscard]] static base::Result<Checkpoint> parse(std::string_view text);
  [[nodiscard]] std::string encode() const;

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

// A checkpoint as it is published. `note` holds what is not verified yet.
struct SignedCheckpoint {
  Checkpoint checkpoint;
  Note note;

  [[nodiscard]] static base::Result<SignedCheckpoint> parse(base::BytesView encoded);
};

// A note with this text that each of `signers` signed under the origin's name.
[[nodiscard]] base::Result<base::Bytes> sign_checkpoint(
    const Checkpoint& checkpoint, const std::vector<const policy::Signer*>& signers);

// When the witness says that it saw this checkpoint as the log's latest. unknown_key when it did
// not sign, signature_invalid. For keys of type cosignature.
[[nodiscard]] base::Result<base::UnixMillis> verify_cosignature(const Note& note,
                                                                const NoteVerifier& witness);
// What a witness does.
[[nodiscard]] base::Status cosign(Note& note, const std::string& name, const policy::Signer& signer,
                                  base::UnixMillis now);

}  // namespace concordat::keyservice::audit

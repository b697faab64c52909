// Signed notes (https://c2sp.org/signed-note): a text, and lines of signatures by named keys.
//
//   <text, ending in a line feed>
//   <empty line>
//   — <key name> <base64 of key id (4, big-endian) and signature>      one line a signature
//
//   key id        SHA-256(key name, line feed, type (1), public key)[:4]
//   verifier key  <key name>+<key id, 8 hex digits>+<base64 of type and public key>
#pragma once

#include <string>
#include <vector>

#include "keyservice/audit/errc.hpp"
#include "keyservice/audit/limits.hpp"
#include "policy/signer.hpp"

namespace concordat::keyservice::audit {

// What a key signs; the numbers are signed-note's.
enum class NoteKeyType : std::uint8_t {
  ed25519 = 0x01,      // the text
  cosignature = 0x04,  // a checkpoint and the time at which a witness saw it (checkpoint.hpp)
};

// A public key that notes are judged by. Immutable and valid.
class NoteVerifier {
 public:
  // malformed_verifier_key for a name that a note cannot hold and bytes that are nobody's key.
  [[nodiscard]] static base::Result<NoteVerifier> create(std::string name, NoteKeyType type,
                                                         const policy::SignerKey& key);
  // As text; key id and key must agree.
  [[nodiscard]] static base::Result<NoteVerifier> parse(std::string_view text);
  [[nodiscard]] std::string encode() const;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] NoteKeyType type() const noexcept { return type_; }
  [[nodiscard]] const policy::SignerKey& key() const noexcept { return key_; }
  [[nodiscard]] std::uint32_t key_id() const noexcept { return key_id_; }

 private:
  NoteVerifier(std::string name, NoteKeyType type, const policy::SignerKey& key);

  std::string name_;
  NoteKeyType type_;
  policy::SignerKey key_;
  std::uint32_t key_id_;
};

struct NoteSignature {
  std::string name;
  std::uint32_t key_id = 0;
  base::Bytes signature;
  std::size_t line = 0;  // of the note, from 1
};

// What was parsed; nothing of it is verified.
struct Note {
  std::string text;  // with its last line feed
  std::vector<NoteSignature> signatures;

  // The one spelling of it; malformed_note says where it is none.
  [[nodiscard]] static base::Result<Note> parse(base::BytesView encoded);
  [[nodiscard]] base::Bytes encode() const;

  // unknown_key when no signature names this key; signature_invalid when one does and does not
  // verify. For keys of type ed25519.
  [[nodiscard]] base::Status verify(const NoteVerifier& verifier) const;
  // Every signature that names this key; signature_invalid says in which line it is not good.
  [[nodiscard]] std::vector<const NoteSignature*> signatures_of(const NoteVerifier& verifier) const;
  [[nodiscard]] base::Status sign(const std::string& name, const policy::Signer& signer);
};

// Whether a note can hold it: not empty, no space and no "+".
[[nodiscard]] base::Status check_key_name(std::string_view name);

}  // namespace concordat::keyservice::audit

#include "keyservice/audit/errc.hpp"

namespace concordat::keyservice::audit {

base::CodeInfo describe(Errc code) noexcept {
  switch (code) {
    case Errc::malformed_note:
      return {"malformed_note", "the text is no signed note"};
    case Errc::malformed_checkpoint:
      return {"malformed_checkpoint", "the note is no checkpoint of a log"};
    case Errc::malformed_verifier_key:
      return {"malformed_verifier_key", "the text is no verifier key"};
    case Errc::malformed_tile_path:
      return {"malformed_tile_path", "the name is not one of a tile or an entry bundle"};
    case Errc::malformed_bundle:
      return {"malformed_bundle", "the bytes are no bundle of entries"};
    case Errc::malformed_entry:
      return {"malformed_entry", "the bytes are no audit entry"};
    case Errc::malformed_statement:
      return {"malformed_statement", "the document does not state the key of an audit log"};
    case Errc::unknown_key:
      return {"unknown_key", "no signature of this key is there"};
    case Errc::signature_invalid:
      return {"signature_invalid", "a signature does not verify"};
    case Errc::other_origin:
      return {"other_origin", "the checkpoint is of another log"};
    case Errc::proof_invalid:
      return {"proof_invalid", "the proof does not lead to the root"};
    case Errc::out_of_range:
      return {"out_of_range", "the tree has no such place"};
    case Errc::entry_too_large:
      return {"entry_too_large", "the entry is larger than an entry may be"};
    case Errc::file_missing:
      return {"file_missing", "the log lacks a file that its checkpoint needs"};
    case Errc::file_damaged:
      return {"file_damaged", "a file of the log is not what its checkpoint needs"};
    case Errc::key_replaced:
      return {"key_replaced", "a newer log key has replaced the one that signed the checkpoint"};
    case Errc::rolled_back:
      return {"rolled_back", "the log ends before the size that is known of it"};
    case Errc::forked:
      return {"forked", "the log went another way than is known of it"};
    case Errc::not_loaded:
      return {"not_loaded", "the log was not loaded"};
    case Errc::superseded:
      return {"superseded", "another writer has taken over the log"};
    case Errc::unreachable:
      return {"unreachable", "the store gives no answer"};
    case Errc::store_full:
      return {"store_full", "the store has no room"};
    case Errc::outcome_unknown:
      return {"outcome_unknown", "whether the entry is in the log is not known"};
    case Errc::too_many_pending:
      return {"too_many_pending", "more entries wait to be written than may"};
  }
  return {"unknown", "unknown audit error"};
}

}  // namespace concordat::keyservice::audit

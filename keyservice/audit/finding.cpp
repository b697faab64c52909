#include "keyservice/audit/finding.hpp"

namespace concordat::keyservice::audit {

base::CodeInfo describe(Fault fault) noexcept {
  switch (fault) {
    case Fault::file_missing:
      return {"file_missing", "the file is not there"};
    case Fault::file_unreadable:
      return {"file_unreadable", "the file cannot be read"};
    case Fault::unexpected_file:
      return {"unexpected_file", "nothing in the log refers to this file"};
    case Fault::checkpoint_malformed:
      return {"checkpoint_malformed", "the file is no checkpoint"};
    case Fault::checkpoint_of_other_log:
      return {"checkpoint_of_other_log", "the checkpoint is of another log"};
    case Fault::checkpoint_signature_missing:
      return {"checkpoint_signature_missing", "a key that must sign the checkpoint did not"};
    case Fault::checkpoint_signature_invalid:
      return {"checkpoint_signature_invalid", "a signature of the checkpoint is not good"};
    case Fault::root_differs:
      return {"root_differs", "the entries lead to another root"};
    case Fault::witness_missing:
      return {"witness_missing", "the witness did not sign the checkpoint"};
    case Fault::witness_signature_invalid:
      return {"witness_signature_invalid", "the witness's signature is not good"};
    case Fault::rolled_back:
      return {"rolled_back", "the log is shorter than it was seen before"};
    case Fault::forked:
      return {"forked", "the log began otherwise when it was seen before"};
    case Fault::bundle_malformed:
      return {"bundle_malformed", "the file is no bundle of entries"};
    case Fault::entry_changed:
      return {"entry_changed", "the entry is not the one that the log committed to"};
    case Fault::entry_moved:
      return {"entry_moved", "another entry of the log stands in the entry's place"};
    case Fault::entry_missing:
      return {"entry_missing", "the entry is not there"};
    case Fault::entry_added:
      return {"entry_added", "the entry is behind what the checkpoint covers"};
    case Fault::tile_changed:
      return {"tile_changed", "the hash is not that of what is below it"};
    case Fault::tile_malformed:
      return {"tile_malformed", "the file is not as many hashes as its name says"};
    case Fault::entry_malformed:
      return {"entry_malformed", "the bytes are no audit entry"};
    case Fault::entry_of_other_boot:
      return {"entry_of_other_boot", "the entry is not of the boot that had the log"};
    case Fault::sequence_broken:
      return {"sequence_broken", "the entry's number is not the next one of its boot"};
    case Fault::time_went_back:
      return {"time_went_back", "the entry is older than the one before it"};
    case Fault::boot_missing:
      return {"boot_missing", "no boot had the log"};
    case Fault::evidence_absent:
      return {"evidence_absent", "the entry does not refer to what it must"};
    case Fault::evidence_missing:
      return {"evidence_missing", "evidence that an entry refers to is not there"};
    case Fault::evidence_changed:
      return {"evidence_changed", "the evidence is not what its name says"};
    case Fault::document_invalid:
      return {"document_invalid", "the attestation document does not verify at its own time"};
    case Fault::statement_differs:
      return {"statement_differs", "the attestation document states something else"};
    case Fault::policy_invalid:
      return {"policy_invalid", "the policy was not in force under its authority then"};
    case Fault::authority_invalid:
      return {"authority_invalid", "the bytes are no authority descriptor"};
    case Fault::authority_unexpected:
      return {"authority_unexpected", "the log is not under an authority that was asked for"};
    case Fault::not_a_custodian:
      return {"not_a_custodian", "policy does not let the enclave answer as custodian"};
    case Fault::time_differs:
      return {"time_differs", "the attestation document was made at another time"};
    case Fault::admission_unfounded:
      return {"admission_unfounded", "policy does not admit who was admitted"};
    case Fault::freshness_invalid:
      return {"freshness_invalid", "the policy was not confirmed as the newest then"};
    case Fault::previous_checkpoint_differs:
      return {"previous_checkpoint_differs", "the boot did not go on from what was there"};
    case Fault::too_many:
      return {"too_many", "there are more findings than are told"};
  }
  return {"unknown", "unknown fault"};
}

std::string Finding::to_string() const {
  std::string out = where + ": " + std::string(describe(fault).message);
  if (!detail.empty()) out += " (" + detail + ")";
  return out;
}

}  // namespace concordat::keyservice::audit

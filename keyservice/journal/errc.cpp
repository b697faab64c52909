#include "keyservice/journal/errc.hpp"

namespace concordat::keyservice::journal {

base::CodeInfo describe(Errc code) noexcept {
  switch (code) {
    case Errc::malformed_record:
      return {"malformed_record", "a record of the store is no sealed record"};
    case Errc::record_too_large:
      return {"record_too_large", "a record of the store is larger than any that was written"};
    case Errc::foreign_realm:
      return {"foreign_realm", "a record of the store belongs to another realm"};
    case Errc::unknown_generation:
      return {"unknown_generation", "a record is sealed under a root generation that is not held"};
    case Errc::record_swapped:
      return {"record_swapped", "a record of the store stands in another one's place"};
    case Errc::chain_broken:
      return {"chain_broken", "a record does not follow from the one before it"};
    case Errc::record_forged:
      return {"record_forged",
              "a record was not sealed by this realm's custodians, or was changed"};
    case Errc::record_missing:
      return {"record_missing", "the store lacks a record"};
    case Errc::record_repeated:
      return {"record_repeated", "the store gave a record out of its order"};
    case Errc::content_refused:
      return {"content_refused", "a genuine record says what cannot be"};
    case Errc::generation_passed:
      return {"generation_passed",
              "a record under a root generation that a later one has replaced"};
    case Errc::rolled_back:
      return {"rolled_back", "the store is older than what was seen of it"};
    case Errc::forked:
      return {"forked", "the store went another way than what was seen of it"};
    case Errc::head_too_old:
      return {"head_too_old", "the head that was seen is too old to be compared"};
    case Errc::position_taken:
      return {"position_taken", "the store has a record of this name already"};
    case Errc::predecessor_missing:
      return {"predecessor_missing", "the store lacks the record that this one must follow"};
    case Errc::unreachable:
      return {"unreachable", "the store does not answer"};
    case Errc::store_full:
      return {"store_full", "the store has no room"};
    case Errc::store_inconsistent:
      return {"store_inconsistent", "the store contradicts itself"};
    case Errc::outcome_unknown:
      return {"outcome_unknown",
              "whether the change was written is not known; look before repeating it"};
    case Errc::contended:
      return {"contended", "others' changes came first each time; try later"};
    case Errc::content_too_large:
      return {"content_too_large", "the change is larger than a record may be"};
    case Errc::not_loaded:
      return {"not_loaded", "the journal is not read yet"};
    case Errc::snapshot_under_way:
      return {"snapshot_under_way", "a snapshot is being written already"};
    case Errc::out_of_memory:
      return {"out_of_memory", "no memory; try later"};
  }
  return {"unknown", "unknown journal error"};
}

}  // namespace concordat::keyservice::journal

// What a check of a whole log finds wrong: each with the place, and one name a cause.
#pragma once

#include <string>
#include <vector>

#include "attest/base/error.hpp"

namespace concordat::keyservice::audit {

enum class Fault {
  // Files.
  file_missing = 1,
  file_unreadable,
  unexpected_file,
  // The checkpoint.
  checkpoint_malformed,
  checkpoint_of_other_log,
  checkpoint_signature_missing,
  checkpoint_signature_invalid,
  root_differs,
  witness_missing,
  witness_signature_invalid,
  rolled_back,
  forked,
  // Bundles and tiles.
  bundle_malformed,
  entry_changed,
  entry_moved,
  entry_missing,
  entry_added,
  tile_changed,
  tile_malformed,
  // Entries.
  entry_malformed,
  entry_of_other_boot,
  sequence_broken,
  time_went_back,
  boot_missing,
  // Evidence.
  evidence_absent,
  evidence_missing,
  evidence_changed,
  document_invalid,
  statement_differs,
  policy_invalid,
  authority_invalid,
  authority_unexpected,
  not_a_custodian,
  time_differs,
  admission_unfounded,
  freshness_invalid,
  previous_checkpoint_differs,
  // Of the check itself.
  too_many,
};
[[nodiscard]] base::CodeInfo describe(Fault fault) noexcept;

struct Finding {
  Fault fault = Fault::file_missing;
  std::string where;   // "entry 17", "tile/0/000.p/5 hash 3", "checkpoint line 2", a file's name
  std::string detail;  // what was wanted and what is there

  // "where: what (detail)"
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const Finding&, const Finding&) = default;
};
using Findings = std::vector<Finding>;

}  // namespace concordat::keyservice::audit

// Why something of an audit log is not taken. What a whole log is found guilty of is finding.hpp's.
#pragma once

#include "attest/base/error.hpp"

namespace concordat::keyservice::audit {

enum class Errc {
  // Of formats.
  malformed_note = 1,
  malformed_checkpoint,
  malformed_verifier_key,
  malformed_tile_path,
  malformed_bundle,
  malformed_entry,
  malformed_statement,
  // Of what formats say.
  unknown_key,
  signature_invalid,
  other_origin,
  proof_invalid,
  out_of_range,
  // Of a log that is written.
  entry_too_large,
  file_missing,
  file_damaged,
  key_replaced,
  rolled_back,
  forked,
  not_loaded,
  superseded,
  unreachable,
  store_full,
  outcome_unknown,
  too_many_pending,
};
[[nodiscard]] base::CodeInfo describe(Errc code) noexcept;
[[nodiscard]] constexpr const char* category_name(Errc) {
  return "audit";
}
[[nodiscard]] inline boost::system::error_code make_error_code(Errc e) {
  return base::enum_code(e);
}

}  // namespace concordat::keyservice::audit

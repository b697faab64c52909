// Why a journal could not be read or written. What the store did is told apart from what its bytes
// are: the former passes, the latter is a refusal of a named record.
#pragma once

#include "attest/base/error.hpp"

namespace concordat::keyservice::journal {

enum class Errc {
  // What a record of the store is.
  malformed_record = 1,
  record_too_large,
  foreign_realm,
  unknown_generation,
  record_swapped,
  chain_broken,
  record_forged,
  record_missing,
  record_repeated,
  content_refused,
  generation_passed,
  // What a head that somebody saw says about the store.
  rolled_back,
  forked,
  head_too_old,
  // What the store did.
  position_taken,
  predecessor_missing,
  unreachable,
  store_full,
  store_inconsistent,
  // How a change ended.
  outcome_unknown,
  contended,
  content_too_large,
  not_loaded,
  snapshot_under_way,
  out_of_memory,
};
[[nodiscard]] base::CodeInfo describe(Errc code) noexcept;
[[nodiscard]] constexpr const char* category_name(Errc) {
  return "journal";
}
[[nodiscard]] inline boost::system::error_code make_error_code(Errc e) {
  return base::enum_code(e);
}

}  // namespace concordat::keyservice::journal

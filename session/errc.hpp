// Why a descriptor is not taken, a session does not form, and a receipt or a proof does not count.
#pragma once

#include "attest/base/error.hpp"

namespace concordat::session {

enum class DescriptorErrc {
  malformed = 1,
  authority_missing,
  not_signed,
  parameters_refused,
  not_yet,
  deadline_passed,
  no_such_party,
};
[[nodiscard]] base::CodeInfo describe(DescriptorErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(DescriptorErrc) {
  return "session_descriptor";
}
[[nodiscard]] inline boost::system::error_code make_error_code(DescriptorErrc e) {
  return base::enum_code(e);
}

enum class FormingErrc {
  // Of one handshake.
  malformed_statement = 1,
  wrong_party,
  not_for_us,
  seat_taken,
  party_restarted,  // of a roster that was signed: it is given up, unless the run has begun
  // Of the run: it is over.
  malformed_roster,
  roster_differs,
  roster_not_signed,
  too_much_early,
  timed_out,
  own_document,
  // Of the ledger.
  runs_used_up,
};
[[nodiscard]] base::CodeInfo describe(FormingErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(FormingErrc) {
  return "session_forming";
}
[[nodiscard]] inline boost::system::error_code make_error_code(FormingErrc e) {
  return base::enum_code(e);
}

enum class ReceiptErrc {
  malformed = 1,
  other_session,
  document_differs,
  not_signed,
  not_confirmed,
  outside_session,
};
[[nodiscard]] base::CodeInfo describe(ReceiptErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(ReceiptErrc) {
  return "session_receipt";
}
[[nodiscard]] inline boost::system::error_code make_error_code(ReceiptErrc e) {
  return base::enum_code(e);
}

// Of what is to prove a party's guilt to whoever was not there.
enum class ProofErrc {
  malformed = 1,
  group_refused,
  convicts_nobody,
  broadcasts_differ,
  incomplete,
  other_party,
  other_run,
};
[[nodiscard]] base::CodeInfo describe(ProofErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(ProofErrc) {
  return "session_proof";
}
[[nodiscard]] inline boost::system::error_code make_error_code(ProofErrc e) {
  return base::enum_code(e);
}

}  // namespace concordat::session

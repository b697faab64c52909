// Why a handshake or a channel ended: one code per cause for the local log, and the coarse code
// that the other side may learn (PROTOCOL.md section 8).
#pragma once

#include "attest/base/error.hpp"

namespace concordat::peer {

enum class Errc {
  frame_too_large = 1,
  unexpected_message,
  malformed_message,
  version_not_spoken,
  purpose_not_served,
  policy_differs,
  policy_conflict,
  session_differs,
  weak_shared_secret,
  box_does_not_open,
  key_not_attested,
  transcript_mismatch,
  statement_mismatch,
  unknown_evidence,
  unknown_extension,
  operators_not_served,
  refused_by_peer,
  record_does_not_open,
  record_too_large,
  channel_expired,
  channel_closed,
  truncated,
  timed_out,
  early_limit,
  busy,
  out_of_memory,
  wrong_state,
};
[[nodiscard]] base::CodeInfo describe(Errc code) noexcept;
[[nodiscard]] constexpr const char* category_name(Errc) {
  return "peer";
}
[[nodiscard]] inline boost::system::error_code make_error_code(Errc e) {
  return base::enum_code(e);
}

// PROTOCOL.md section 8; the numbers travel.
enum class CoarseCode : std::uint8_t {
  admitted = 0,
  malformed = 1,
  version = 2,
  policy_differs = 3,
  policy_conflict = 4,
  not_admitted = 5,
  busy = 6,
  unavailable = 7,
};
inline constexpr std::uint64_t kLastCoarseCode = 7;
[[nodiscard]] std::string_view coarse_name(CoarseCode code) noexcept;
// What an unadmitted peer is told of `error`; everything that is not listed is not_admitted.
[[nodiscard]] CoarseCode coarse_code(const base::Error& error) noexcept;

}  // namespace concordat::peer

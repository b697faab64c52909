#include "peer/error.hpp"

#include <array>

namespace concordat::peer {

base::CodeInfo describe(Errc code) noexcept {
  switch (code) {
    case Errc::frame_too_large:
      return {"frame_too_large", "frame larger than its type allows"};
    case Errc::unexpected_message:
      return {"unexpected_message", "message that this state does not allow"};
    case Errc::malformed_message:
      return {"malformed_message", "message not understood"};
    case Errc::version_not_spoken:
      return {"version_not_spoken", "protocol version not spoken"};
    case Errc::purpose_not_served:
      return {"purpose_not_served", "purpose not served here"};
    case Errc::policy_differs:
      return {"policy_differs", "the two sides hold different policies"};
    case Errc::policy_conflict:
      return {"policy_conflict", "same policy serial with another digest"};
    case Errc::session_differs:
      return {"session_differs", "the two sides hold different session descriptors"};
    case Errc::weak_shared_secret:
      return {"weak_shared_secret", "the key agreement gave an all-zero secret"};
    case Errc::box_does_not_open:
      return {"box_does_not_open", "box does not authenticate"};
    case Errc::key_not_attested:
      return {"key_not_attested", "the document's public_key is not the sender's key"};
    case Errc::transcript_mismatch:
      return {"transcript_mismatch", "the document was made for another handshake"};
    case Errc::statement_mismatch:
      return {"statement_mismatch", "the document states another purpose or policy"};
    case Errc::unknown_evidence:
      return {"unknown_evidence", "kind of evidence not accepted"};
    case Errc::unknown_extension:
      return {"unknown_extension", "extension that the purpose does not define"};
    case Errc::operators_not_served:
      return {"operators_not_served", "operators are not served here"};
    case Errc::refused_by_peer:
      return {"refused_by_peer", "the other side refused"};
    case Errc::record_does_not_open:
      return {"record_does_not_open", "record does not authenticate"};
    case Errc::record_too_large:
      return {"record_too_large", "record larger than allowed"};
    case Errc::channel_expired:
      return {"channel_expired", "the channel's life is over"};
    case Errc::channel_closed:
      return {"channel_closed", "the channel is closed"};
    case Errc::truncated:
      return {"truncated", "the stream ended before its close record"};
    case Errc::timed_out:
      return {"timed_out", "the other side took too long"};
    case Errc::early_limit:
      return {"early_limit", "too much sent before the verdict"};
    case Errc::busy:
      return {"busy", "a limit is reached; try later"};
    case Errc::out_of_memory:
      return {"out_of_memory", "no memory left; this stream ends, the others go on"};
    case Errc::wrong_state:
      return {"wrong_state", "operation out of turn"};
  }
  return {"unknown", "unknown peer error"};
}

std::string_view coarse_name(CoarseCode code) noexcept {
  switch (code) {
    case CoarseCode::admitted:
      return "admitted";
    case CoarseCode::malformed:
      return "malformed";
    case CoarseCode::version:
      return "version";
    case CoarseCode::policy_differs:
      return "policy_differs";
    case CoarseCode::policy_conflict:
      return "policy_conflict";
    case CoarseCode::not_admitted:
      return "not_admitted";
    case CoarseCode::busy:
      return "busy";
    case CoarseCode::unavailable:
      return "unavailable";
  }
  return "unknown";
}

CoarseCode coarse_code(const base::Error& error) noexcept {
  struct Row {
    Errc cause;
    CoarseCode told;
  };
  static constexpr std::array rows{Row{Errc::frame_too_large, CoarseCode::malformed},
                                   Row{Errc::unexpected_message, CoarseCode::malformed},
                                   Row{Errc::malformed_message, CoarseCode::malformed},
                                   Row{Errc::version_not_spoken, CoarseCode::version},
                                   Row{Errc::policy_differs, CoarseCode::policy_differs},
                                   Row{Errc::policy_conflict, CoarseCode::policy_conflict},
                                   Row{Errc::session_differs, CoarseCode::policy_differs},
                                   Row{Errc::busy, CoarseCode::busy},
                                   Row{Errc::wrong_state, CoarseCode::unavailable}};
  for (const Row& row : rows) {
    if (error.is(row.cause)) return row.told;
  }
  return CoarseCode::not_admitted;
}

}  // namespace concordat::peer

#include "session/messaging/error.hpp"

namespace concordat::session::messaging {

base::CodeInfo describe(Errc code) noexcept {
  switch (code) {
    case Errc::malformed:
      return {"malformed", "message not understood"};
    case Errc::too_large:
      return {"too_large", "message larger than its kind allows"};
    case Errc::unexpected_number:
      return {"unexpected_number", "message that does not follow the one before it"};
    case Errc::unexpected_acknowledgement:
      return {"unexpected_acknowledgement", "acknowledges what was not sent, or nothing new"};
    case Errc::bad_signature:
      return {"bad_signature", "not signed by whom it names"};
    case Errc::out_of_turn:
      return {"out_of_turn", "message that no honest party sends at this point"};
    case Errc::bad_accusation:
      return {"bad_accusation", "accusation that no honest party makes"};
    case Errc::not_admitted:
      return {"not_admitted", "this party's channels are of no more use to the run"};
    case Errc::bad_group:
      return {"bad_group", "these parties cannot run together"};
    case Errc::bad_shape:
      return {"bad_shape", "the protocol's messages are larger than a session carries"};
    case Errc::protocol_failed:
      return {"protocol_failed", "the protocol itself failed here"};
    case Errc::not_sealed:
      return {"not_sealed", "what is to be kept of this run was not sealed in time"};
  }
  return {"unknown", "unknown messaging error"};
}

}  // namespace concordat::session::messaging

// What came of one round, and what this party said of it.
#pragma once

#include "session/messaging/messages.hpp"

namespace concordat::session::messaging {

struct RoundBook {
  std::map<PartyIndex, Seen> seen;           // of each party's broadcast, one's own too
  std::map<PartyIndex, base::Bytes> bodies;  // likewise
  std::map<PartyIndex, base::SecretBytes> letters;
  std::map<PartyIndex, Signature> letter_signatures;
  std::map<PartyIndex, Echo> echoes;  // of each party, one's own too
  base::Sha256Digest vector;          // of the broadcasts, once the own echo is there

  [[nodiscard]] std::size_t held() const noexcept {
    std::size_t out = seen.size() * sizeof(Seen) + letter_signatures.size() * sizeof(Signature);
    for (const auto& [from, body] : bodies)
      out += body.size();
    for (const auto& [from, letter] : letters)
      out += letter.size();
    for (const auto& [from, echo] : echoes)
      out += echo.seen.size() * sizeof(Seen);
    return out;
  }
};

}  // namespace concordat::session::messaging

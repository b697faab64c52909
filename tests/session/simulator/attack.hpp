// What the one dishonest party does.
#pragma once

#include <string_view>

#include "session/protocol.hpp"

namespace concordat::session::test {

enum class Attack {
  none,
  mute,                 // says nothing to anybody from some message on
  withhold,             // to some
  equivocate,           // another broadcast to some, and tells each what it wants to hear
  bad_broadcast,        // one that no honest party sends
  bad_letter,           // to some
  unsigned_bad_letter,  // likewise, and its signature is wrong
  lie,                  // what may pass every check
  bad_signature,        // on some message to some
  bad_echo,             // says that another party said something else
  wrong_result,         // confirms another result to some
  false_broadcast,      // accuses an honest party of a genuine broadcast
  forged_broadcast,     // of one that it never made
  false_letter,         // of a genuine letter
  forged_letter,        // of one that it never wrote
  false_certificate,    // ... with echoes that nobody made
  forged_equivocation,  // with signatures that nobody made
  unsigned_accusation,
  late_accusation,  // of a round that it was content with
  confession,       // proves its own equivocation, again and again
  farewell,         // says farewell to some, and goes on
  garbage,
  huge_frames,
  repetition,  // of everything
  far_rounds,  // messages of rounds that are not there yet
  no_acknowledgements,
};
inline constexpr std::size_t kAttacks = static_cast<std::size_t>(Attack::no_acknowledgements) + 1;

[[nodiscard]] std::string_view name_of(Attack attack) noexcept;
// Whether it takes a round with letters.
[[nodiscard]] bool is_of_letters(Attack attack) noexcept;
// Whether every honest party that is reached in time convicts the attacker, or is done before, of a
// protocol that checks everything.
[[nodiscard]] bool is_provable(Attack attack) noexcept;

}  // namespace concordat::session::test

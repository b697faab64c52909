// One of each message, with contents that tell fields apart.
#pragma once

#include "session/messaging/messages.hpp"

namespace concordat::session::messaging::test {

inline constexpr std::size_t kSampleParties = 3;

template <class Fixed>
[[nodiscard]] Fixed filled(std::uint8_t byte) {
  Fixed out;
  std::ranges::fill(out.mutable_view(), byte);
  return out;
}
[[nodiscard]] inline Seen seen(std::uint8_t byte) {
  return {filled<base::Sha256Digest>(byte), filled<Signature>(static_cast<std::uint8_t>(byte + 1))};
}
[[nodiscard]] inline base::SecretBytes secret(std::string_view text) {
  base::Bytes copy = base::to_bytes(base::as_bytes(text));
  return base::SecretBytes::take(copy);
}

[[nodiscard]] inline std::vector<Message> sample_messages() {
  const auto text = base::to_bytes(base::as_bytes("what was said"));
  const auto signature = filled<Signature>(9);
  std::vector<Message> out;
  out.emplace_back(Broadcast{1, signature, text});
  out.emplace_back(Letter{2, signature, secret("for you alone")});
  out.emplace_back(Echo{3, {seen(1), seen(2), seen(3)}, signature});
  out.emplace_back(Confirmation{filled<base::Sha256Digest>(4), signature});
  out.emplace_back(Blame{Equivocation{1, 2, seen(1), seen(5)}});
  out.emplace_back(Blame{BadBroadcast{1, 2, 3, text, signature, filled<Signature>(8)}});
  out.emplace_back(
      Blame{BadLetter{1,
                      2,
                      3,
                      text,
                      signature,
                      filled<base::Sha256Digest>(4),
                      {filled<Signature>(1), filled<Signature>(2), filled<Signature>(3)},
                      filled<Signature>(8)}});
  out.emplace_back(Farewell{Reason::unreachable, 4, 2});
  return out;
}

}  // namespace concordat::session::messaging::test

// What a judge of evidence asks of signatures alone: the same at a party of the run and at whoever
// was not there. MESSAGING.md, "Blame", says what the answers mean.
#pragma once

#include "session/messaging/evidence.hpp"

namespace concordat::session::messaging {

class Judge {
 public:
  using Keys = std::map<PartyIndex, SignerKey>;
  // References outlive the judge.
  Judge(const Statements& statements, const Keys& keys) : statements_(statements), keys_(keys) {}

  // Success: its party is guilty. bad_signature.
  [[nodiscard]] base::Status check_equivocation(const Equivocation& it) const;
  // That who accuses and who is accused have seats, and that the accuser signed the accusation; if
  // not it convicts nobody. bad_accusation, bad_signature.
  [[nodiscard]] base::Status check_seats(const Evidence& evidence) const;
  [[nodiscard]] base::Status check_accuser(const Evidence& accusation) const;
  // Whether what the accuser shows is what it says: the accused's message, and for a letter every
  // party's echo. If not the accuser is guilty; otherwise the protocol's check decides.
  [[nodiscard]] bool is_founded(const BadBroadcast& it) const;
  [[nodiscard]] bool is_founded(const BadLetter& it) const;
  // Whether there is an echo of every party, in ascending order, over `vector`.
  [[nodiscard]] bool are_echoes(Round round, const base::Sha256Digest& vector,
                                const std::vector<Signature>& echoes) const;

 private:
  [[nodiscard]] const SignerKey& key_of(PartyIndex party) const { return keys_.at(party); }

  const Statements& statements_;
  const Keys& keys_;
};

}  // namespace concordat::session::messaging

// A party that runs the protocol as it should, inside, and says something else to the others: what
// its own run sends is taken apart to messages, changed, and sent on with numbers of its own.
#pragma once

#include "tests/session/simulator/attack.hpp"
#include "tests/session/simulator/network.hpp"

namespace concordat::session::test {

// Before the run signs it. The run itself takes it for right.
[[nodiscard]] std::unique_ptr<Protocol> twisted(std::unique_ptr<Protocol> protocol, Attack attack,
                                                Round round, std::set<PartyIndex> victims);

struct AttackPlan {
  Attack attack = Attack::none;
  Round round = 1;
  std::set<PartyIndex> victims;  // never empty, never the attacker
  PartyIndex scapegoat = 0;      // an honest party
  std::size_t moment = 0;        // how many messages go before
  std::uint64_t seed = 0;
};

class DishonestNode final : public Node {
 public:
  // `key` is the run's.
  DishonestNode(std::unique_ptr<messaging::Run> run, const messaging::Group& group,
                policy::SigningKey key, AttackPlan plan);

  base::Status connected(PartyIndex party, Time now) override;
  void lost(PartyIndex party, Time now) override;
  base::Status received(PartyIndex party, base::BytesView piece, Time now) override;
  void passed(Time now) override;
  std::optional<Time> wakes_at() const override { return run_->wakes_at(); }
  base::SecretBytes take(PartyIndex party, std::size_t most) override;
  bool is_closed() const override { return false; }

  // Whether what it planned has come about.
  [[nodiscard]] bool has_struck() const { return struck_; }

 private:
  struct Peer {
    explicit Peer(const messaging::FrameLimits& limits) : inside(limits), outside(limits) {}
    messaging::Link inside;                 // to its own run
    messaging::Link outside;                // to the other party
    base::Bytes raw;                        // goes first
    std::map<Round, messaging::Seen> told;  // which broadcast of its own
    std::size_t sent = 0;
  };

  void pump_inside(Time now);
  void note(PartyIndex from, const messaging::Message& message);
  void say(PartyIndex to, messaging::Message message);
  [[nodiscard]] bool changes(PartyIndex to, messaging::Message& message);
  void accuse_instead(const messaging::Message& message);
  void equivocate(PartyIndex to, messaging::Message& message);
  void spoil_signature(messaging::Message& message);
  void spoil_echo(messaging::Echo& echo);
  void flood(PartyIndex to);
  [[nodiscard]] std::optional<messaging::Evidence> accusation();
  [[nodiscard]] std::optional<messaging::Evidence> accusation_of_letter() const;
  template <class Accusation>
  void sign(Accusation& accusation) const;
  void strike(PartyIndex to, const messaging::Evidence& evidence);
  [[nodiscard]] messaging::Signature sign(base::BytesView statement) const {
    return key_.sign(statement).value();
  }
  [[nodiscard]] bool is_victim(PartyIndex party) const { return plan_.victims.contains(party); }

  std::unique_ptr<messaging::Run> run_;
  messaging::Group group_;
  policy::SigningKey key_;
  messaging::Statements statements_;
  messaging::FrameLimits limits_;
  AttackPlan plan_;
  Random random_;
  std::map<PartyIndex, Peer> peers_;
  // What it was sent in the plan's round, and its own echo.
  std::map<PartyIndex, messaging::Broadcast> broadcasts_;
  std::map<PartyIndex, base::Bytes> letters_;
  std::map<PartyIndex, messaging::Signature> letter_signatures_;
  std::map<PartyIndex, messaging::Echo> echoes_;
  std::optional<messaging::Evidence> accusation_;
  bool mute_ = false;
  bool struck_ = false;
};

}  // namespace concordat::session::test

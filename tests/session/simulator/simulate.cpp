#include "tests/session/simulator/simulate.hpp"

#include "tests/session/simulator/test_protocols.hpp"

namespace concordat::session::test {

using base::Bytes;
using messaging::Group;
using messaging::Outcome;
using messaging::Reason;
using messaging::Run;
using messaging::Stop;
using messaging::Timing;

namespace {

constexpr Timing kTiming{.round = std::chrono::seconds(10), .farewell = std::chrono::seconds(5)};
constexpr milliseconds kLatestStart{400};

class Simulation {
 public:
  Simulation(const ProtocolKind& kind, base::BytesView parameters, const std::vector<Bytes>& inputs,
             std::uint64_t seed, const Given& given)
      : kind_(kind), parameters_(parameters), inputs_(inputs), given_(given), random_(seed) {
    report_.seed = seed;
    report_.parties = inputs.size();
  }

  Report run();

 private:
  struct Party {
    Time begun;
    HonestNode* honest = nullptr;
    DishonestNode* dishonest = nullptr;
  };

  void make_group();
  void make_plan();
  [[nodiscard]] Weather make_weather();
  [[nodiscard]] std::set<PartyIndex> some(std::size_t most_left_out);
  [[nodiscard]] std::unique_ptr<Protocol> protocol(PartyIndex party);
  [[nodiscard]] Group group_of(PartyIndex party) const;
  [[nodiscard]] policy::SigningKey key_of(PartyIndex party) const;
  [[nodiscard]] std::unique_ptr<Node> begin(PartyIndex party, Time now);

  void judge(const Network& network);
  void judge_party(PartyIndex party, const Outcome& outcome);
  void judge_stop(PartyIndex party, const Stop& stop);
  void judge_output(PartyIndex party, const Outcome& outcome);
  void judge_whole();
  [[nodiscard]] bool must_convict() const;
  void broken(PartyIndex party, const std::string& what) {
    report_.broken.push_back("party " + std::to_string(party) + ": " + what);
  }

  ProtocolKind kind_;
  base::BytesView parameters_;
  const std::vector<Bytes>& inputs_;
  Given given_;
  Random random_;
  Report report_;
  Group group_;
  std::map<PartyIndex, Bytes> seeds_;
  std::map<PartyIndex, ProcessMemory> memories_;
  std::map<PartyIndex, Party> parties_;
  Round rounds_ = 0;
  bool has_letters_ = false;  // in the plan's round
  std::optional<Bytes> result_;
  std::size_t undecided_ = 0;  // honest parties that neither have an output nor convict
  std::size_t alive_ = 0;      // honest ones
};

policy::SigningKey Simulation::key_of(PartyIndex party) const {
  Bytes copy = seeds_.at(party);
  return policy::SigningKey::from_seed(base::SecretBytes::take(copy)).value();
}

// Places with gaps between them: an index is no position.
void Simulation::make_group() {
  PartyIndex index = 0;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    index += 1 + static_cast<PartyIndex>(given_.has_gaps && random_.one_in(4));
    Bytes seed(32);
    for (auto& byte : seed)
      byte = static_cast<std::uint8_t>(random_.below(256));
    seeds_[index] = seed;
    group_.seat.parties.push_back(index);
    group_.keys[index] = key_of(index).public_key();
  }
  group_.seat.threshold = given_.threshold;
  for (auto& byte : group_.seat.roster.mutable_view())
    byte = static_cast<std::uint8_t>(random_.below(256));
}

Group Simulation::group_of(PartyIndex party) const {
  Group out = group_;
  out.seat.self = party;
  return out;
}

std::unique_ptr<Protocol> Simulation::protocol(PartyIndex party) {
  const auto place = std::ranges::find(group_.seat.parties, party) - group_.seat.parties.begin();
  auto intake = kind_.take(parameters_, inputs_.size(), given_.threshold).value();
  const Bytes& input = inputs_.at(place);
  if (!input.empty()) intake->feed(input).value();
  if (given_.kept) intake->restore(given_.kept(party)).value();
  intake->remember(memories_[party]);
  return intake->begin(group_of(party).seat).value();
}

// Not empty, of those who are honest.
std::set<PartyIndex> Simulation::some(std::size_t most_left_out) {
  std::vector<PartyIndex> honest;
  for (const PartyIndex party : group_.seat.parties) {
    if (party != report_.dishonest) honest.push_back(party);
  }
  std::set<PartyIndex> out(honest.begin(), honest.end());
  const std::size_t left_out = random_.below(std::min(most_left_out, honest.size() - 1) + 1);
  for (std::size_t i = 0; i < left_out; ++i)
    out.erase(honest[random_.below(honest.size())]);
  if (out.empty()) out.insert(honest.front());
  return out;
}

void Simulation::make_plan() {
  AttackPlan& plan = report_.plan;
  plan.attack = given_.attack.value_or(
      random_.one_in(8) ? Attack::none : static_cast<Attack>(random_.below(kAttacks)));
  plan.seed = random_.below(1U << 31);
  report_.calm = given_.calm.value_or(!random_.one_in(3));
  const PartyIndex chosen = group_.seat.parties[random_.below(inputs_.size())];
  const auto sample = protocol(group_.seat.parties.front());
  rounds_ = sample->rounds();
  std::vector<Round> rounds;
  for (Round round = 1; round <= rounds_; ++round) {
    if (sample->shape(round).letter > 0) rounds.push_back(round);
  }
  plan.round = is_of_letters(plan.attack) && !rounds.empty()
                   ? rounds[random_.below(rounds.size())]
                   : 1 + static_cast<Round>(random_.below(rounds_));
  has_letters_ = sample->shape(plan.round).letter > 0;
  if (plan.attack == Attack::none) return;
  report_.dishonest = chosen;
  plan.victims = some(inputs_.size());
  if (plan.attack == Attack::equivocate && plan.victims.size() + 2 > inputs_.size() &&
      plan.victims.size() > 1) {
    plan.victims.erase(plan.victims.begin());
  }
  const auto honest = some(0);
  plan.scapegoat = *std::next(honest.begin(), random_.below(honest.size()));
  plan.moment = random_.below(5 * rounds_);
}

Weather Simulation::make_weather() {
  Weather out;
  if (report_.calm) return out;
  // From what hardly matters to what nobody gets through.
  const std::size_t severity = 1 + random_.below(10);
  out.delay = milliseconds(50 + random_.below(200 * severity));
  out.life = milliseconds(500 + random_.below(8000));
  out.redial = milliseconds(100 + random_.below(400 * severity));
  for (std::size_t i = random_.below(3); i > 0; --i) {
    const Time from{static_cast<std::int64_t>(random_.below(30'000))};
    const Time until = from + random_.up_to(std::chrono::seconds(20));
    out.cuts.push_back({from, until, some(inputs_.size()), random_.one_in(2)});
  }
  if (random_.one_in(3)) {
    const PartyIndex party = group_.seat.parties[random_.below(inputs_.size())];
    out.crashes[party] = Time{static_cast<std::int64_t>(random_.below(20'000))};
  }
  return out;
}

std::unique_ptr<Node> Simulation::begin(PartyIndex party, Time now) {
  Party& place = parties_[party];
  place.begun = now;
  auto own = protocol(party);
  const AttackPlan& plan = report_.plan;
  const bool is_dishonest = party == report_.dishonest;
  if (is_dishonest) own = twisted(std::move(own), plan.attack, plan.round, plan.victims);
  auto run = Run::begin(group_of(party), key_of(party), std::move(own), kTiming, now).value();
  if (is_dishonest) {
    auto node =
        std::make_unique<DishonestNode>(std::move(run), group_of(party), key_of(party), plan);
    place.dishonest = node.get();
    return node;
  }
  auto node = std::make_unique<HonestNode>(std::move(run));
  place.honest = node.get();
  return node;
}

Report Simulation::run() {
  make_group();
  make_plan();
  Network network(make_weather(), random_);
  for (const PartyIndex party : group_.seat.parties) {
    network.add(party, Time{} + random_.up_to(kLatestStart),
                [this, party](Time now) { return begin(party, now); });
  }
  network.run(Time{} + kLatestStart + kTiming.round * (rounds_ + 1) + kTiming.farewell +
              std::chrono::seconds(1));
  report_.broken = network.complaints();
  judge(network);
  return report_;
}

void Simulation::judge(const Network& network) {
  for (const auto& [party, place] : parties_) {
    if (place.dishonest) report_.struck = place.dishonest->has_struck();
    if (!place.honest) continue;
    const Outcome* outcome = place.honest->run().outcome();
    if (network.is_dead(party)) {
      if (outcome) judge_party(party, *outcome);
      continue;
    }
    ++alive_;
    const auto closed = network.closed_at(party);
    const Time latest = place.begun + kTiming.round * (rounds_ + 1) + kTiming.farewell;
    if (!outcome || !closed || *closed > latest) {
      broken(party, "has not ended in time");
    } else {
      judge_party(party, *outcome);
      if (!outcome->output && !outcome->convicted.contains(report_.dishonest)) ++undecided_;
    }
  }
  judge_whole();
}

void Simulation::judge_party(PartyIndex party, const Outcome& outcome) {
  for (const auto& [guilty, conviction] : outcome.convicted) {
    if (guilty != report_.dishonest) broken(party, "convicts " + to_string(guilty, conviction));
  }
  if (outcome.convicted.contains(report_.dishonest)) ++report_.convicting;
  if (outcome.output.has_value() == outcome.stop.has_value()) {
    broken(party, "has an output and a stop, or neither");
  }
  if (outcome.stop) judge_stop(party, *outcome.stop);
  if (outcome.output) judge_output(party, outcome);
}

// Breaking the rules, or confirming something else, nobody honest does; everybody can be silent.
void Simulation::judge_stop(PartyIndex party, const Stop& stop) {
  const bool is_word =
      stop.reason == Reason::unreachable || stop.reason == Reason::ended_by_another;
  if (stop.reason == Reason::failed) broken(party, to_string(stop));
  for (const PartyIndex named : stop.parties) {
    if (!is_word && named != report_.dishonest) broken(party, to_string(stop));
  }
  if (is_word && stop.parties.empty()) broken(party, "stops by nobody's fault");
}

void Simulation::judge_output(PartyIndex party, const Outcome& outcome) {
  ++report_.finished;
  const Bytes& result = outcome.output->result;
  if (!result_) result_ = result;
  if (result != *result_) broken(party, "has another result than others");
  if (!report_.dishonest && given_.expected && result != *given_.expected) {
    broken(party, "has a wrong result");
  }
  if (given_.judge) {
    const std::string fault = given_.judge(party, *outcome.output);
    if (!fault.empty()) broken(party, fault);
  }
  const messaging::Statements statements(group_.seat.roster);
  for (const auto& [signer, key] : group_.keys) {
    const auto signature = outcome.confirmations.find(signer);
    if (signature == outcome.confirmations.end() ||
        !messaging::check(signature->second, statements.result(signer, base::sha256({result})),
                          signer, key)) {
      broken(party, "has no confirmation by party " + std::to_string(signer));
    }
  }
}

bool Simulation::must_convict() const {
  const AttackPlan& plan = report_.plan;
  if (!report_.calm || !given_.checks_everything || !is_provable(plan.attack)) return false;
  if (plan.attack == Attack::bad_letter) return has_letters_;
  if (plan.attack == Attack::bad_broadcast) return true;
  if (plan.attack == Attack::equivocate) {
    return report_.struck && plan.victims.size() < parties_.size() - 1;
  }
  return report_.struck;
}

void Simulation::judge_whole() {
  if (report_.calm && !report_.dishonest && report_.finished != parties_.size()) {
    report_.broken.push_back("nobody disturbed it, and not all finished");
  }
  if (must_convict() && undecided_ > 0) {
    report_.broken.push_back(std::to_string(undecided_) +
                             " honest parties neither finish nor convict the dishonest one");
  }
}

}  // namespace

std::string Report::text() const {
  std::string out = "seed " + std::to_string(seed) + ": " + std::to_string(parties) + " parties, " +
                    (calm ? "calm" : "rough");
  if (dishonest) {
    out += ", party " + std::to_string(dishonest) +
           " dishonest: " + std::string(name_of(plan.attack)) + " in round " +
           std::to_string(plan.round) + ", victims";
    for (const PartyIndex victim : plan.victims)
      out += " " + std::to_string(victim);
    out += ", scapegoat " + std::to_string(plan.scapegoat);
  }
  out += "; " + std::to_string(finished) + " finished, " + std::to_string(convicting) + " convict";
  for (const std::string& promise : broken)
    out += "\n  " + promise;
  return out;
}

Report simulate(const ProtocolKind& kind, base::BytesView parameters,
                const std::vector<Bytes>& inputs, std::uint64_t seed, const Given& given) {
  return Simulation(kind, parameters, inputs, seed, given).run();
}

Report simulate_test_protocol(std::uint64_t seed, Given given) {
  Random random(seed * 7919);
  // All in turn, so that a hundred seeds have four of each; without letters where there need be
  // none.
  const auto attack = given.attack.value_or(static_cast<Attack>(seed % kAttacks));
  given.attack = attack;
  const std::array kinds{shared_sum(), late_letters(), committed_sum()};
  const std::size_t kind = random.below(is_of_letters(attack) ? 2 : 3);
  // Mostly few: what many parties cost grows with their square.
  const std::size_t parties = 2 + (random.one_in(12) ? random.below(24) : random.below(5));
  std::vector<Bytes> inputs;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < parties; ++i) {
    const std::uint64_t number = random.below(1'000'000);
    sum += number;
    inputs.push_back(base::to_bytes(base::as_bytes(std::to_string(number))));
  }
  Bytes expected(8);
  for (std::size_t i = 0; i < expected.size(); ++i)
    expected[i] = static_cast<std::uint8_t>(sum >> 8 * i);
  given.expected = expected;
  given.checks_everything = true;
  return simulate(kinds[kind], {}, inputs, seed, given);
}

}  // namespace concordat::session::test

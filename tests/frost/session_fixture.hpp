// Runs of this folder's protocols as descriptors ask for them, in lockstep.
#pragma once

#include <nlohmann/json.hpp>

#include "attest/base/random.hpp"

#include "session/protocols/frost/kinds.hpp"
#include "tests/frost/frost_fixture.hpp"
#include "tests/session/lockstep.hpp"

namespace concordat::session::frost::test {

using session::test::Lockstep;
using session::test::LockstepResult;

// What a party brings along.
struct Brought {
  base::SecretBytes kept;
  base::Bytes input;
};

[[nodiscard]] inline base::Result<std::unique_ptr<Intake>> take(std::string_view name,
                                                                const nlohmann::json& parameters,
                                                                std::size_t parties,
                                                                std::size_t threshold) {
  for (const ProtocolKind& kind : kinds()) {
    if (kind.name == name) return kind.take(base::as_bytes(parameters.dump()), parties, threshold);
  }
  throw std::logic_error("no such kind");
}

[[nodiscard]] inline base::Result<std::unique_ptr<Protocol>> begin(Intake& intake, const Seat& seat,
                                                                   const Brought& brought) {
  // In pieces, which end anywhere.
  for (std::size_t at = 0; at < brought.input.size(); at += 3) {
    CONCORDAT_CHECK(
        intake.feed(base::BytesView(brought.input)
                        .subspan(at, std::min<std::size_t>(3, brought.input.size() - at))));
  }
  if (!brought.kept.empty()) {
    CONCORDAT_CHECK(intake.restore(brought.kept.clone()));
  }
  return intake.begin(seat);
}

// One run of a descriptor of `parties` of which `taking_part` do. Its roster is its own.
struct Run {
  std::string_view name;
  nlohmann::json parameters = nlohmann::json::object();
  std::size_t parties = 0;
  std::size_t threshold = 0;
  std::vector<PartyIndex> taking_part;
  std::map<PartyIndex, Brought> brought;
  // Of each party's process; without: none is handed to the run.
  std::map<PartyIndex, ProcessMemory>* memories = nullptr;

  [[nodiscard]] Seat seat(PartyIndex self, const base::Sha256Digest& roster) const {
    return {self, taking_part, threshold, roster};
  }
  // The first error of a party that did not begin.
  [[nodiscard]] base::Result<Lockstep> start() {
    base::SystemRandom random;
    const auto roster = random.make<base::Sha256Digest>();
    std::vector<std::unique_ptr<Protocol>> protocols;
    for (const PartyIndex party : taking_part) {
      CONCORDAT_TRY(const auto intake, take(name, parameters, parties, threshold));
      if (memories != nullptr) intake->remember((*memories)[party]);
      CONCORDAT_TRY(auto protocol, begin(*intake, seat(party, roster), brought[party]));
      protocols.push_back(std::move(protocol));
    }
    Lockstep out(taking_part, std::move(protocols));
    for (const ProtocolKind& kind : kinds()) {
      if (kind.name != name || kind.watch == nullptr) continue;
      CONCORDAT_TRY(auto watcher, kind.watch(base::as_bytes(parameters.dump()), seat(0, roster)));
      out.watch_with(std::move(watcher));
    }
    return out;
  }
  [[nodiscard]] LockstepResult run(const Lockstep::Hooks& hooks = {}) {
    return start().value().run(hooks);
  }
};

[[nodiscard]] inline std::vector<PartyIndex> all_of(std::size_t parties) {
  std::vector<PartyIndex> out;
  for (PartyIndex party = 1; party <= parties; ++party)
    out.push_back(party);
  return out;
}

[[nodiscard]] inline Run keygen(std::size_t threshold, std::size_t parties) {
  return {"frost-keygen/1", nlohmann::json::object(), parties, threshold, all_of(parties), {}};
}

// A key that its holders made; what each keeps, by its share.
struct Key {
  GroupInfo group;
  std::map<Index, base::SecretBytes> kept;
};
[[nodiscard]] inline Key made_key(std::size_t threshold, std::size_t parties) {
  const LockstepResult result = keygen(threshold, parties).run();
  EXPECT_EQ(result.what(), "ended well");
  Key out{GroupInfo::decode(result.outputs.front().result).value(), {}};
  for (std::size_t i = 0; i < parties; ++i)
    out.kept.emplace(i + 1, result.outputs[i].kept.clone());
  return out;
}

[[nodiscard]] inline Run sign(const Key& key, const std::vector<PartyIndex>& signers,
                              base::BytesView message) {
  Run out{"frost-sign/1",
          {{"group", base::to_hex(key.group.encoded())}, {"message", base::to_hex(message)}},
          key.group.holders(),
          key.group.threshold(),
          signers,
          {}};
  for (const PartyIndex signer : signers)
    out.brought[signer].kept = key.kept.at(signer).clone();
  return out;
}

}  // namespace concordat::session::frost::test

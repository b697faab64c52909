// A whole run of a protocol among parties in virtual time, on a network that does what the seed
// says, with at most one dishonest party; and whether everything held that MESSAGING.md promises.
#pragma once

#include "tests/session/simulator/attack.hpp"
#include "tests/session/simulator/dishonest_node.hpp"

namespace concordat::session::test {

// What of a run is not drawn from the seed.
struct Given {
  std::optional<Attack> attack;
  std::optional<bool> calm;
  std::size_t threshold = 2;
  // The result that honest parties get where all are honest.
  std::optional<base::Bytes> expected;
  // Each of the protocol's messages is checked, but for lies (Attack::lie).
  bool checks_everything = false;
  // Parties are numbered with gaps, as an index is no position; else 1, 2, ..
  bool has_gaps = true;
  // What a party restores of an earlier run.
  std::function<base::SecretBytes(PartyIndex)> kept;
  // What is wrong with an honest party's output, if anything.
  std::function<std::string(PartyIndex, const Output&)> judge;
};

struct Report {
  std::uint64_t seed = 0;
  std::size_t parties = 0;
  bool calm = false;  // everything arrives in time
  AttackPlan plan;
  PartyIndex dishonest = 0;  // 0: nobody
  bool struck = false;
  std::size_t finished = 0;         // honest parties with an output
  std::size_t convicting = 0;       // honest parties that convict the dishonest one
  std::vector<std::string> broken;  // promises

  [[nodiscard]] std::string text() const;
};

// `inputs` of each party.
[[nodiscard]] Report simulate(const ProtocolKind& kind, base::BytesView parameters,
                              const std::vector<base::Bytes>& inputs, std::uint64_t seed,
                              const Given& given = {});

// One of the test protocols (test_protocols.hpp), 2 to 25 parties, by the seed.
[[nodiscard]] Report simulate_test_protocol(std::uint64_t seed, Given given = {});

}  // namespace concordat::session::test

// The protocols that there are, each under loss, crashes and one dishonest party of every kind:
// what messaging promises holds, and whoever has an output has a right one.
#include <gtest/gtest.h>

#include "session/protocols/psi_size/kind.hpp"
#include "tests/aggregate/aggregate_fixture.hpp"
#include "tests/frost/session_fixture.hpp"
#include "tests/session/simulator/simulate.hpp"

namespace concordat::session::test {
namespace {

base::Bytes bytes_of(const std::string& text) {
  return base::to_bytes(base::as_bytes(text));
}

// So many times each attack in turn, and some runs where all are honest.
class Seeds {
 public:
  explicit Seeds(std::size_t times) : last_(times * kTurn) {}

  // `make`: kind, parameters and inputs of a seed, and what is known of it.
  struct Case {
    ProtocolKind kind;
    std::string parameters;
    std::vector<base::Bytes> inputs;
    Given given;
  };
  void run(const std::function<Case(Random&)>& make) {
    std::size_t finished = 0;
    for (std::uint64_t seed = 1; seed <= last_; ++seed) {
      Random random(seed * 104729);
      Case one = make(random);
      one.given.has_gaps = false;
      const std::size_t attack = seed % kTurn;
      one.given.attack = attack < kAttacks ? static_cast<Attack>(attack) : Attack::none;
      const Report report =
          simulate(one.kind, base::as_bytes(one.parameters), one.inputs, seed, one.given);
      EXPECT_TRUE(report.broken.empty()) << report.text();
      finished += report.finished > 0 ? 1 : 0;
    }
    EXPECT_GT(finished, last_ / 4) << "hardly any run had an output: nothing was shown";
  }

 private:
  static constexpr std::size_t kTurn = kAttacks + 10;
  std::uint64_t last_;
};

TEST(RealProtocols, Aggregate) {
  const std::string columns = R"({"max_rows":20,"numbers":{"x":{"max":"1000"}},)";
  Seeds(4).run([&](Random& random) {
    // Sizes of groups are compared in the groups' field, which takes its time.
    const bool withholds = random.one_in(4);
    const std::size_t parties = 2 + random.below(withholds ? 2 : random.one_in(10) ? 24 : 4);
    Seeds::Case out{aggregate::kind(), columns, {}, {}};
    out.parameters += withholds ? R"("min_group_size":3,"results":[{"name":"r","by":"g","values":)"
                                  R"(["a","b"],"of":{"x":["sum"]}}]})"
                                : R"("results":[{"name":"r","of":{"x":["sum","mean"]}}]})";
    std::vector<std::string> tables;
    for (std::size_t i = 0; i < parties; ++i) {
      std::string table = "g,x\n";
      for (std::size_t row = random.below(5); row > 0; --row) {
        table += (random.one_in(2) ? "a," : "b,") + std::to_string(random.below(1001)) + "\n";
      }
      out.inputs.push_back(bytes_of(table));
      tables.push_back(std::move(table));
    }
    out.given.threshold = parties;
    out.given.expected = bytes_of(aggregate::text_of(aggregate::run(out.parameters, tables)));
    return out;
  });
}

TEST(RealProtocols, PsiSize) {
  Seeds(2).run([](Random& random) {
    Seeds::Case out{psi_size::kind(), R"({"max_items":8})", {}, {}};
    std::array<std::set<std::size_t>, 2> sets;
    for (auto& set : sets) {
      std::string lines;
      for (std::size_t i = random.below(9); i > 0; --i)
        set.insert(random.below(12));
      for (const std::size_t item : set)
        lines += std::to_string(item) + "\n";
      out.inputs.push_back(bytes_of(lines));
    }
    std::vector<std::size_t> common;
    std::ranges::set_intersection(sets[0], sets[1], std::back_inserter(common));
    out.given.expected =
        bytes_of(R"({"protocol":"psi_size/1","size":)" + std::to_string(common.size()) + "}");
    return out;
  });
}

ProtocolKind frost_kind(std::string_view name) {
  for (const ProtocolKind& kind : frost::kinds()) {
    if (kind.name == name) return kind;
  }
  throw std::logic_error("no such kind");
}

// Whether what is kept is a share of what came out.
std::string fault_of_share(const Output& output, std::size_t threshold, std::uint64_t epoch) {
  const auto group = frost::GroupInfo::decode(output.result);
  const auto share = frost::KeyShare::decode(output.kept);
  if (!group || !share) return "no group or no share";
  if (share->group() != *group) return "a share of another group";
  if (group->threshold() != threshold || group->epoch() != epoch) return "threshold or epoch";
  return {};
}

TEST(RealProtocols, FrostKeygen) {
  Seeds(1).run([](Random& random) {
    const std::size_t parties = 2 + random.below(4);
    const std::size_t threshold = 2 + random.below(parties - 1);
    Seeds::Case out{frost_kind("frost-keygen/1"), "{}", std::vector<base::Bytes>(parties), {}};
    out.given.threshold = threshold;
    out.given.judge = [=](PartyIndex, const Output& output) {
      return fault_of_share(output, threshold, 0);
    };
    return out;
  });
}

class SharedKey {
 public:
  SharedKey(std::size_t threshold, std::size_t holders)
      : shares_(
            std::make_shared<std::vector<frost::KeyShare>>(frost::test::deal(threshold, holders))) {
  }
  [[nodiscard]] const frost::GroupInfo& group() const { return shares_->front().group(); }
  [[nodiscard]] std::string hex() const { return base::to_hex(group().encoded()); }
  [[nodiscard]] auto kept() const {
    return [shares = shares_](PartyIndex party) { return shares->at(party - 1).encoded(); };
  }

 private:
  std::shared_ptr<std::vector<frost::KeyShare>> shares_;
};

TEST(RealProtocols, FrostSign) {
  const base::Bytes message = bytes_of("a bill");
  Seeds(2).run([&](Random& random) {
    const std::size_t parties = 2 + random.below(4);
    const std::size_t threshold = 2 + random.below(parties - 1);
    const SharedKey key(threshold, parties);
    Seeds::Case out{
        frost_kind("frost-sign/1"),
        R"({"group":")" + key.hex() + R"(","message":")" + base::to_hex(message) + R"("})",
        std::vector<base::Bytes>(parties),
        {}};
    out.given.threshold = threshold;
    out.given.kept = key.kept();
    out.given.judge = [public_key = key.group().public_key(), message](PartyIndex,
                                                                       const Output& output) {
      return frost::test::is_ed25519(output.result, public_key, message) ? "" : "no signature";
    };
    return out;
  });
}

TEST(RealProtocols, FrostPreprocess) {
  Seeds(1).run([](Random& random) {
    const std::size_t parties = 2 + random.below(4);
    const SharedKey key(2, parties);
    Seeds::Case out{frost_kind("frost-preprocess/1"),
                    R"({"group":")" + key.hex() + R"(","count":3})",
                    std::vector<base::Bytes>(parties),
                    {}};
    out.given.kept = key.kept();
    return out;
  });
}

TEST(RealProtocols, FrostReshare) {
  Seeds(1).run([](Random& random) {
    const std::size_t parties = 2 + random.below(3);
    const std::size_t threshold = 2 + random.below(parties - 1);
    const SharedKey key(2, parties);
    std::string everybody;
    for (std::size_t i = 1; i <= parties; ++i) {
      everybody += (i == 1 ? "{\"" : ",\"") + std::to_string(i) + "\":" + std::to_string(i);
    }
    everybody += "}";
    Seeds::Case out{frost_kind("frost-reshare/1"),
                    R"({"group":")" + key.hex() + R"(","dealers":)" + everybody + R"(,"holders":)" +
                        everybody + "}",
                    std::vector<base::Bytes>(parties),
                    {}};
    out.given.threshold = threshold;
    out.given.kept = key.kept();
    out.given.judge = [=, group = key.group()](PartyIndex, const Output& output) {
      const auto made = frost::GroupInfo::decode(output.result);
      if (!made || made->public_key() != group.public_key()) return std::string("another key");
      return fault_of_share(output, threshold, 1);
    };
    return out;
  });
}

}  // namespace
}  // namespace concordat::session::test

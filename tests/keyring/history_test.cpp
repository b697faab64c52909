// Random histories: two custodians, restarts, failing and lost answers, snapshots. What a reload
// finds is what a simple model makes of the entries, and these hold what was acknowledged, once.
#include <algorithm>
#include <random>
#include <set>

#include "tests/keyring/custodian.hpp"

namespace concordat::test {
namespace {

using namespace keyservice;

// The keyring, written down as simply as it can be said.
struct Model {
  struct Version {
    VersionState state = VersionState::enabled;
    std::string material;
  };
  struct Entry {
    VersionState state = VersionState::enabled;
    std::uint32_t minimum = 1;
    std::vector<Version> versions;
  };
  std::map<std::string, Entry> keys;
  std::map<GrantIdentity, std::uint64_t> uses;
  std::map<CountedInput, std::set<CountedRun>> runs;

  static std::string hex(const SecretBytes& secret) {
    return base::to_hex(secret.expose(SecretAccess{}));
  }
  Entry& entry(const std::string& name, std::uint32_t adopted) {
    Entry& out = keys[name];
    if (adopted != 0) out.versions.emplace_back();
    return out;
  }
  void operator()(const CreateKey& change) {
    keys[change.name].versions.push_back({VersionState::enabled, hex(change.first.material)});
  }
  void operator()(const AddVersion& change) {
    entry(change.name, change.adopted)
        .versions.push_back({VersionState::enabled, hex(change.made.material)});
  }
  void operator()(const SetState& change) {
    Entry& key = entry(change.name, change.adopted);
    const bool is_destroyed = change.state == VersionState::destroyed;
    for (std::size_t i = 0; i < key.versions.size(); ++i) {
      const bool is_meant = change.version == i + 1 || (change.version == 0 && is_destroyed);
      if (is_meant) key.versions[i].state = change.state;
      if (is_meant && is_destroyed) key.versions[i].material.clear();
    }
    if (change.version == 0) key.state = change.state;
  }
  void operator()(const SetMinimum& change) {
    entry(change.name, change.adopted).minimum = change.minimum;
  }
  // Generations have a history of their own (generation_history_test.cpp).
  void operator()(const TakeOver&) { ADD_FAILURE(); }
  void operator()(const MoveImplicit&) { ADD_FAILURE(); }
  void operator()(const AdoptKey&) { ADD_FAILURE(); }
  void operator()(const HandOverLog&) { ADD_FAILURE(); }
  void operator()(const ReserveUses& change) { uses[change.grant] = change.to; }
  void operator()(const CountRun& change) {
    EXPECT_TRUE(runs[change.run.input].insert(change.run.run).second) << "counted twice";
    EXPECT_EQ(runs[change.run.input].size(), change.number);
  }

  void expect_equals(const KeyTable& table) const {
    ASSERT_EQ(table.records().size(), keys.size());
    for (const auto& [name, key] : keys) {
      const KeyRecord* record = table.find(name);
      ASSERT_NE(record, nullptr) << name;
      EXPECT_EQ(record->state, key.state) << name;
      EXPECT_EQ(record->key.minimum_version, key.minimum) << name;
      ASSERT_EQ(record->key.versions.size(), key.versions.size()) << name;
      for (std::size_t i = 0; i < key.versions.size(); ++i) {
        EXPECT_EQ(record->key.versions[i].state, key.versions[i].state) << name << " " << i + 1;
        EXPECT_EQ(hex(record->key.versions[i].material), key.versions[i].material);
      }
    }
    for (const auto& [grant, reserved] : uses)
      EXPECT_EQ(table.reserved_uses(grant), reserved);
    for (const auto& [input, of_input] : runs)
      EXPECT_EQ(table.runs().runs_of("payments", input), of_input.size());
  }
};

class History {
 public:
  explicit History(std::uint32_t seed) : random_(seed) {
    for (auto& custodian : custodians_)
      start(custodian);
  }

  void run() {
    for (int i = 0; i < 120 && !testing::Test::HasFatalFailure(); ++i)
      step();
    for (auto& custodian : custodians_)
      custodian->store.fail_no_more();
    // Twice: writes that come late come with the next call.
    for (int i = 0; i < 2; ++i) {
      for (auto& custodian : custodians_)
        ASSERT_TRUE(custodian->refresh());
    }
    check();
  }

 private:
  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }

  void start(std::unique_ptr<Custodian>& custodian) {
    custodian = std::make_unique<Custodian>(world_, 5 + below(20));
    custodian->keyring.load([](const Status&) {});
    settle();
    while (!custodian->keyring.journal().is_loaded())
      ASSERT_TRUE(custodian->load());
  }

  // Answers come in any order.
  void settle() {
    world_.run([this](std::size_t waiting) { return below(waiting); });
  }

  void step() {
    if (below(20) == 0) return start(custodians_[below(2)]);
    for (auto& custodian : custodians_) {
      if (below(4) == 0)
        custodian->store.fail_call(custodian->store.calls() + 1 + below(6), Failure(below(4)));
    }
    for (std::size_t commands = 1 + below(4); commands > 0; --commands)
      command(*custodians_[below(2)]);
    settle();
  }

  // Material that no other command has: by it each is found again.
  NewVersion unique() {
    Bytes bytes(32, 1);
    ++commands_;
    bytes[0] = static_cast<std::uint8_t>(commands_ >> 8);
    bytes[1] = static_cast<std::uint8_t>(commands_);
    return {KeyOrigin::generated, 0, SecretBytes::take(bytes)};
  }
  auto outcome_of(const NewVersion& made) {
    return [this, material = Model::hex(made.material)](const Result<KeySummary>& done) {
      if (done) acknowledged_.insert(material);
      if (!done && done.error().is(journal::Errc::outcome_unknown)) unknown_.insert(material);
    };
  }

  void command(Custodian& custodian) {
    Keyring& keyring = custodian.keyring;
    const std::string name = "key-" + std::to_string(below(12));
    const KeyRecord* record = keyring.keys().find(name);
    const auto newest =
        record == nullptr ? 1u : static_cast<std::uint32_t>(record->key.versions.size());
    const auto version = static_cast<std::uint32_t>(below(newest + 1));
    const auto ignore = [](const Result<KeySummary>&) {};
    switch (below(11)) {
      case 0:
      case 1: {
        CreateKey key{name, KeyType::aes256, false, kNow, unique()};
        const auto done = outcome_of(key.first);
        return keyring.create(std::move(key), done);
      }
      case 2:
      case 3:
      case 4: {
        Keyring::Rotation rotation{name, newest, kNow, unique(), false};
        const auto done = outcome_of(rotation.made);
        return keyring.rotate(std::move(rotation), done);
      }
      case 5:
        return keyring.set_minimum(name, version, true, ignore);
      case 6:
        return keyring.set_state(name, version, VersionState::disabled, true, ignore);
      case 7:
        return keyring.set_state(name, version, VersionState::enabled, true, ignore);
      case 8:
        if (below(4) != 0) return;
        return keyring.set_state(name, version, VersionState::destroyed, true, ignore);
      case 9: {
        const auto run =
            run_of_input(static_cast<std::uint8_t>(below(3)), static_cast<std::uint8_t>(below(20)));
        return keyring.count_run(run, kRuns, [this, run](const Result<std::uint64_t>& counted) {
          if (counted) allowed_[run.input].insert(run.run);
        });
      }
      default: {
        const std::size_t which = below(2);
        return custodian.count_use(grants_[which], [this, which](const Status& used) {
          used_[which] += used.has_value();
        });
      }
    }
  }

  // The entries, one after the other, as somebody would read them who knows the format only.
  void check() {
    base::SystemRandom random;
    const auto sealer = test_sealer(random);
    Model model;
    std::map<std::string, int> written;
    journal::Head head;
    for (;;) {
      const auto place = journal::entry_after(head);
      const auto [first, last] = world_.ever.equal_range(place.name);
      const auto found = std::find_if(first, last, [&](const auto& record) {
        return sealer.open(place, record.second).has_value();
      });
      if (found == last) break;
      const Change change = decode_change(sealer.open(place, found->second).value()).value();
      if (const auto* create = std::get_if<CreateKey>(&change))
        ++written[Model::hex(create->first.material)];
      if (const auto* add = std::get_if<AddVersion>(&change))
        ++written[Model::hex(add->made.material)];
      std::visit(model, change);
      head = {place.position, journal::hash_of(found->second)};
    }
    for (const std::string& material : acknowledged_)
      EXPECT_EQ(written[material], 1) << "acknowledged and not there, or twice";
    for (const auto& [material, times] : written) {
      EXPECT_LE(times, 1);
      EXPECT_TRUE(times == 0 || acknowledged_.contains(material) || unknown_.contains(material));
    }
    for (std::size_t i = 0; i < 2; ++i)
      EXPECT_LE(used_[i], *grants_[i].use_limit);
    for (const auto& [input, runs] : allowed_) {
      EXPECT_LE(model.runs[input].size(), kRuns);
      EXPECT_TRUE(std::ranges::includes(model.runs[input], runs)) << "allowed and not written";
    }
    Custodian reloaded(world_);
    ASSERT_TRUE(reloaded.load());
    EXPECT_EQ(reloaded.keyring.journal().head(), head);
    model.expect_equals(reloaded.keyring.keys());
    for (const auto& custodian : custodians_)
      EXPECT_EQ(contents(custodian->keyring.keys()), contents(reloaded.keyring.keys()));
  }

  std::mt19937 random_;
  MemoryStore::Shared world_;
  std::unique_ptr<Custodian> custodians_[2];
  const policy::Grant grants_[2] = {{"a", "k/*", {policy::Operation::sign}, 20, {}},
                                    {"b", "k/*", {policy::Operation::sign}, 2'000, {}}};
  std::uint64_t used_[2] = {0, 0};
  static constexpr std::uint64_t kRuns = 6;
  std::map<CountedInput, std::set<CountedRun>> allowed_;
  std::uint32_t commands_ = 0;
  std::set<std::string> acknowledged_, unknown_;
};

TEST(KeyringHistory, WhateverHappensAReloadFindsWhatTheModelSays) {
  const std::uint32_t first = std::random_device{}();
  for (std::uint32_t i = 0; i < 40; ++i) {
    SCOPED_TRACE("seed " + std::to_string(first + i));
    History(first + i).run();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace concordat::test

// Three custodians over one store that answers when it likes, in any order, or not at all; they
// come and go, and tell one another their heads. Whatever the order: each acknowledged change is in
// the journal once, no position has two entries, all end with the same keys, and nobody is told of
// a rollback that there was none. And these checks find what they are for: with a store that skips
// a comparison they fail.
#include <random>
#include <set>

#include "keyservice/custody.hpp"
#include "tests/keyring/custodian.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::Error;
using base::Result;
using base::Status;
using JournalErrc = journal::Errc;

// What a store could leave out of its compare-and-swap.
enum class Bug { none, name_not_compared, predecessor_not_compared };

// Calls are two steps that wait for the scheduler: what they do, and their answer.
struct World {
  std::mt19937 random;
  Bug bug = Bug::none;
  bool fails = true;
  std::map<std::string, Bytes> records;
  std::multimap<std::string, Bytes> ever;
  std::vector<std::function<void()>> waiting;

  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  }
  void run_one() {
    const std::size_t chosen = below(waiting.size());
    const auto task = std::move(waiting[chosen]);
    waiting[chosen] = std::move(waiting.back());
    waiting.pop_back();
    task();
  }
  void run_all() {
    while (!waiting.empty())
      run_one();
  }
};

class RacingStore final : public journal::Store {
 public:
  explicit RacingStore(World& world) : world_(world) {}

  void create(const std::string& name, const std::optional<journal::Predecessor>& after,
              Bytes value, Done done) override {
    call<Status>([&world = world_, name, after,
                  value = std::move(value)] { return make(world, name, after, value); },
                 std::move(done));
  }
  void read(const std::string& prefix, const std::string& after, std::size_t max_bytes,
            OnRecords done) override {
    call<Result<journal::Records>>([&world = world_, prefix, after,
                                    max_bytes] { return page(world, prefix, after, max_bytes); },
                                   std::move(done));
  }
  void remove(const std::string& prefix, const std::string& before, Done done) override {
    call<Status>(
        [&records = world_.records, prefix, before]() -> Status {
          records.erase(records.lower_bound(prefix), records.lower_bound(before));
          return {};
        },
        std::move(done));
  }

 private:
  template <class Answer, class Completion>
  void call(std::function<Answer()> perform, Completion done) {
    World& world = world_;
    world.waiting.emplace_back([&world, perform = std::move(perform), done = std::move(done)] {
      const std::size_t fate = world.fails ? world.below(12) : 12;
      Answer answer = fate < 3 ? Answer(Error(JournalErrc::unreachable)) : perform();
      if (fate == 0) world.waiting.emplace_back([perform] { (void)perform(); });  // late
      if (fate == 3) answer = Answer(Error(JournalErrc::unreachable));            // lost
      world.waiting.emplace_back(
          [done, answer = std::make_shared<Answer>(std::move(answer))] { done(*answer); });
    });
  }
  // The store may be gone, as its custodian is, when what it was asked for happens.
  static Status make(World& world, const std::string& name,
                     const std::optional<journal::Predecessor>& after, const Bytes& value) {
    auto& records = world.records;
    if (world.bug != Bug::name_not_compared && records.contains(name)) {
      return Error(JournalErrc::position_taken, name);
    }
    const auto before = after ? records.find(after->name) : records.end();
    if (world.bug != Bug::predecessor_not_compared && after &&
        (before == records.end() || journal::hash_of(before->second) != after->hash)) {
      return Error(JournalErrc::predecessor_missing, after->name);
    }
    records[name] = value;
    world.ever.emplace(name, value);
    return {};
  }
  static Result<journal::Records> page(const World& world, const std::string& prefix,
                                       const std::string& after, std::size_t max_bytes) {
    journal::Records out;
    const auto& records = world.records;
    auto at =
        std::max(prefix, after) == after ? records.upper_bound(after) : records.lower_bound(prefix);
    for (; at != records.end() && at->first.starts_with(prefix); ++at) {
      out.more = at->second.size() > max_bytes && !out.records.empty();
      if (out.more) break;
      max_bytes -= std::min(max_bytes, at->second.size());
      out.records.push_back({at->first, at->second});
    }
    return out;
  }

  World& world_;
};

class Race {
 public:
  Race(std::uint32_t seed, Bug bug) {
    world_.random.seed(seed);
    world_.bug = bug;
    for (auto& racer : racers_)
      start(racer);
  }

  // What went wrong; empty: nothing.
  std::vector<std::string> run() {
    for (int i = 0; i < kSteps; ++i)
      step();
    world_.fails = false;
    world_.run_all();
    check();
    return std::move(wrong_);
  }

 private:
  static constexpr int kSteps = 150;
  struct Racer {
    explicit Racer(World& world) : store(world) {}
    RacingStore store;
    base::SystemRandom random;
    Custody custody{store, random};
    [[nodiscard]] bool is_loaded() { return custody.keyring().journal().is_loaded(); }
  };

  static Root root() { return Root::create(1, test::material_of(5)).value(); }

  // Comes up, as after a kill: what was under way in the store may still happen.
  void start(std::unique_ptr<Racer>& racer) {
    racer = std::make_unique<Racer>(world_);
    racer->custody.take(root(), "acme");
    load(*racer);
  }
  void load(Racer& racer) {
    racer.custody.load([](const Status&) {});
  }

  void step() {
    const std::size_t what = world_.below(40);
    auto& racer = racers_[world_.below(racers_.size())];
    if (what == 0) return start(racer);
    if (!racer->is_loaded() && world_.waiting.empty()) return load(*racer);
    if (what < 12 && racer->is_loaded()) return command(*racer);
    if (what < 14) return tell(*racer, *racers_[world_.below(racers_.size())]);
    if (!world_.waiting.empty()) world_.run_one();
  }

  void command(Racer& racer) {
    Keyring& keyring = racer.custody.keyring();
    const std::string name = "key-" + std::to_string(world_.below(4));
    const KeyRecord* record = keyring.keys().find(name);
    const std::size_t what = world_.below(12);
    if (what == 0) return keyring.write_snapshot([](const Status&) {});
    if (what == 1) return load(racer);
    NewVersion made = unique();
    const auto done = outcome_of(made);
    if (record == nullptr) {
      return keyring.create({name, KeyType::aes256, false, test::kNow, std::move(made)}, done);
    }
    const auto newest = static_cast<std::uint32_t>(record->key.versions.size());
    keyring.rotate({name, newest, test::kNow, std::move(made), false}, done);
  }

  void tell(Racer& from, Racer& to) {
    const auto head = from.custody.head();
    if (!head) return;
    to.custody.take_seen(*head, "other", [this](const Status& taken) {
      if (taken || taken.error().is(JournalErrc::unreachable)) return;
      wrong_.push_back("a head of another custodian: " + taken.error().to_string());
    });
  }

  // Material that no other command has: by it each is found again.
  NewVersion unique() {
    Bytes bytes(32, 1);
    ++commands_;
    bytes[0] = static_cast<std::uint8_t>(commands_ >> 8);
    bytes[1] = static_cast<std::uint8_t>(commands_);
    return {KeyOrigin::generated, 0, base::SecretBytes::take(bytes)};
  }
  static std::string hex(const base::SecretBytes& secret) {
    return base::to_hex(secret.expose(base::SecretAccess{}));
  }
  std::function<void(const Result<KeySummary>&)> outcome_of(const NewVersion& made) {
    return [this, material = hex(made.material)](const Result<KeySummary>& done) {
      if (done) {
        acknowledged_.insert(material);
      } else if (!done.error().is(JournalErrc::outcome_unknown)) {
        refused_.insert(material);
      }
    };
  }

  void check() {
    auto witness = std::make_unique<Racer>(world_);
    witness->custody.take(root(), "acme");
    const std::string there = state_of(*witness);
    const journal::Head head = witness->custody.keyring().journal().head();
    for (auto& racer : racers_) {
      if (state_of(*racer) != there) wrong_.push_back("custodians hold different keys");
      if (racer->custody.keyring().journal().head() != head) wrong_.push_back("heads differ");
    }
    read_entries(head);
    for (const std::string& material : acknowledged_) {
      if (written_[material] != 1) wrong_.push_back("acknowledged, and there not exactly once");
    }
    for (const std::string& material : refused_) {
      if (written_[material] != 0) wrong_.push_back("refused, and there all the same");
    }
    for (const auto& [material, times] : written_) {
      if (times > 1) wrong_.push_back("there twice");
    }
  }

  // The journal from its end to its beginning, read by somebody who knows the format only; also
  // what a snapshot replaced since.
  void read_entries(journal::Head head) {
    base::SystemRandom random;
    journal::Keys keys;
    keys.current = 1;
    keys.by_generation.emplace(1, root().journal_key());
    const journal::Sealer sealer("acme", std::move(keys), random);
    for (; head.position != 0; --head.position) {
      const journal::Head before{head.position - 1, {}};
      auto place = journal::entry_after(before);
      const auto [first, last] = world_.ever.equal_range(place.name);
      const auto found = std::find_if(first, last, [&](const auto& record) {
        return journal::hash_of(record.second) == head.hash;
      });
      if (found == last) return wrong_.push_back("not there: " + place.name);
      const auto opened = sealer.open_stating_link(place, found->second).value();
      place.link = opened.link;
      // Whoever saw no entry at all may make a first one where others were and are replaced by a
      // snapshot; it must not count as made.
      const bool is_first = head.position == 1;
      if (!is_first && !std::all_of(first, last, [&](const auto& record) {
            return record.second == found->second || !sealer.open(place, record.second);
          })) {
        wrong_.push_back("a fork at " + place.name);
      }
      const Change change = decode_change(opened.content).value();
      if (const auto* create = std::get_if<CreateKey>(&change))
        ++written_[hex(create->first.material)];
      if (const auto* add = std::get_if<AddVersion>(&change)) ++written_[hex(add->made.material)];
      head.hash = opened.link;
    }
  }

  std::string state_of(Racer& racer) {
    Status loaded = Error(JournalErrc::not_loaded);
    // The first may go on from where it had failed.
    for (int i = 0; i < 2; ++i) {
      racer.custody.load([&](const Status& status) { loaded = status; });
      world_.run_all();
    }
    if (!loaded) wrong_.push_back("not read: " + loaded.error().to_string());
    return test::contents(racer.custody.keyring().keys());
  }

  World world_;
  std::array<std::unique_ptr<Racer>, 3> racers_;
  std::uint32_t commands_ = 0;
  std::set<std::string> acknowledged_, refused_;
  std::map<std::string, int> written_;
  std::vector<std::string> wrong_;
};

constexpr std::uint32_t kInterleavings = 3000;

TEST(Races, LoseNoChangeMakeNoneTwiceAndEndAlike) {
  const std::uint32_t first = std::random_device{}();
  for (std::uint32_t i = 0; i < kInterleavings; ++i) {
    const auto wrong = Race(first + i, Bug::none).run();
    ASSERT_TRUE(wrong.empty()) << "seed " << first + i << ": " << wrong.front();
  }
}

class PlantedBug : public testing::TestWithParam<Bug> {};
TEST_P(PlantedBug, IsFound) {
  const std::uint32_t first = std::random_device{}();
  std::uint32_t found = 0;
  for (std::uint32_t i = 0; i < kInterleavings && found == 0; ++i)
    found += Race(first + i, GetParam()).run().empty() ? 0 : 1;
  EXPECT_GT(found, 0u) << "seeds from " << first;
}
INSTANTIATE_TEST_SUITE_P(Every, PlantedBug,
                         testing::Values(Bug::name_not_compared, Bug::predecessor_not_compared));

}  // namespace
}  // namespace concordat::keyservice

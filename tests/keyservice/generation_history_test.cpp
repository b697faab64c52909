// Random histories of root generations against a plain model of what must be readable: keys are
// made, rotated and destroyed, roots are pinned, take over and are retired, custodians start anew
// or beside others, on older stores, and whoever knows a replaced root writes into the store. Bugs
// that are planted must be found.
#include <gtest/gtest.h>

#include <random>

#include "attest/base/secret_access.hpp"
#include "keyservice/custody.hpp"
#include "keyservice/journal/errc.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::keyservice {
namespace {

using base::SecretBytes;
using base::Status;
using test::MemoryStore;

constexpr base::UnixMillis kAt{1'767'225'600'000};
constexpr int kSteps = 60;
constexpr std::uint32_t kMostPinned = 4;
const std::vector<std::string> kPlainNames{"plain/a", "plain/b", "plain/c"};

enum class Planted { nothing, another_root, older_current, unchecked_retirement };

Root root_of(std::uint32_t generation, std::uint8_t fill = 0x40) {
  base::Bytes bytes(kRootSize, static_cast<std::uint8_t>(fill + generation));
  return Root::create(generation, SecretBytes::take(bytes)).value();
}

// What must be so.
struct Model {
  struct Version {
    std::uint32_t generation = 0;
    bool is_destroyed = false;
  };
  std::map<std::string, std::vector<Version>> keys;
  std::uint32_t implicit = 1, sealing = 1;

  [[nodiscard]] bool needs(std::uint32_t generation) const {
    if (implicit == generation || sealing <= generation) return true;
    for (const auto& [name, versions] : keys) {
      for (const Version& version : versions) {
        if (!version.is_destroyed && version.generation == generation) return true;
      }
    }
    return false;
  }
};

struct Host {
  explicit Host(MemoryStore::Shared& shared) : store(shared) { store.answers_later = false; }
  Status load() {
    Status out = base::Error(journal::Errc::not_loaded);
    custody.load([&](const Status& status) { out = status; });
    return out;
  }
  MemoryStore store;
  base::SystemRandom random;
  Custody custody{store, random};
};

class History {
 public:
  History(std::uint32_t seed, Planted planted) : random_(seed), planted_(planted) {
    sign();
    for (auto& host : hosts_) {
      host = start(world_, false);
      expect(host->load().has_value(), "a custodian starts");
    }
  }

  // The first thing that was not as it must be; empty: none.
  std::string run() {
    for (int i = 0; i < kSteps && wrong_.empty(); ++i) {
      step();
      for (auto& host : hosts_) {
        expect(host->load().has_value(), "a custodian follows");
        compare(*host, model_);
      }
    }
    return wrong_;
  }

 private:
  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }
  void expect(bool is_so, const std::string& what) {
    if (!is_so && wrong_.empty()) wrong_ = what;
  }
  Host& any() { return *hosts_[below(hosts_.size())]; }

  // The policy in force.
  void sign() {
    std::string list;
    for (const std::uint32_t generation : pinned_) {
      const bool is_current =
          generation == (planted_ == Planted::older_current ? pinned_.front() : current_);
      list += (list.empty() ? "" : ", ") + (R"({"generation": )" + std::to_string(generation)) +
              R"(, "state": ")" + (is_current ? "current" : "read_only") + R"(", "commitment": ")" +
              root_of(generation).commitment().hex() + "\"}";
    }
    policy_ = test::signed_policy(
        authority_, test::replaced(test::sample_policy(authority_.descriptor()),
                                   "\"generations\": []", "\"generations\": [" + list + "]"));
    for (auto& host : hosts_) {
      if (host) pin(*host, false);
    }
  }
  // By unsealing, or from another custodian.
  void pin(Host& host, bool from_another) {
    for (const std::uint32_t generation : pinned_) {
      if (host.custody.root(generation) != nullptr) continue;
      const Root* const given = from_another ? hosts_[0]->custody.root(generation) : nullptr;
      Root root =
          given != nullptr ? Root::from_prk(generation, given->prk()).value() : root_of(generation);
      host.custody.take(std::move(root), "acme");
    }
    host.custody.pin(*policy_);
  }
  std::unique_ptr<Host> start(MemoryStore::Shared& world, bool from_another) {
    auto host = std::make_unique<Host>(world);
    pin(*host, from_another);
    return host;
  }

  void compare(Host& host, const Model& model) {
    const Status ready = host.custody.check(*policy_);
    if (!ready) return expect(false, "serves: " + ready.error().to_string());
    expect(host.custody.journal().generation() == model.sealing, "who seals");
    for (const std::string& name : kPlainNames) {
      if (!model.keys.contains(name)) compare(host, name, 1, {model.implicit, false});
    }
    for (const auto& [name, versions] : model.keys) {
      for (std::size_t i = 0; i < versions.size(); ++i)
        compare(host, name, static_cast<std::uint32_t>(i + 1), versions[i]);
    }
  }
  void compare(Host& host, const std::string& name, std::uint32_t version,
               const Model::Version& wanted) {
    const auto key = host.custody.for_reading(name, version);
    const std::string what = name + " version " + std::to_string(version);
    if (wanted.is_destroyed) return expect(!key, what + " is destroyed");
    if (!key) return expect(false, what + ": " + key.error().to_string());
    const std::uint8_t fill =
        planted_ == Planted::another_root && wanted.generation == 2 ? 0x50 : 0x40;
    expect(key->root->derive(KeyUse::secret, name, version) ==
               root_of(wanted.generation, fill).derive(KeyUse::secret, name, version),
           what + " has other bytes");
  }

  void step() {
    switch (below(11)) {
      case 0:
        return create();
      case 1:
        return rotate();
      case 2:
        return destroy();
      case 3:
        return pin_next();
      case 4:
        return take_over();
      case 5:
        return make_current();
      case 6:
        return move_implicit();
      case 7:
        return adopt();
      case 8:
        return retire();
      case 9:
        return start_again();
      default:
        return below(2) == 0 ? begin_on_older_store() : attack();
    }
  }

  template <class Command>
  void command(const std::string& what, const Command& run) {
    Host& host = any();
    std::string failure = "no answer";
    run(host.custody,
        [&](const auto& result) { failure = result ? std::string() : result.error().to_string(); });
    expect(failure.empty(), what + ": " + failure);
  }
  NewVersion derived() const { return {KeyOrigin::derived, model_.sealing, {}}; }
  std::string any_key() {
    auto at = model_.keys.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(below(model_.keys.size())));
    return at->first;
  }

  void create() {
    const std::string name = "made/" + std::to_string(++made_);
    command("create", [&](Custody& custody, auto done) {
      custody.keyring().create({name, KeyType::derived, true, kAt, derived()}, done);
    });
    model_.keys[name] = {{model_.sealing, false}};
  }
  // Of a key, or of a name that becomes one by it.
  void rotate() {
    const std::string name =
        model_.keys.empty() || below(4) == 0 ? kPlainNames[below(kPlainNames.size())] : any_key();
    if (model_.keys.contains(name) && model_.keys[name].size() > 6) return;
    auto& versions = model_.keys[name];
    if (versions.empty()) versions.push_back({model_.implicit, false});
    command("rotate", [&](Custody& custody, auto done) {
      custody.keyring().rotate(
          {name, static_cast<std::uint32_t>(versions.size()), kAt, derived(), true}, done);
    });
    versions.push_back({model_.sealing, false});
  }
  void destroy() {
    if (model_.keys.empty()) return;
    const std::string name = any_key();
    auto& versions = model_.keys[name];
    const std::size_t index = below(versions.size());
    if (index + 1 == versions.size() || versions[index].is_destroyed) return;
    command("destroy", [&](Custody& custody, auto done) {
      custody.keyring().set_state(name, static_cast<std::uint32_t>(index + 1),
                                  VersionState::destroyed, false, done);
    });
    versions[index].is_destroyed = true;
  }
  void pin_next() {
    if (pinned_.size() == kMostPinned) return;
    pinned_.push_back(++newest_);
    sign();
  }
  void take_over() {
    if (pinned_.back() <= model_.sealing) return;
    older_.push_back({world_.records, model_});
    command("take over", [&](Custody& custody, auto done) {
      custody.keyring().take_over(pinned_.back(), done);
    });
    model_.sealing = pinned_.back();
  }
  void make_current() {
    if (current_ == model_.sealing) return;
    current_ = model_.sealing;
    sign();
  }
  void move_implicit() {
    if (model_.implicit == model_.sealing) return;
    command("move implicit", [&](Custody& custody, auto done) {
      custody.keyring().move_implicit(model_.sealing, done);
    });
    model_.implicit = model_.sealing;
  }
  void adopt() {
    const std::string& name = kPlainNames[below(kPlainNames.size())];
    if (model_.keys.contains(name)) return;
    command("adopt", [&](Custody& custody, auto done) { custody.keyring().adopt(name, done); });
    model_.keys[name] = {{model_.implicit, false}};
  }
  void retire() {
    const std::size_t index = below(pinned_.size());
    const std::uint32_t generation = pinned_[index];
    if (generation == current_ || generation > model_.sealing) return;
    command("rewrap", [&](Custody& custody, auto done) {
      custody.keyring().take_over(model_.sealing, done);
    });
    Host& host = *hosts_[0];
    (void)host.load();
    bool is_taken = false;
    host.custody.keyring().take_over(model_.sealing,
                                     [&](const Status& status) { is_taken = status.has_value(); });
    expect(is_taken, "rewrap");
    const bool is_spare = host.custody.check_unneeded(generation).has_value();
    const bool unchecked = planted_ == Planted::unchecked_retirement;
    if (!unchecked) expect(is_spare == !model_.needs(generation), "what is needed");
    if (!is_spare && (!unchecked || generation == model_.sealing)) return;
    pinned_.erase(pinned_.begin() + static_cast<std::ptrdiff_t>(index));
    sign();
  }
  void start_again() {
    auto host = start(world_, below(2) == 0);
    expect(host->load().has_value(), "a custodian starts");
    hosts_[1 + below(hosts_.size() - 1)] = std::move(host);
  }
  // As good as any, or refused because another generation had taken over since, or is not there.
  void begin_on_older_store() {
    if (older_.empty()) return;
    const auto& [records, model] = older_[below(older_.size())];
    MemoryStore::Shared world;
    world.records = records;
    const auto host = start(world, false);
    const bool may_serve = model.sealing >= current_;
    const bool serves = host->load() && host->custody.check(*policy_);
    expect(!serves || may_serve,
           "an older store is served under generation " + std::to_string(model.sealing));
  }
  // Whoever knows the root of a generation that the policy does not call current any more.
  void attack() {
    if (current_ == 1 || model_.sealing < current_) return;
    const std::uint32_t known = 1 + static_cast<std::uint32_t>(below(current_ - 1));
    const auto before = world_.records;
    const journal::Head head = hosts_[0]->custody.journal().head();
    journal::Keys keys{known, 0, {}};
    keys.by_generation.emplace(known, root_of(known).journal_key());
    base::SystemRandom random;
    const journal::Sealer sealer("acme", std::move(keys), random);
    if (below(2) == 0) {
      const auto place = journal::entry_after(head);
      const auto forged = encode(Change(AdoptKey{"forged", known}));
      world_.records[place.name] = sealer.seal(place, forged, known).value();
    } else {
      forge_snapshot(sealer, head, known);
    }
    const auto host = start(world_, false);
    (void)host->load();
    expect(host->custody.keyring().keys().find("forged") == nullptr,
           "a record of generation " + std::to_string(known) + " is taken");
    world_.records = before;
  }
  // Of a keyring that has another key, as it were at a later position.
  void forge_snapshot(const journal::Sealer& sealer, journal::Head head, std::uint32_t known) {
    KeyTable table;
    (void)table.apply(Change(AdoptKey{"forged", known}), {known, known});
    head.position += 5;
    const auto id = random_id();
    const auto pieces = table.save();
    const auto chunk = journal::chunk_place(head, id, 0, 1);
    const auto snapshot = journal::snapshot_place(head, id);
    world_.records[chunk.name] = sealer.seal(chunk, pieces.front(), known).value();
    world_.records[snapshot.name] =
        sealer.seal(snapshot, journal::encode(journal::Chain::Manifest{1, {}, 0}), known).value();
  }
  static journal::SnapshotId random_id() {
    return base::SystemRandom().make<journal::SnapshotId>();
  }

  std::mt19937 random_;
  Planted planted_;
  test::TestAuthority authority_;
  std::vector<std::uint32_t> pinned_{1};
  std::uint32_t current_ = 1, newest_ = 1;
  policy::PolicyPtr policy_;
  MemoryStore::Shared world_;
  std::array<std::unique_ptr<Host>, 3> hosts_;
  Model model_;
  std::vector<std::pair<std::map<std::string, base::Bytes>, Model>> older_;
  int made_ = 0;
  std::string wrong_;
};

// Whoever signs the policy may take the first one out of it before any other took over: nobody is
// given another one's bytes for that.
TEST(Generations, NamesWithoutARecordStandForTheRealmsFirstUntilAnOperatorMovesThem) {
  MemoryStore::Shared world;
  Host host(world);
  host.custody.take(root_of(2), "acme");
  ASSERT_TRUE(host.load());
  EXPECT_EQ(host.custody.journal().generation(), 2u);
  EXPECT_TRUE(host.custody.for_making("any").error().is(journal::Errc::unknown_generation));
  EXPECT_TRUE(host.custody.for_reading("any", 1).error().is(journal::Errc::unknown_generation));
  Status moved = base::Error(journal::Errc::not_loaded);
  host.custody.keyring().move_implicit(2, [&](const Status& status) { moved = status; });
  ASSERT_TRUE(moved);
  Host later(world);
  later.custody.take(root_of(2), "acme");
  ASSERT_TRUE(later.load());
  EXPECT_EQ(later.custody.for_making("any")->root->generation(), 2u);
}

// Of an empty journal, too, in which the taking over is the first entry.
TEST(Heads, UnderAReplacedRootCountBeforeThatAlone) {
  for (const bool is_empty : {true, false}) {
    MemoryStore::Shared world;
    Host host(world);
    host.custody.take(root_of(1), "acme");
    host.custody.take(root_of(2), "acme");
    ASSERT_TRUE(host.load());
    if (!is_empty) host.custody.keyring().adopt("a", [](const auto&) {});
    const VouchedHead before = host.custody.head().value();
    Status told = base::Error(journal::Errc::not_loaded);
    const auto tell = [&](const Status& status) { told = status; };
    host.custody.keyring().take_over(2, tell);
    ASSERT_TRUE(told);
    EXPECT_EQ(host.custody.head()->generation, 2u);
    host.custody.take_seen(before, "w", tell);
    EXPECT_TRUE(told) << is_empty;
    host.custody.take_seen(vouch_for(root_of(1), host.custody.journal().head()), "w", tell);
    EXPECT_EQ(told.error().name(), std::string_view("head_forged"));
    host.custody.take_seen(*host.custody.head(), "w", tell);
    EXPECT_TRUE(told);
  }
}

constexpr std::uint32_t kHistories = 60;

std::uint32_t found(Planted planted) {
  std::uint32_t count = 0;
  for (std::uint32_t seed = 0; seed < kHistories; ++seed)
    count += History(seed, planted).run().empty() ? 0 : 1;
  return count;
}

TEST(GenerationHistories, KeepEveryKeyAndLetNoReplacedRootIn) {
  for (std::uint32_t seed = 0; seed < kHistories; ++seed)
    ASSERT_EQ(History(seed, Planted::nothing).run(), "") << "seed " << seed;
}

TEST(GenerationHistories, FindADerivedKeyWhoseBytesChange) {
  EXPECT_GT(found(Planted::another_root), 0u);
}

// The policy goes on to call the first generation current: whoever knows it may still write.
TEST(GenerationHistories, FindARecordOfAReplacedRoot) {
  EXPECT_GT(found(Planted::older_current), 0u);
}

TEST(GenerationHistories, FindARetirementOfWhatIsNeeded) {
  EXPECT_GT(found(Planted::unchecked_retirement), 0u);
}

}  // namespace
}  // namespace concordat::keyservice

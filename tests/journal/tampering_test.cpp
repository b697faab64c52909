// Whatever a parent does to what it stores: a refusal by name, or, where only a witness can tell,
// a head that a witness can tell it by.
#include "tests/journal/journal_fixture.hpp"

namespace concordat::test {
namespace {

using Said = std::vector<std::string>;

class Tampering : public testing::Test {
 protected:
  // Six entries; with `snapshot_at`, one is taken when so many are there.
  void write(std::size_t snapshot_at = 0) {
    Sayer sayer(world, test_keys({1}));
    ASSERT_TRUE(sayer.load());
    for (std::size_t i = 1; i <= 6; ++i) {
      ASSERT_TRUE(sayer.say("saying " + std::to_string(i)));
      if (i == snapshot_at) {
        ASSERT_TRUE(sayer.snapshot());
      }
    }
    head = sayer.journal.head();
  }
  void expect_refused(Errc code, std::string_view detail, Keys keys = test_keys({1})) {
    const auto read = read_back(world, std::move(keys));
    ASSERT_FALSE(read);
    EXPECT_TRUE(read.error().is(code)) << read.error().to_string();
    EXPECT_EQ(read.error().name(), keyservice::journal::describe(code).name);
    EXPECT_NE(read.error().detail().find(detail), std::string::npos) << read.error().to_string();
  }
  Bytes& entry(std::uint64_t position) { return world.records.at(entry_at(position)); }
  // The names with this beginning, in order.
  std::vector<std::string> names(std::string_view prefix) const {
    std::vector<std::string> out;
    for (const auto& [name, value] : world.records)
      if (name.starts_with(prefix)) out.push_back(name);
    return out;
  }

  MemoryStore::Shared world;
  Head head;
};

TEST_F(Tampering, NoRecordShowsWhatItHolds) {
  write(4);
  for (const auto& [name, value] : world.records) {
    EXPECT_EQ(base::as_text(value).find("saying"), std::string_view::npos) << name;
    EXPECT_EQ(base::as_text(value).find("said"), std::string_view::npos) << name;
  }
  // Equal contents are sealed to different bytes.
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  ASSERT_TRUE(sayer.say("again"));
  ASSERT_TRUE(sayer.say("again"));
  const auto a = keyservice::journal::decode_frame(entry(7)).value();
  const auto b = keyservice::journal::decode_frame(entry(8)).value();
  EXPECT_NE(a.salt, b.salt);
  EXPECT_NE(a.box, b.box);
}

TEST_F(Tampering, TwoEntriesSwapped) {
  write();
  std::swap(entry(3), entry(4));
  expect_refused(Errc::record_swapped,
                 "entry.0000000000000003 (position 3) holds the record "
                 "\"entry.0000000000000004\"");
}

TEST_F(Tampering, AnEntryDuplicated) {
  write();
  entry(4) = entry(3);
  expect_refused(Errc::record_swapped, "entry.0000000000000004 (position 4)");
}

TEST_F(Tampering, AnEntryMissing) {
  write();
  world.records.erase(entry_at(3));
  expect_refused(Errc::record_missing,
                 "entry.0000000000000003 (position 3); the store goes on at position 4");
}

TEST_F(Tampering, TheFirstEntryMissing) {
  write();
  world.records.erase(entry_at(1));
  expect_refused(Errc::record_missing, "entry.0000000000000001 (position 1)");
}

// The disk of yesterday, written on, and an entry of today put among what came of it.
TEST_F(Tampering, AnEntryOfAnotherPastIsBrokenAtItsSuccessor) {
  write();
  const Bytes today = entry(4);
  for (std::uint64_t position = 4; position <= 6; ++position)
    world.records.erase(entry_at(position));
  Sayer again(world);
  ASSERT_TRUE(again.load());
  for (const char* text : {"other 4", "other 5"})
    ASSERT_TRUE(again.say(text));
  entry(4) = today;
  expect_refused(Errc::chain_broken,
                 "entry.0000000000000005 (position 5) does not follow the record before it");
}

TEST_F(Tampering, AnEntryOfAnotherRealm) {
  write();
  MemoryStore::Shared elsewhere;
  Sayer foreign(elsewhere, test_keys({1}), "other");
  ASSERT_TRUE(foreign.load());
  ASSERT_TRUE(foreign.say("saying 1"));
  entry(1) = elsewhere.records.at(entry_at(1));
  expect_refused(Errc::foreign_realm, "entry.0000000000000001 (position 1) is of realm \"other\"");
}

TEST_F(Tampering, AnEntryUnderAnotherRoot) {
  write();
  MemoryStore::Shared elsewhere;
  Sayer foreign(elsewhere, test_keys({1}, 77));
  ASSERT_TRUE(foreign.load());
  ASSERT_TRUE(foreign.say("saying 1"));
  entry(1) = elsewhere.records.at(entry_at(1));
  expect_refused(Errc::record_forged, "entry.0000000000000001 (position 1)");
}

TEST_F(Tampering, AnEntryUnderAGenerationThatIsNotHeldOrClaimsOne) {
  write();
  expect_refused(Errc::unknown_generation, "entry.0000000000000001 (position 1)", test_keys({2}));
  auto frame = keyservice::journal::decode_frame(entry(5)).value();
  frame.generation = 2;
  entry(5) = keyservice::journal::encode(frame);
  expect_refused(Errc::unknown_generation,
                 "entry.0000000000000005 (position 5) is sealed under root generation 2");
  expect_refused(Errc::record_forged, "entry.0000000000000005", test_keys({2, 1}));
}

TEST_F(Tampering, AnAnswerOutOfOrder) {
  write();
  struct Repeating final : keyservice::journal::Store {
    explicit Repeating(MemoryStore::Shared& all) : shared(all) {}
    void create(const std::string&, const std::optional<keyservice::journal::Predecessor>&, Bytes,
                Done) override {}
    void remove(const std::string&, const std::string&, Done) override {}
    void read(const std::string& prefix, const std::string&, std::size_t, OnRecords done) override {
      if (prefix != keyservice::journal::kEntryPrefix) return done(keyservice::journal::Records{});
      const auto& [name, value] = *shared.records.begin();
      done(keyservice::journal::Records{{{name, value}, {name, value}}, false});
    }
    MemoryStore::Shared& shared;
  } store(world);
  base::SystemRandom random;
  SayingsFold fold;
  Journal journal(store, fold, Sealer(std::string(kRealm), test_keys({1}), random));
  Status loaded;
  journal.load([&](const Status& status) { loaded = status; });
  EXPECT_TRUE(loaded.error().is(Errc::record_repeated));
  EXPECT_EQ(loaded.error().detail(), "entry.0000000000000002 (position 2) was asked for");
}

TEST_F(Tampering, EveryFlippedBitOfEveryRecordIsRefusedByItsName) {
  write(4);
  for (auto& [name, value] : world.records) {
    if (name == entry_at(1) || name == entry_at(4)) continue;  // the snapshot stands in for these
    for (std::size_t at = 0; at < value.size(); ++at) {
      for (const std::uint8_t bit : {std::uint8_t{0x01}, std::uint8_t{0x80}}) {
        value[at] ^= bit;
        const auto read = read_back(world);
        ASSERT_FALSE(read) << name << " byte " << at;
        EXPECT_EQ(read.error().code().category().name(), std::string("journal"));
        EXPECT_NE(read.error().detail().find(name), std::string::npos)
            << read.error().to_string() << ", byte " << at;
        value[at] ^= bit;
      }
    }
  }
  EXPECT_TRUE(read_back(world));
}

TEST_F(Tampering, EveryCutRecordIsRefused) {
  write();
  const Bytes whole = entry(2);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    entry(2) = Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    expect_refused(Errc::malformed_record, "entry.0000000000000002 (position 2)");
  }
}

TEST_F(Tampering, EveryChunkMissingOrSwappedIsRefusedByName) {
  write(6);
  const auto chunks = names("chunk.");
  ASSERT_EQ(chunks.size(), 7u);
  const auto whole = world.records;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    world.records.erase(chunks[i]);
    expect_refused(Errc::record_missing, chunks[i]);
    expect_refused(Errc::record_missing, "chunk " + std::to_string(i + 1) + " of 7");
    world.records = whole;
    const std::size_t other = (i + 1) % chunks.size();
    world.records[chunks[i]] = whole.at(chunks[other]);
    expect_refused(Errc::record_swapped, chunks[i] + " (position 6, chunk " +
                                             std::to_string(i + 1) + " of 7) holds the record");
    world.records = whole;
  }
}

TEST_F(Tampering, ChunksOfTwoSnapshotsDoNotMixEvenOfOnePosition) {
  write();
  Sayer a(world);
  Sayer b(world);
  ASSERT_TRUE(a.load());
  ASSERT_TRUE(b.load());
  ASSERT_TRUE(a.snapshot());
  ASSERT_TRUE(b.snapshot());
  const auto chunks = names("chunk.");
  ASSERT_EQ(chunks.size(), 14u);
  EXPECT_TRUE(read_back(world));
  const auto newest = names("snapshot.").back();
  const std::string id = newest.substr(newest.find('-'));
  std::string own, others;
  for (const auto& chunk : chunks) {
    if (!chunk.ends_with("-00000002")) continue;
    (chunk.find(id) != std::string::npos ? own : others) = chunk;
  }
  world.records[own] = world.records.at(others);
  expect_refused(Errc::record_swapped, own);
}

TEST_F(Tampering, ASnapshotOfAnotherPositionIsRefused) {
  write(4);
  const auto older = world.records;
  const std::string old_name = names("snapshot.").back();
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  ASSERT_TRUE(sayer.snapshot());
  world.records[names("snapshot.").back()] = older.at(old_name);
  expect_refused(Errc::record_swapped, "snapshot.0000000000000006");
}

TEST_F(Tampering, AnOlderSnapshotWithoutTheEntriesBehindItIsRefused) {
  write(2);
  const auto older = world.records;
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  ASSERT_TRUE(sayer.snapshot());
  // The newest one hidden, an older one in its place; entries 3 to 5 were removed.
  std::erase_if(world.records, [](const auto& r) { return r.first.starts_with("snapshot."); });
  for (const auto& [name, value] : older)
    if (!name.starts_with("entry.")) world.records[name] = value;
  expect_refused(Errc::record_missing, "entry.0000000000000003 (position 3)");
}

TEST_F(Tampering, AnOlderSnapshotWithTheEntriesBehindItIsTheSameState) {
  write(2);
  const auto older = world.records;
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  ASSERT_TRUE(sayer.snapshot());
  world.records = older;
  Sayer reader(world);
  ASSERT_TRUE(reader.load());
  EXPECT_EQ(reader.fold.said, sayer.fold.said);
  EXPECT_EQ(reader.journal.head(), sayer.journal.head());
}

TEST_F(Tampering, ASnapshotsNameThatNobodyWroteIsRefused) {
  write();
  const std::string invented = "snapshot.ffffffffffffffff-" + std::string(32, '0');
  world.records[invented] = Bytes{1, 2, 3};
  expect_refused(Errc::malformed_record, invented);
  world.records.erase(invented);
  world.records["snapshot.5"] = Bytes{1, 2, 3};
  expect_refused(Errc::malformed_record, "not the name of a snapshot");
}

TEST_F(Tampering, GenuineContentThatCannotBeIsRefusedAndNotFolded) {
  write();
  base::SystemRandom random;
  const Sealer sealer(std::string(kRealm), test_keys({1}), random);
  const auto place = keyservice::journal::entry_after(head);
  world.records[place.name] = sealer.seal(place, secret_of("nonsense"), 1).value();
  expect_refused(Errc::content_refused, "entry.0000000000000007 (position 7)");
}

TEST_F(Tampering, ARunningCustodianRefusesWhatItIsGivenAndStaysWhereItWas) {
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  ASSERT_TRUE(sayer.say("one"));
  world.records[entry_at(2)] = Bytes(200, 7);
  EXPECT_TRUE(sayer.say("two").error().is(Errc::malformed_record));
  EXPECT_EQ(sayer.fold.said, Said{"one"});
  world.records.erase(entry_at(2));
  EXPECT_TRUE(sayer.say("two"));
  // Its predecessor taken away beneath it, it does not build on sand.
  world.records.erase(entry_at(2));
  const auto third = sayer.say("three");
  EXPECT_TRUE(third.error().is(Errc::record_missing));
  EXPECT_NE(third.error().detail().find(entry_at(2)), std::string::npos);
}

// What nobody can tell from the store alone: it ends earlier. Whoever saw the head can.
TEST_F(Tampering, ADroppedTailIsAnOlderStateWhichOnlyAWitnessNotices) {
  write();
  world.records.erase(entry_at(6));
  world.records.erase(entry_at(5));
  Sayer reader(world);
  ASSERT_TRUE(reader.load());
  EXPECT_EQ(reader.fold.said.size(), 4u);
  EXPECT_EQ(reader.journal.head().position, 4u);
  const Status seen = reader.journal.check_seen(head);
  EXPECT_TRUE(seen.error().is(Errc::rolled_back));
  EXPECT_EQ(seen.error().detail(), "position 6 was seen, the store ends at 4");
}

TEST_F(Tampering, APastThatWasRewrittenIsAForkToWhoeverSawTheOther) {
  write();
  world.records.erase(entry_at(6));
  Sayer reader(world);
  ASSERT_TRUE(reader.load());
  ASSERT_TRUE(reader.say("another sixth"));
  ASSERT_TRUE(reader.say("seventh"));
  EXPECT_TRUE(reader.journal.check_seen(head).error().is(Errc::forked));
  // Through a snapshot, too, which remembers the heads before it.
  ASSERT_TRUE(reader.snapshot());
  Sayer later(world);
  ASSERT_TRUE(later.load());
  EXPECT_TRUE(later.journal.check_seen(head).error().is(Errc::forked));
  EXPECT_TRUE(later.journal.check_seen(reader.journal.head()));
  EXPECT_TRUE(later.journal.check_seen({}));
}

// A snapshot replaces entries, and must not be the way around their chain.
TEST_F(Tampering, ASnapshotOfAForkIsNotGoneOnFrom) {
  Sayer runner(world);
  ASSERT_TRUE(runner.load());
  ASSERT_TRUE(runner.say("a"));
  MemoryStore::Shared other;
  other.records = world.records;
  ASSERT_TRUE(runner.say("b"));
  ASSERT_TRUE(runner.say("c"));
  const Head before = runner.journal.head();

  Sayer forker(other);
  ASSERT_TRUE(forker.load());
  for (int i = 0; i < 6; ++i)
    ASSERT_TRUE(forker.say("x"));
  ASSERT_TRUE(forker.snapshot());
  ASSERT_TRUE(forker.say("y"));
  world.records = other.records;
  EXPECT_TRUE(runner.refresh().error().is(Errc::forked));
  EXPECT_EQ(runner.journal.head(), before);
  EXPECT_EQ(runner.fold.said, (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(Tampering, HeadsAreRememberedForSomeTime) {
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  sayer.store.answers_later = false;
  std::vector<Head> heads;
  for (std::size_t i = 0; i <= keyservice::journal::kRememberedHeads; ++i)
    heads.push_back(sayer.say("x").value());
  const auto check = [&](const Sayer& who) {
    EXPECT_TRUE(who.journal.check_seen(heads[0]).error().is(Errc::head_too_old));
    for (std::size_t i = 1; i < heads.size(); ++i)
      ASSERT_TRUE(who.journal.check_seen(heads[i])) << i;
  };
  check(sayer);
  ASSERT_TRUE(sayer.snapshot());
  Sayer later(world);
  ASSERT_TRUE(later.load());
  check(later);
}

}  // namespace
}  // namespace concordat::test

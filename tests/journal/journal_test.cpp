// Appending, reading and snapshots, with a store that works, fails, or answers two custodians.
#include "tests/journal/journal_fixture.hpp"

namespace concordat::test {
namespace {

using Said = std::vector<std::string>;

TEST(Journal, WhatWasAppendedIsReadBackInItsOrder) {
  MemoryStore::Shared world;
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  EXPECT_EQ(sayer.say("one").value().position, 1u);
  EXPECT_EQ(sayer.say("two").value(), sayer.journal.head());
  EXPECT_EQ(sayer.fold.said, (Said{"one", "two"}));
  Sayer other(world);
  ASSERT_TRUE(other.load());
  EXPECT_EQ(other.fold.said, sayer.fold.said);
  EXPECT_EQ(other.journal.head(), sayer.journal.head());
}

TEST(Journal, NothingIsAppendedBeforeItIsLoaded) {
  MemoryStore::Shared world;
  Sayer sayer(world);
  EXPECT_TRUE(sayer.say("one").error().is(Errc::not_loaded));
  EXPECT_TRUE(sayer.refresh().error().is(Errc::not_loaded));
  EXPECT_TRUE(world.records.empty());
}

TEST(Journal, AppendsQueueAndAStoreThatAnswersAtOnceTakesNoStack) {
  MemoryStore::Shared world;
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  sayer.store.answers_later = false;
  std::size_t done = 0;
  std::function<void(Result<Head>)> again = [&](const Result<Head>& head) {
    ASSERT_TRUE(head);
    if (++done < 5000) sayer.journal.append([] { return secret_of("x"); }, again);
  };
  sayer.journal.append([] { return secret_of("x"); }, again);
  EXPECT_EQ(done, 5000u);
}

TEST(Journal, EntriesComeInAsManyPagesAsTheStoreLikes) {
  MemoryStore::Shared world;
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  Said all;
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(sayer.say(all.emplace_back(std::to_string(i))));
  world.read_bytes = 500;
  EXPECT_EQ(read_back(world).value(), all);
  ASSERT_TRUE(sayer.snapshot());
  EXPECT_EQ(read_back(world).value(), all);
}

TEST(Journal, WhoeverComesSecondDecidesAgainOnWhatTheFirstDid) {
  MemoryStore::Shared world;
  Sayer a(world);
  Sayer b(world);
  ASSERT_TRUE(a.load());
  ASSERT_TRUE(b.load());
  ASSERT_TRUE(a.say("first"));
  std::vector<Said> seen;
  Result<Head> head = base::Error(Errc::not_loaded);
  b.journal.append(
      [&]() -> Result<SecretBytes> {
        seen.push_back(b.fold.said);
        return secret_of("after " + std::to_string(b.fold.said.size()));
      },
      [&](Result<Head> appended) { head = appended; });
  world.run();
  EXPECT_EQ(head.value().position, 2u);
  EXPECT_EQ(seen, (std::vector<Said>{{}, {"first"}}));
  EXPECT_EQ(read_back(world).value(), (Said{"first", "after 1"}));
}

TEST(Journal, AChangeThatOthersMadeImpossibleIsNotWritten) {
  MemoryStore::Shared world;
  Sayer a(world);
  Sayer b(world);
  ASSERT_TRUE(a.load());
  ASSERT_TRUE(b.load());
  ASSERT_TRUE(a.say("name"));
  Result<Head> head = base::Error(Errc::not_loaded);
  b.journal.append(
      [&]() -> Result<SecretBytes> {
        if (!b.fold.said.empty()) return base::Error(Errc::contended, "exists");
        return secret_of("name");
      },
      [&](Result<Head> appended) { head = appended; });
  world.run();
  EXPECT_EQ(head.error().detail(), "exists");
  EXPECT_EQ(read_back(world).value(), Said{"name"});
}

TEST(Journal, WhoNeverComesFirstIsToldSo) {
  MemoryStore::Shared world;
  Sayer a(world);
  Sayer b(world);
  ASSERT_TRUE(a.load());
  ASSERT_TRUE(b.load());
  a.store.answers_later = false;
  b.store.before_create = [&](const std::string&) {
    a.journal.append([] { return secret_of("first"); }, [](const Result<Head>&) {});
  };
  EXPECT_TRUE(b.say("never").error().is(Errc::contended));
  EXPECT_EQ(b.fold.said, Said(keyservice::journal::kMaxAttempts, "first"));
}

TEST(Journal, AnAnswerThatWasLostIsFoundByLooking) {
  MemoryStore::Shared world;
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  sayer.store.fail_call(sayer.store.calls() + 1, Failure::lost_answer);
  EXPECT_EQ(sayer.say("one").value().position, 1u);
  EXPECT_EQ(sayer.fold.said, Said{"one"});
  EXPECT_EQ(sayer.store.creates(), 1u);
  EXPECT_EQ(read_back(world).value(), Said{"one"});
}

TEST(Journal, AWriteThatComesLateIsOneEntryWithTheSecondOffer) {
  MemoryStore::Shared world;
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  ASSERT_TRUE(sayer.say("zero"));
  sayer.store.fail_call(sayer.store.calls() + 1, Failure::late);
  EXPECT_EQ(sayer.say("one").value().position, 2u);
  EXPECT_EQ(sayer.store.creates(), 3u);  // and the third found the second
  EXPECT_EQ(read_back(world).value(), (Said{"zero", "one"}));
}

TEST(Journal, AnUnansweredChangeIsOfUnknownOutcomeAndFoldedIfItAppears) {
  MemoryStore::Shared world;
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  sayer.store.fail_call(sayer.store.calls() + 1, Failure::late);
  sayer.store.fail_call(sayer.store.calls() + 2, Failure::refused);
  const auto first = sayer.say("one");
  EXPECT_TRUE(first.error().is(Errc::outcome_unknown));
  EXPECT_TRUE(sayer.fold.said.empty());
  EXPECT_EQ(sayer.say("two").value().position, 2u);
  EXPECT_EQ(sayer.fold.said, (Said{"one", "two"}));
  EXPECT_EQ(read_back(world).value(), (Said{"one", "two"}));
}

TEST(Journal, AFullStoreChangesNothingAndServesAgainWithRoom) {
  MemoryStore::Shared world;
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  sayer.store.fail_all(Failure::full);
  EXPECT_TRUE(sayer.say("one").error().is(Errc::store_full));
  EXPECT_TRUE(sayer.say("two").error().is(Errc::store_full));
  sayer.store.fail_all(std::nullopt);
  EXPECT_EQ(sayer.say("three").value().position, 1u);
  EXPECT_EQ(read_back(world).value(), Said{"three"});
}

TEST(Journal, AnUnreachableStoreIsTriedAgainByTheNextOne) {
  MemoryStore::Shared world;
  Sayer sayer(world);
  sayer.store.fail_all(Failure::refused);
  EXPECT_TRUE(sayer.load().error().is(Errc::unreachable));
  sayer.store.fail_all(std::nullopt);
  ASSERT_TRUE(sayer.load());
  sayer.store.fail_all(Failure::refused);
  EXPECT_TRUE(sayer.say("one").error().is(Errc::outcome_unknown));
  EXPECT_TRUE(sayer.refresh().error().is(Errc::unreachable));
  sayer.store.fail_all(std::nullopt);
  EXPECT_TRUE(sayer.say("two"));
  EXPECT_EQ(read_back(world).value(), Said{"two"});
}

TEST(Journal, ATooLargeChangeIsNotWritten) {
  MemoryStore::Shared world;
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  EXPECT_TRUE(sayer.say(std::string(keyservice::journal::kMaxContent, 'x')));
  EXPECT_TRUE(sayer.say(std::string(keyservice::journal::kMaxContent + 1, 'x'))
                  .error()
                  .is(Errc::content_too_large));
  EXPECT_TRUE(sayer.say("").error().is(Errc::content_too_large));
  EXPECT_EQ(read_back(world).value().size(), 1u);
}

TEST(Journal, IsGoneWhileTheStoreWorks) {
  MemoryStore::Shared world;
  auto sayer = std::make_unique<Sayer>(world);
  ASSERT_TRUE(sayer->load());
  ASSERT_TRUE(sayer->say("zero"));
  bool told = false;
  sayer->journal.append([] { return secret_of("one"); }, [&](const Result<Head>&) { told = true; });
  sayer->journal.write_snapshot([&](const Status&) { told = true; });
  sayer.reset();
  world.run();
  EXPECT_FALSE(told);
  EXPECT_EQ(read_back(world).value(), (Said{"zero", "one"}));
}

TEST(Journal, MayBeDestroyedByItsOwnCompletion) {
  MemoryStore::Shared world;
  auto sayer = std::make_unique<Sayer>(world);
  sayer->store.answers_later = false;
  sayer->journal.load([](const Status&) {});
  for (int i = 0; i < 2; ++i) {
    if (!sayer) break;
    sayer->journal.append([] { return secret_of("one"); },
                          [&](const Result<Head>&) { sayer.reset(); });
  }
  EXPECT_EQ(read_back(world).value(), Said{"one"});
}

TEST(Journal, EveryCallThatFailsLosesNothingAcknowledgedAndAppliesNothingTwice) {
  for (const Failure failure :
       {Failure::refused, Failure::lost_answer, Failure::late, Failure::full}) {
    for (std::size_t number = 1;; ++number) {
      MemoryStore::Shared world;
      Sayer sayer(world);
      sayer.store.fail_call(number, failure);
      std::set<std::string> open;
      Said acknowledged;
      for (int tries = 0; tries < 2 && !sayer.load(); ++tries) {
      }
      for (int i = 0; i < 6; ++i) {
        const std::string text = std::to_string(i);
        const auto said = sayer.say(text);
        if (said) acknowledged.push_back(text);
        if (!said && said.error().is(Errc::outcome_unknown)) open.insert(text);
        if (i % 2 == 1) (void)sayer.snapshot();
      }
      if (number > sayer.store.calls()) break;
      Said stored = read_back(world).value();
      ASSERT_TRUE(sayer.refresh());
      EXPECT_EQ(stored, sayer.fold.said) << "call " << number;
      std::erase_if(stored, [&](const std::string& text) { return open.erase(text) == 1; });
      EXPECT_EQ(stored, acknowledged) << "call " << number << ", failure " << int(failure);
    }
  }
}

TEST(Snapshot, StandsInForTheEntriesBeforeIt) {
  MemoryStore::Shared world;
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  for (const char* text : {"one", "two", "three", "four"})
    ASSERT_TRUE(sayer.say(text));
  EXPECT_EQ(sayer.journal.entries_since_snapshot(), 4u);
  ASSERT_TRUE(sayer.snapshot());
  EXPECT_EQ(sayer.journal.entries_since_snapshot(), 0u);
  ASSERT_TRUE(sayer.say("five"));
  EXPECT_FALSE(world.records.contains(entry_at(1)));
  EXPECT_FALSE(world.records.contains(entry_at(3)));
  EXPECT_TRUE(world.records.contains(entry_at(4)));
  Sayer other(world);
  ASSERT_TRUE(other.load());
  EXPECT_EQ(other.fold.said, (Said{"one", "two", "three", "four", "five"}));
  EXPECT_EQ(other.journal.head(), sayer.journal.head());
  EXPECT_EQ(other.journal.entries_since_snapshot(), 1u);
  ASSERT_TRUE(other.snapshot());
  const std::size_t calls = other.store.calls();
  ASSERT_TRUE(other.snapshot());  // there is nothing new
  EXPECT_EQ(other.store.calls(), calls);
}

TEST(Snapshot, IsOfTheMomentAndAppendsGoOnMeanwhile) {
  MemoryStore::Shared world;
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  ASSERT_TRUE(sayer.say("one"));
  Status written = base::Error(Errc::not_loaded);
  sayer.journal.write_snapshot([&](const Status& status) { written = status; });
  EXPECT_TRUE(sayer.journal.is_writing_snapshot());
  Status second;
  sayer.journal.write_snapshot([&](const Status& status) { second = status; });
  EXPECT_TRUE(second.error().is(Errc::snapshot_under_way));
  ASSERT_TRUE(sayer.say("two"));
  EXPECT_TRUE(written);
  EXPECT_EQ(read_back(world).value(), (Said{"one", "two"}));
}

TEST(Snapshot, NothingIsRemovedBeforeItIsAcknowledged) {
  MemoryStore::Shared world;
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  for (const char* text : {"one", "two", "three"})
    ASSERT_TRUE(sayer.say(text));
  // Four chunks and the record of the snapshot: each of the five is refused once.
  for (std::size_t call = 1; call <= 5; ++call) {
    sayer.store.fail_call(sayer.store.calls() + call, Failure::refused);
    EXPECT_TRUE(sayer.snapshot().error().is(Errc::unreachable));
    EXPECT_TRUE(world.records.contains(entry_at(2)));
    EXPECT_EQ(read_back(world).value(), (Said{"one", "two", "three"}));
  }
  ASSERT_TRUE(sayer.say("four"));
  ASSERT_TRUE(sayer.snapshot());
  // What is left: the last entry, five chunks, the snapshot's own record.
  EXPECT_EQ(world.records.size(), 7u);
}

// The positions that it would take are free again, and whatever it wrote there would be lost.
TEST(Snapshot, OneWhoWasAwayMeanwhileGoesOnFromIt) {
  for (std::size_t known = 0; known < 4; ++known) {
    MemoryStore::Shared world;
    Sayer away(world);
    ASSERT_TRUE(away.load());
    Sayer sayer(world);
    ASSERT_TRUE(sayer.load());
    for (std::size_t i = 1; i <= 4; ++i) {
      ASSERT_TRUE(sayer.say(std::to_string(i)));
      if (i == known) {
        ASSERT_TRUE(away.refresh());
      }
    }
    ASSERT_TRUE(sayer.snapshot());
    ASSERT_TRUE(sayer.say("5"));
    EXPECT_EQ(away.say("6").value().position, 6u) << known;
    EXPECT_EQ(away.fold.said, (Said{"1", "2", "3", "4", "5", "6"}));
    EXPECT_EQ(read_back(world).value(), away.fold.said);
  }
}

// Position 1 has no predecessor: taken a second time by somebody who knew nothing and whose look
// was then in vain, it must not become the beginning of a journal of its own.
TEST(Snapshot, AFirstEntryThatCameTooLateIsNeverBuiltOn) {
  for (std::size_t failing = 1; failing <= 4; ++failing) {
    MemoryStore::Shared world;
    Sayer away(world);
    ASSERT_TRUE(away.load());
    Sayer sayer(world);
    ASSERT_TRUE(sayer.load());
    for (const char* text : {"1", "2", "3", "4"})
      ASSERT_TRUE(sayer.say(text));
    ASSERT_TRUE(sayer.snapshot());
    away.store.fail_call(away.store.calls() + 1 + failing, Failure::refused);
    const auto late = away.say("late");
    if (!late) {
      // Once the snapshot is read, it is known that another's entry has position 1.
      EXPECT_TRUE(
          late.error().is(away.fold.said.empty() ? Errc::outcome_unknown : Errc::unreachable));
    }
    EXPECT_EQ(away.say("then").value().position, late ? 6u : 5u) << failing;
    EXPECT_EQ(read_back(world).value(), away.fold.said);
  }
}

TEST(Snapshot, OneWhoTookPositionOneASecondTimeGoesOnFromTheNextEntryToo) {
  MemoryStore::Shared world;
  Sayer away(world);
  ASSERT_TRUE(away.load());
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  for (const char* text : {"1", "2"})
    ASSERT_TRUE(sayer.say(text));
  ASSERT_TRUE(sayer.snapshot());  // entry 2 stays, which would follow from another first one
  EXPECT_EQ(away.say("3").value().position, 3u);
  EXPECT_EQ(away.fold.said, (Said{"1", "2", "3"}));
}

TEST(Snapshot, AHalfReadBeginningIsNone) {
  MemoryStore::Shared world;
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  for (const char* text : {"1", "2", "3"})
    ASSERT_TRUE(sayer.say(text));
  world.read_bytes = 1;  // a page an entry
  Sayer reader(world);
  reader.store.fail_call(3, Failure::refused);
  EXPECT_TRUE(reader.load().error().is(Errc::unreachable));
  EXPECT_EQ(reader.journal.head().position, 0u);
  EXPECT_TRUE(reader.fold.said.empty());
  ASSERT_TRUE(reader.load());
  EXPECT_EQ(reader.fold.said, (Said{"1", "2", "3"}));
}

TEST(Snapshot, OneWhoIsReplacedWhileItIsReadLeadsToTheNewerOne) {
  MemoryStore::Shared world;
  Sayer sayer(world);
  ASSERT_TRUE(sayer.load());
  Said all;
  for (int i = 0; i < 6; ++i)
    ASSERT_TRUE(sayer.say(all.emplace_back(std::to_string(i))));
  ASSERT_TRUE(sayer.snapshot());
  world.read_bytes = 1;  // a page a record
  // The reader is overtaken after each number of its steps.
  for (std::size_t steps = 0; steps < 12; ++steps) {
    Sayer reader(world);
    Status loaded = base::Error(Errc::not_loaded);
    reader.journal.load([&](const Status& status) { loaded = status; });
    for (std::size_t i = 0; i < steps && !world.waiting.empty(); ++i) {
      const auto task = std::move(world.waiting.front());
      world.waiting.pop_front();
      task();
    }
    std::deque<std::function<void()>> held;
    held.swap(world.waiting);
    ASSERT_TRUE(sayer.say(all.emplace_back("x" + std::to_string(steps))));
    ASSERT_TRUE(sayer.snapshot());
    held.swap(world.waiting);
    world.run();
    ASSERT_TRUE(loaded) << loaded.error().to_string() << " after " << steps;
    ASSERT_TRUE(reader.refresh());
    EXPECT_EQ(reader.fold.said, all) << steps;
  }
}

TEST(Generations, ReadingNeedsTheRootAndWritingUsesTheOneThatTookOver) {
  MemoryStore::Shared world;
  {
    Sayer first(world, test_keys({1}));
    ASSERT_TRUE(first.load());
    ASSERT_TRUE(first.say("one"));
  }
  Sayer both(world, test_keys({1, 2}));
  ASSERT_TRUE(both.load());
  ASSERT_TRUE(both.say("two", 2));
  const auto old_only = read_back(world, test_keys({1}));
  EXPECT_TRUE(old_only.error().is(Errc::unknown_generation));
  EXPECT_EQ(old_only.error().detail(),
            "entry.0000000000000002 (position 2) is sealed under root generation 2");
  const auto new_only = read_back(world, test_keys({2}));
  EXPECT_TRUE(new_only.error().is(Errc::unknown_generation));
  // A snapshot under the current one, and the older root may go.
  ASSERT_TRUE(both.say("three"));
  ASSERT_TRUE(both.snapshot());
  EXPECT_EQ(read_back(world, test_keys({2})).value(), (Said{"one", "two", "three"}));
}

// Whoever knows it seals what he likes; nothing of it comes behind the one that took over.
TEST(Generations, WhatAReplacedRootSealsIsRefused) {
  MemoryStore::Shared world;
  Sayer sayer(world, test_keys({1, 2}));
  ASSERT_TRUE(sayer.load());
  ASSERT_TRUE(sayer.say("one", 1));
  ASSERT_TRUE(sayer.say("two", 2));
  EXPECT_EQ(sayer.journal.generation_since(), 2u);
  EXPECT_TRUE(sayer.say("by oneself", 1).error().is(Errc::generation_passed));
  base::SystemRandom random;
  const Sealer forger(std::string(kRealm), test_keys({1}), random);
  const auto place = keyservice::journal::entry_after(sayer.journal.head());
  world.records[place.name] = forger.seal(place, secret_of("forged"), 1).value();
  EXPECT_TRUE(sayer.refresh().error().is(Errc::generation_passed));
  EXPECT_TRUE(read_back(world, test_keys({1, 2})).error().is(Errc::generation_passed));
  EXPECT_EQ(sayer.fold.said, (Said{"one", "two"}));
}

// Who keeps the store keeps back an answer for as long as it likes: at each of the writes.
TEST(Generations, ASnapshotUnderWayEndsWhenItsGenerationIsDropped) {
  for (std::size_t withheld = 1; withheld <= 2; ++withheld) {
    MemoryStore::Shared world;
    Sayer sayer(world, test_keys({1, 2}));
    ASSERT_TRUE(sayer.load());
    ASSERT_TRUE(sayer.say("one", 1));
    Status written;
    sayer.journal.write_snapshot([&](const Status& status) { written = status; });
    for (std::size_t answered = 1; answered < withheld; ++answered) {
      const auto answer = world.waiting.front();
      world.waiting.pop_front();
      answer();
    }
    sayer.journal.take(test_keys({2}));
    world.run();
    EXPECT_TRUE(written.error().is(Errc::unknown_generation)) << withheld;
    EXPECT_FALSE(sayer.journal.is_writing_snapshot());
    ASSERT_TRUE(sayer.say("two", 2));
    ASSERT_TRUE(sayer.snapshot());
    EXPECT_EQ(read_back(world, test_keys({2})).value(), (Said{"one", "two"}));
  }
}

// Genuine entries stand behind it and it names the hash of one of them: only its seal is another's.
TEST(Generations, ASnapshotUnderAnOlderOneIsPassedOver) {
  MemoryStore::Shared world;
  Sayer sayer(world, test_keys({1, 2}));
  ASSERT_TRUE(sayer.load());
  ASSERT_TRUE(sayer.say("one", 1));
  const auto head = sayer.journal.head();
  {
    MemoryStore::Shared other = world;
    Sayer forger(other, test_keys({1}));
    ASSERT_TRUE(forger.load());
    forger.fold.said = {"forged"};
    ASSERT_TRUE(forger.snapshot());
    for (const auto& [name, value] : other.records) {
      if (!name.starts_with("entry.")) world.records.emplace(name, value);
    }
  }
  ASSERT_TRUE(sayer.say("two", 2));
  EXPECT_EQ(read_back(world, test_keys({1, 2})).value(), (Said{"forged", "two"}))
      << "as long as the older one still counts";
  Keys keys = test_keys({1, 2});
  keys.required = 2;
  EXPECT_EQ(read_back(world, std::move(keys)).value(), (Said{"one", "two"}));
  EXPECT_EQ(sayer.journal.head().position, head.position + 1);
}

TEST(Generations, ACustodianTakesANewerOneWhileItRuns) {
  MemoryStore::Shared world;
  Sayer sayer(world, test_keys({1}));
  ASSERT_TRUE(sayer.load());
  ASSERT_TRUE(sayer.say("one"));
  sayer.journal.take(test_keys({1, 2}));
  ASSERT_TRUE(sayer.say("two", 2));
  EXPECT_TRUE(read_back(world, test_keys({1})).error().is(Errc::unknown_generation));
  EXPECT_EQ(read_back(world, test_keys({1, 2})).value(), (Said{"one", "two"}));
}

}  // namespace
}  // namespace concordat::test

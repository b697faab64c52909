// What deploy/parent/store.hpp promises of single entries, of each engine.
#include <array>
#include <boost/asio/steady_timer.hpp>
#include <random>

#include "tests/parent/store_conformance.hpp"

namespace concordat::test {

using parent::Announcement;
using parent::EntryKey;
using parent::ListQuery;
using parent::Store;
using parent::StoreErrc;
using parent::StorePage;

INSTANTIATE_TEST_SUITE_P(Engines, StoreConformance, ::testing::Values("sqlite", "etcd"),
                         [](const auto& engine) { return engine.param; });

TEST_P(StoreConformance, GivesBackWhatWasPutToItsFolderAlone) {
  EXPECT_EQ(content("root"), "not_found");
  const std::string blob("sealed\0blob\xff", 12);
  EXPECT_EQ(put("root", blob).value(), version(blob));
  const auto entry = loop_.get(*store_, {kFolder, "root"}).value();
  EXPECT_EQ(base::as_text(entry.content), blob);
  EXPECT_EQ(entry.version, version(blob));
  EXPECT_TRUE(loop_.get(*store_, {"worker", "root"}).error().is(StoreErrc::not_found));
  EXPECT_TRUE(put("empty", "").has_value());
  EXPECT_EQ(content("empty"), "");
  EXPECT_EQ(store_->engine(), GetParam());
}

TEST_P(StoreConformance, OfTwoWritersWhoSawTheSameVersionOneWins) {
  const std::string first = put("root", "1").value();
  EXPECT_TRUE(put("root", "2").error().is(StoreErrc::version_differs));
  const std::string second = put("root", "2", first).value();
  const auto late = put("root", "3", first);
  EXPECT_TRUE(late.error().is(StoreErrc::version_differs));
  EXPECT_EQ(late.error().detail(), second);
  EXPECT_TRUE(put("other", "x", first).error().is(StoreErrc::version_differs));
  EXPECT_EQ(content("root"), "2");
  EXPECT_EQ(content("other"), "not_found");
}

TEST_P(StoreConformance, AWriteWhoseAnswerWasLostCanBeRepeated) {
  const std::string first = put("root", "1").value();
  EXPECT_EQ(put("root", "1").value(), first);
  const std::string second = put("root", "2", first).value();
  EXPECT_EQ(put("root", "2", first).value(), second);
  EXPECT_TRUE(loop_.remove(*store_, {kFolder, "root"}, second).has_value());
  EXPECT_TRUE(loop_.remove(*store_, {kFolder, "root"}, second).error().is(StoreErrc::not_found));
  EXPECT_TRUE(put("root", "2", first).error().is(StoreErrc::version_differs)) << "it is gone";
}

TEST_P(StoreConformance, RemovesOnlyTheVersionThatIsNamed) {
  const std::string first = put("root", "1").value();
  const std::string second = put("root", "2", first).value();
  const auto late = loop_.remove(*store_, {kFolder, "root"}, first);
  EXPECT_TRUE(late.error().is(StoreErrc::version_differs));
  EXPECT_EQ(late.error().detail(), second);
  EXPECT_TRUE(loop_.remove(*store_, {kFolder, "root"}, second).has_value());
  EXPECT_EQ(content("root"), "not_found");
  EXPECT_TRUE(put("root", "1").has_value()) << "room for a new one";
}

TEST_P(StoreConformance, OfRacingWritersExactlyOneWinsEachRound) {
  const auto another = open_another();
  Store& other = another ? *another : *store_;
  std::optional<std::string> seen;
  for (int round = 0; round < 40; ++round) {
    std::vector<std::string> winners;
    int answers = 0;
    const std::array<Store*, 2> stores{store_.get(), &other};
    for (std::size_t i = 0; i < stores.size(); ++i) {
      const std::string mine = "round " + std::to_string(round) + ", writer " + std::to_string(i);
      stores[(i + static_cast<std::size_t>(round)) % 2]->put(
          {kFolder, "entry"}, base::to_bytes(base::as_bytes(mine)), {seen},
          [&](const base::Result<std::string>& done) {
            ++answers;
            if (done) return winners.push_back(*done);
            EXPECT_TRUE(done.error().is(StoreErrc::version_differs)) << done.error().to_string();
          });
    }
    loop_.run_until([&] { return answers == 2; });
    ASSERT_EQ(winners.size(), 1u) << "round " << round;
    seen = winners.front();
    EXPECT_EQ(version(content("entry")), *seen);
  }
}

TEST_P(StoreConformance, WritersOfDifferentEntriesDoNotDisturbEachOther) {
  const auto another = open_another();
  Store& other = another ? *another : *store_;
  int answers = 0;
  for (int i = 0; i < 20; ++i) {
    for (Store* store : {store_.get(), &other}) {
      const std::string name = std::to_string(i) + (store == &other && another ? "b" : "a");
      store->put({kFolder, name}, {1}, {}, [&](const base::Result<std::string>& done) {
        EXPECT_TRUE(done.has_value()) << done.error().to_string();
        ++answers;
      });
    }
  }
  loop_.run_until([&] { return answers == 40; });
  EXPECT_EQ(all().size(), another ? 40u : 20u);
}

TEST_P(StoreConformance, ListsInOrderOfNamesAcrossPagesOfBoundedSize) {
  const std::vector<std::string> names{"0", "a", "a-1", "a.b", "a0", "a_1", "aa", "b", "z"};
  for (auto name = names.rbegin(); name != names.rend(); ++name)
    ASSERT_TRUE(put(*name, "<" + *name + ">").has_value());
  ASSERT_TRUE(loop_.put(*store_, {"custodian-2", "a"}, "x").has_value());
  for (const std::size_t max_bytes : {std::size_t{1} << 20, std::size_t{1}, std::size_t{9}}) {
    pages_ = 0;
    const auto found = all({}, max_bytes);
    std::vector<std::string> order;
    for (const auto& [name, value] : found) {
      order.push_back(name);
      EXPECT_EQ(value, "<" + name + ">");
    }
    EXPECT_EQ(order, names);
    const std::map<std::size_t, int> wanted{{1 << 20, 1}, {9, 5}, {1, 9}};
    EXPECT_EQ(pages_, wanted.at(max_bytes)) << "of " << max_bytes << " bytes, or one entry";
  }
  const auto with_prefix = all("a");
  ASSERT_EQ(with_prefix.size(), 6u);
  EXPECT_EQ(with_prefix.front().first, "a");
  EXPECT_EQ(with_prefix.back().first, "aa");
  EXPECT_TRUE(all("c").empty());
  const StorePage behind = loop_.list(*store_, {kFolder, "a", "a.b"}).value();
  ASSERT_EQ(behind.entries.size(), 3u);
  EXPECT_EQ(behind.entries.front().name, "a0");
  EXPECT_TRUE(loop_.list(*store_, {kFolder, "a", "b"})->entries.empty());
}

TEST_P(StoreConformance, APageHasABoundedNumberOfEntries) {
  const int count = static_cast<int>(parent::kMaxPageEntries) + 50;
  for (int i = 0; i < count; ++i)
    ASSERT_TRUE(put("log-" + std::to_string(100'000 + i), std::to_string(i)).has_value());
  const auto found = all("log-");
  EXPECT_EQ(pages_, 2);
  ASSERT_EQ(found.size(), static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i)
    EXPECT_EQ(found[static_cast<std::size_t>(i)].second, std::to_string(i));
  ASSERT_TRUE(loop_.remove_range(*store_, {kFolder, "log-", "log-101049"}).has_value());
  EXPECT_EQ(all("log-").size(), 1u) << "a removal goes on over pages";
}

// A log that grows at one end.
TEST_P(StoreConformance, AnEntryMayComeBehindAnotherAlone) {
  const auto put_behind = [&](const std::string& name, const std::string& behind,
                              const std::string& version_behind) {
    return loop_.put_behind(*store_, {kFolder, name}, name, {behind, version_behind});
  };
  const auto missing = put_behind("2", "1", version("1"));
  EXPECT_TRUE(missing.error().is(StoreErrc::predecessor_missing)) << missing.error().to_string();
  ASSERT_TRUE(put("1", "1").has_value());
  EXPECT_TRUE(put_behind("2", "1", version("x")).error().is(StoreErrc::predecessor_missing));
  ASSERT_TRUE(put_behind("2", "1", version("1")).has_value());
  ASSERT_TRUE(put_behind("3", "2", version("2")).has_value());
  EXPECT_TRUE(put_behind("4", "2", version("1")).error().is(StoreErrc::predecessor_missing));
  EXPECT_TRUE(put_behind("3", "2", version("2")).has_value()) << "it is there already";
  const std::string changed = put("3", "changed", version("3")).value();
  EXPECT_TRUE(put_behind("4", "3", version("3")).error().is(StoreErrc::predecessor_missing));
  EXPECT_TRUE(put_behind("4", "3", changed).has_value());
  EXPECT_TRUE(put_behind("5", "A", changed).error().is(StoreErrc::bad_name));
  ASSERT_TRUE(loop_.remove(*store_, {kFolder, "4"}, version("4")).has_value());
  EXPECT_TRUE(put_behind("5", "4", version("4")).error().is(StoreErrc::predecessor_missing));
  EXPECT_EQ(all().size(), 3u);
}

TEST_P(StoreConformance, RemovesARangeAndItsWeight) {
  config_.limits = {100, 10, 100};
  open();
  for (const char* name : {"a-1", "a-2", "a-3", "b-1"})
    ASSERT_TRUE(put(name, "0123456789").has_value());
  ASSERT_TRUE(loop_.put(*store_, {"other", "a-1"}, "x").has_value());
  EXPECT_TRUE(loop_.remove_range(*store_, {kFolder, "a-", "a-3"}).has_value());
  EXPECT_EQ(all().front().first, "a-3");
  EXPECT_EQ(all().size(), 2u);
  EXPECT_TRUE(loop_.remove_range(*store_, {kFolder, "c", "z"}).has_value()) << "there is none";
  EXPECT_TRUE(put("c", std::string(80, 'x')).has_value()) << "there is room for it now";
  EXPECT_TRUE(put("d", "x").error().is(StoreErrc::folder_full));
  EXPECT_TRUE(loop_.remove_range(*store_, {kFolder, "a", "z"}).has_value());
  EXPECT_EQ(all().size(), 2u) << "what begins otherwise stays";
  EXPECT_TRUE(loop_.remove_range(*store_, {kFolder, "", "z"}).has_value());
  EXPECT_TRUE(all().empty());
  EXPECT_TRUE(loop_.get(*store_, {"other", "a-1"}).has_value());
  EXPECT_TRUE(loop_.remove_range(*store_, {kFolder, "", ""}).error().is(StoreErrc::bad_name));
}

TEST_P(StoreConformance, LimitsEntriesAndFolders) {
  config_.limits = {8, 3, 20};
  open();
  EXPECT_TRUE(put("a", "123456789").error().is(StoreErrc::too_large));
  const std::string a = put("a", "12345678").value();
  const std::string b = put("b", "12345678").value();
  EXPECT_TRUE(put("c", "12345").error().is(StoreErrc::folder_full)) << "bytes";
  EXPECT_TRUE(put("c", "1234").has_value());
  EXPECT_TRUE(put("d", "").error().is(StoreErrc::folder_full)) << "entries";
  EXPECT_TRUE(loop_.put(*store_, {"other", "d"}, "x").has_value()) << "another's folder has room";
  EXPECT_EQ(content("a"), "12345678");
  const std::string smaller = put("a", "1", a).value();
  EXPECT_TRUE(put("a", "12345678", smaller).has_value());
  EXPECT_TRUE(loop_.remove(*store_, {kFolder, "b"}, b).has_value());
  EXPECT_TRUE(put("d", "12345678").has_value());
  EXPECT_FALSE(store_->trouble().has_value()) << "a folder's limit is not the store's trouble";
}

TEST_P(StoreConformance, TakesAnEntryOfTheLargestSize) {
  const std::string largest(parent::kMaxEntryBytes, '\xfe');
  EXPECT_EQ(put("large", largest).value(), version(largest));
  EXPECT_EQ(content("large"), largest);
  EXPECT_TRUE(put("next", "x").has_value());
  const StorePage page = loop_.list(*store_, {kFolder, {}, {}}).value();
  EXPECT_EQ(page.entries.size(), 1u);
  EXPECT_TRUE(page.more);
}

TEST_P(StoreConformance, NamesHaveOneShape) {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("../x"), std::string("a/b"),
        std::string(".lock"), std::string("A"), std::string("a b"), std::string("a\0b", 3),
        std::string(101, 'a')}) {
    EXPECT_TRUE(put(name, "x").error().is(StoreErrc::bad_name)) << name;
    EXPECT_TRUE(loop_.get(*store_, {kFolder, name}).error().is(StoreErrc::bad_name)) << name;
    EXPECT_TRUE(
        loop_.remove(*store_, {kFolder, name}, version("x")).error().is(StoreErrc::bad_name));
    if (name.empty()) continue;
    EXPECT_TRUE(loop_.list(*store_, {kFolder, name, {}}).error().is(StoreErrc::bad_name)) << name;
    EXPECT_TRUE(loop_.list(*store_, {kFolder, {}, name}).error().is(StoreErrc::bad_name)) << name;
  }
  EXPECT_TRUE(loop_.put(*store_, {"..", "a"}, "x").error().is(StoreErrc::bad_name));
  EXPECT_TRUE(loop_.list(*store_, {"a/b", {}, {}}).error().is(StoreErrc::bad_name));
  EXPECT_TRUE(put("0.root_generation-1", "x").has_value());
  EXPECT_TRUE(put(std::string(100, 'a'), "x").has_value());
}

TEST_P(StoreConformance, TheRequestsOfAFolderThatWaitAreBounded) {
  std::size_t found = 0, busy = 0;
  const auto count = [&](const base::Result<parent::StoredEntry>& entry) {
    EXPECT_FALSE(entry.has_value());
    entry.error().is(StoreErrc::busy) ? ++busy : ++found;
  };
  for (std::size_t i = 0; i < parent::kMaxPendingOfFolder + 2; ++i)
    store_->get({kFolder, "absent"}, count);
  EXPECT_EQ(busy, 2u) << "at once";
  store_->get({"other", "absent"}, count);
  EXPECT_EQ(busy, 2u) << "each folder by itself";
  loop_.run_until([&] { return found == parent::kMaxPendingOfFolder + 1; });
  EXPECT_TRUE(put("a", "x").has_value());
  EXPECT_EQ(store_->counters().at({parent::StoreOperation::get, "busy"}), 2u);
}

// Each is answered for itself, in order, though they may be carried out together.
TEST_P(StoreConformance, RequestsThatWaitTogetherKeepTheirOrder) {
  std::string answers;
  const auto put_later = [&](std::string_view content, std::optional<std::string> expected) {
    store_->put({kFolder, "entry"}, base::to_bytes(base::as_bytes(content)), {std::move(expected)},
                [&](const base::Result<std::string>& done) { answers += done ? '+' : '-'; });
  };
  put_later("1", {});
  put_later("2", version("1"));
  put_later("3", version("1"));
  put_later("4", version("2"));
  store_->remove({kFolder, "entry"}, version("4"),
                 [&](const base::Status& done) { answers += done ? '+' : '-'; });
  put_later("5", {});
  loop_.run_until([&] { return answers.size() == 6; });
  EXPECT_EQ(answers, "++-+++");
  EXPECT_EQ(content("entry"), "5");
}

TEST_P(StoreConformance, KeepsEverythingWhenItIsOpenedAgain) {
  ASSERT_TRUE(put("root", "sealed").has_value());
  config_.limits.max_entries = 1;
  open();
  EXPECT_EQ(content("root"), "sealed");
  EXPECT_TRUE(put("other", "x").error().is(StoreErrc::folder_full)) << "the count is kept too";
}

// Every answer is that of a plain map with the same limits.
TEST_P(StoreConformance, DoesAsAMapWould) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  config_.limits = {8, 6, 30};
  open();
  std::map<std::string, std::string> model;
  for (int step = 0; step < 300; ++step) {
    const std::string name(1, static_cast<char>('a' + random() % 9));
    const std::string value(random() % 10, static_cast<char>('0' + random() % 10));
    const auto there = model.find(name);
    std::optional<std::string> expected;
    if (there != model.end() && random() % 4 != 0) expected = version(there->second);
    if (random() % 8 == 0) expected = version("another");
    if (random() % 3 == 0) {
      const bool fits = there != model.end() && expected == version(there->second);
      EXPECT_EQ(loop_.remove(*store_, {kFolder, name}, expected.value_or(version(""))).has_value(),
                fits || (there != model.end() && !expected && there->second.empty()));
      if (there != model.end() && expected.value_or(version("")) == version(there->second))
        model.erase(there);
      continue;
    }
    std::size_t bytes = value.size();
    for (const auto& [other, kept] : model)
      bytes += other == name ? 0 : kept.size();
    const bool same = there != model.end() && there->second == value;
    const bool condition = there == model.end() ? !expected : expected == version(there->second);
    const bool grows = there == model.end() || value.size() > there->second.size();
    const bool room = (there != model.end() || model.size() < 6) && (!grows || bytes <= 30);
    const bool wanted = value.size() <= 8 && (same || (condition && room));
    EXPECT_EQ(put(name, value, expected).has_value(), wanted) << "step " << step;
    if (wanted) model[name] = value;
  }
  std::vector<std::pair<std::string, std::string>> left(model.begin(), model.end());
  EXPECT_EQ(all(), left);
}

TEST_P(StoreConformance, ListsCustodiansForAsLongAsTheyAreAnnounced) {
  using namespace std::chrono_literals;
  const Announcement east{"custodian-east", "tcp:10.0.0.1:7001"},
      west{"custodian-west", "tcp:10.0.0.2:7001"};
  EXPECT_TRUE(loop_.custodians(*store_)->empty());
  EXPECT_TRUE(loop_.announce(*store_, west, 600s).has_value());
  EXPECT_TRUE(loop_.announce(*store_, east, 600s).has_value());
  EXPECT_TRUE(loop_.announce(*store_, east, 600s).has_value()) << "kept alive";
  EXPECT_EQ(loop_.custodians(*store_).value(), (std::vector{east, west}));
  const auto other = open_another();
  Store& second = other ? *other : *store_;
  EXPECT_TRUE(loop_.announce(second, {east.name, "tcp:10.9.9.9:1"}, 600s)
                  .error()
                  .is(StoreErrc::name_taken));
  EXPECT_TRUE(loop_.announce(second, east, 600s).has_value()) << "a parent that came up again";
  EXPECT_TRUE(loop_.withdraw(second, east.name).has_value());
  EXPECT_EQ(loop_.custodians(*store_).value(), std::vector{west});
  EXPECT_TRUE(loop_.announce(second, {east.name, "tcp:10.9.9.9:1"}, 600s).has_value());
  EXPECT_TRUE(loop_.announce(*store_, {"Not/A/Name", "x"}, 600s).error().is(StoreErrc::bad_name));
}

TEST_P(StoreConformance, ForgetsACustodianThatIsNotKeptAlive) {
  ASSERT_TRUE(loop_.announce(*store_, {"custodian", "tcp:10.0.0.1:7001"}, std::chrono::seconds(1))
                  .has_value());
  ASSERT_EQ(loop_.custodians(*store_)->size(), 1u);
  while (!loop_.custodians(*store_)->empty()) {
    boost::asio::steady_timer pause(loop_.io(), std::chrono::milliseconds(20));
    bool over = false;
    pause.async_wait([&](const boost::system::error_code&) { over = true; });
    loop_.run_until([&] { return over; });
  }
}

}  // namespace concordat::test

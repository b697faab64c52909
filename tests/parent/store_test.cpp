#include "deploy/parent/store.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace concordat::parent {
namespace {

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "store-test.XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    config_.directory = root_ / "store";
  }
  ~StoreTest() override { std::filesystem::remove_all(root_); }

  static base::BytesView bytes(std::string_view text) { return base::as_bytes(text); }
  base::Result<std::string> put(Store& store, std::string_view name, std::string_view text,
                                std::optional<std::string> version = {}) {
    return store.put("custodian", name, bytes(text), {std::move(version)});
  }

  std::filesystem::path root_;
  StoreConfig config_;
};

TEST_F(StoreTest, GivesBackWhatWasPut) {
  Store store = Store::open(config_).value();
  EXPECT_TRUE(store.get("custodian", "root").error().is(StoreErrc::not_found));
  const std::string version = put(store, "root", "sealed").value();
  const StoredEntry entry = store.get("custodian", "root").value();
  EXPECT_EQ(base::as_text(entry.content), "sealed");
  EXPECT_EQ(entry.version, version);
  EXPECT_EQ(version, version_of(bytes("sealed")));
  // Folders are apart.
  EXPECT_TRUE(store.get("worker", "root").error().is(StoreErrc::not_found));
}

TEST_F(StoreTest, OfTwoWritersWhoSawTheSameVersionOneWins) {
  Store store = Store::open(config_).value();
  const std::string first = put(store, "root", "1").value();
  EXPECT_TRUE(put(store, "root", "2").error().is(StoreErrc::version_differs));
  const std::string second = put(store, "root", "2", first).value();
  const auto late = put(store, "root", "3", first);
  EXPECT_TRUE(late.error().is(StoreErrc::version_differs));
  EXPECT_EQ(late.error().detail(), second);
  EXPECT_TRUE(put(store, "other", "x", first).error().is(StoreErrc::version_differs));
  EXPECT_EQ(base::as_text(store.get("custodian", "root").value().content), "2");
}

TEST_F(StoreTest, SurvivesAProgramThatEnds) {
  {
    Store store = Store::open(config_).value();
    EXPECT_TRUE(put(store, "root", "sealed").has_value());
  }
  const Store again = Store::open(config_).value();
  EXPECT_EQ(base::as_text(again.get("custodian", "root").value().content), "sealed");
}

TEST_F(StoreTest, IsForOneProgramAtATime) {
  const Store store = Store::open(config_).value();
  EXPECT_TRUE(Store::open(config_).error().is(StoreErrc::in_use));
}

TEST_F(StoreTest, NamesStayInTheFolder) {
  Store store = Store::open(config_).value();
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("../x"), std::string("a/b"),
        std::string(".lock"), std::string("A"), std::string("a b"), std::string("a\0b", 3),
        std::string(101, 'a')}) {
    EXPECT_TRUE(put(store, name, "x").error().is(StoreErrc::bad_name)) << name;
    EXPECT_TRUE(store.get("custodian", name).error().is(StoreErrc::bad_name)) << name;
  }
  EXPECT_TRUE(store.put("..", "a", {}, {}).error().is(StoreErrc::bad_name));
  EXPECT_TRUE(put(store, "0.root_generation-1", "x").has_value());
}

TEST_F(StoreTest, BoundsSizeAndNumber) {
  config_.max_bytes = 4;
  config_.max_entries = 2;
  Store store = Store::open(config_).value();
  EXPECT_TRUE(put(store, "a", "12345").error().is(StoreErrc::too_large));
  const std::string version = put(store, "a", "1234").value();
  EXPECT_TRUE(put(store, "b", "").has_value());
  EXPECT_TRUE(put(store, "c", "").error().is(StoreErrc::full));
  EXPECT_TRUE(put(store, "a", "new", version).has_value());  // a full folder can be rewritten
}

TEST_F(StoreTest, ReportsADirectoryThatCannotBeMade) {
  config_.directory = root_ / "no" / "such";
  EXPECT_TRUE(Store::open(config_).error().is(StoreErrc::failed));
  std::ofstream(root_ / "file") << "x";
  config_.directory = root_ / "file";
  EXPECT_TRUE(Store::open(config_).error().is(StoreErrc::failed));
  EXPECT_EQ(std::filesystem::file_size(root_ / "file"), 1u);
}

}  // namespace
}  // namespace concordat::parent

// What an enclave believes of the parent's answers about its store: their form, and no more.
#include <gtest/gtest.h>

#include "attest/base/cbor.hpp"
#include "keyservice/parent_store.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;

TEST(StorePage, ComesOutAsItWentIn) {
  const StorePage page{{{"a", {1, 2}}, {"a-1", {}}, {"b", Bytes(300, 7)}}, true};
  EXPECT_EQ(parse_store_page(encode_store_page(page)).value(), page);
  EXPECT_EQ(parse_store_page(encode_store_page({})).value(), StorePage());
}

TEST(StorePage, IsRefusedWhereNamesDoNotAscend) {
  for (const StorePage& page :
       {StorePage{{{"b", {}}, {"a", {}}}, false}, StorePage{{{"a", {1}}, {"a", {2}}}, false}}) {
    EXPECT_TRUE(parse_store_page(encode_store_page(page)).error().is(base::cbor::Errc::malformed));
  }
}

TEST(StorePage, IsRefusedWhereItIsTooLargeOrNotWhole) {
  const StorePage page{{{"a", Bytes(kMaxStoreEntry + 1, 0)}}, false};
  EXPECT_TRUE(parse_store_page(encode_store_page(page)).error().is(base::cbor::Errc::too_large));
  const StorePage name{{{std::string(kMaxStoreName + 1, 'a'), {}}}, false};
  EXPECT_TRUE(parse_store_page(encode_store_page(name)).error().is(base::cbor::Errc::too_large));
  StorePage many;
  for (std::size_t i = 0; i <= kMaxStorePageEntries; ++i)
    many.entries.push_back({std::to_string(10'000 + i), {}});
  EXPECT_TRUE(parse_store_page(encode_store_page(many)).error().is(base::cbor::Errc::too_large));
  const Bytes whole = encode_store_page({{{"a", {1}}}, false});
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_store_page(base::BytesView(whole).first(size))) << size;
  Bytes trailing = whole;
  trailing.push_back(0);
  EXPECT_TRUE(parse_store_page(trailing).error().is(base::cbor::Errc::trailing_bytes));
}

TEST(StoreBatch, ComesOutAsItWentIn) {
  const StoreBatch batch{StoreBatch::Behind{"writer", std::string(64, 'a')},
                         {{"a", std::nullopt, {1, 2}}, {"b", std::string(64, 'b'), {}}}};
  EXPECT_EQ(parse_store_batch(encode_store_batch(batch)).value(), batch);
  const StoreBatch alone{{}, {{"a", {}, Bytes(kMaxStoreBatchContent, 7)}}};
  EXPECT_EQ(parse_store_batch(encode_store_batch(alone)).value(), alone);
  const auto names = [](std::size_t count) {
    StoreBatch out{StoreBatch::Behind{std::string(kMaxStoreName, 'w'), std::string(64, 'a')}, {}};
    for (std::size_t i = 0; i < count; ++i) {
      out.puts.push_back({std::to_string(100 + i) + std::string(kMaxStoreName - 3, 'n'),
                          std::string(64, 'b'), Bytes(kMaxStoreBatchContent / count, 1)});
    }
    return encode_store_batch(out);
  };
  EXPECT_LE(names(kMaxStoreBatchPuts).size(), kMaxStoreBatch) << "as large as it may be";
  EXPECT_TRUE(parse_store_batch(names(kMaxStoreBatchPuts)));
  EXPECT_TRUE(
      parse_store_batch(names(kMaxStoreBatchPuts + 1)).error().is(base::cbor::Errc::too_large));
}

TEST(StoreBatch, IsRefusedWhereItIsNotWhatItShouldBe) {
  const auto refused = [](const StoreBatch& batch) {
    return parse_store_batch(encode_store_batch(batch)).error();
  };
  EXPECT_TRUE(refused({}).is(base::cbor::Errc::malformed)) << "of nothing";
  EXPECT_TRUE(refused({{}, {{"a", {}, {1}}, {"a", {}, {2}}}}).is(base::cbor::Errc::malformed));
  EXPECT_TRUE(refused({{}, {{"a", std::string(65, 'a'), {}}}}).is(base::cbor::Errc::too_large));
  EXPECT_TRUE(refused({{}, {{"a", {}, Bytes(kMaxStoreBatchContent, 0)}, {"b", {}, {1}}}})
                  .is(base::cbor::Errc::too_large))
      << "all of them together";
  const Bytes whole = encode_store_batch({{}, {{"a", {}, {1}}}});
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_store_batch(base::BytesView(whole).first(size))) << size;
}

TEST(ParentStore, SaysWhatAReplyMeans) {
  const auto written = [](unsigned status) { return read_store_write({status, {}, {}}).error(); };
  EXPECT_FALSE(written(204).code());
  EXPECT_TRUE(written(412).is(ParentStoreErrc::conflict));
  EXPECT_TRUE(written(424).is(ParentStoreErrc::predecessor_missing));
  EXPECT_TRUE(written(404).is(ParentStoreErrc::not_found));
  EXPECT_TRUE(written(507).is(ParentStoreErrc::full));
  EXPECT_TRUE(written(503).is(ParentStoreErrc::unavailable));
  EXPECT_TRUE(written(200).is(ParentStoreErrc::failed)) << "not what a write is answered";
  EXPECT_TRUE(read_store_get({404, {}, {}}).value() == std::nullopt);
  EXPECT_TRUE(read_store_get({503, {}, {}}).error().is(ParentStoreErrc::unavailable));
  EXPECT_TRUE(read_store_list({200, {}, "x"}).error().is(ParentStoreErrc::malformed));
}

TEST(ParentStore, ReadsCustodiansStrictly) {
  const auto read = [](const std::string& body) { return read_custodians({200, {}, body}); };
  EXPECT_EQ(read(R"({"custodians":[{"name":"a","address":"tcp:x:1"}]})").value(),
            std::vector<std::string>{"a"});
  for (const std::string& bad :
       {std::string(), std::string("{}"), std::string(R"({"custodians":[]} x)"),
        std::string(R"({"custodians":[]})") + '\0', std::string(R"({"custodians":[{"name":1}]})"),
        std::string(R"({"custodians":[{"name":"A/b"}]})"),
        std::string(R"({"custodians":[],"custodians":[]})")}) {
    EXPECT_TRUE(read(bad).error().is(ParentStoreErrc::malformed)) << bad;
  }
}

}  // namespace
}  // namespace concordat::keyservice

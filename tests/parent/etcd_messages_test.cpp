// What etcd's gateway is asked, and which of its answers are believed to have a form.
#include "deploy/parent/store/etcd_messages.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace concordat::parent::etcd {
namespace {

using nlohmann::json;

TEST(EtcdMessages, ATransactionWritesIfNothingChangedAndReadsOtherwise) {
  Txn txn;
  txn.conditions = {{"k", 7}};
  txn.puts = {{"k", {1, 2}, 9}};
  txn.removals = {{"old"}, {"a", "b"}};
  txn.reads = {"k"};
  const json asked = json::parse(txn_request(txn));
  EXPECT_EQ(asked["compare"], json::parse(R"([{"target": "MOD", "result": "EQUAL", "key": "aw==",
                                               "mod_revision": "7"}])"));
  EXPECT_EQ(asked["success"],
            json::parse(R"([{"request_put": {"key": "aw==", "value": "AQI=", "lease": "9"}},
                            {"request_delete_range": {"key": "b2xk"}},
                            {"request_delete_range": {"key": "YQ==", "range_end": "Yg=="}}])"));
  EXPECT_EQ(asked["failure"], json::parse(R"([{"request_range": {"key": "aw=="}}])"));
}

TEST(EtcdMessages, ReadsWhatWasThereWhenNothingWasWritten) {
  const auto reply = parse_txn(
      R"({"header":{"revision":"12"},"responses":[{"response_range":{"kvs":[{"key":"aw==",
          "mod_revision":"11","value":"aGk="}],"count":"1"}},{"response_range":{}}]})",
      {true, 2});
  ASSERT_TRUE(reply) << reply.error().to_string();
  EXPECT_FALSE(reply->written);
  EXPECT_EQ(reply->reads[0]->mod_revision, 11);
  EXPECT_EQ(base::as_text(reply->reads[0]->value), "hi");
  EXPECT_FALSE(reply->reads[1].has_value());
  const auto written = parse_txn(
      R"({"header":{"revision":"13"},"succeeded":true,"responses":[{"response_put":{}}]})",
      {true, 2});
  ASSERT_TRUE(written);
  EXPECT_TRUE(written->written);
  EXPECT_EQ(written->revision, 13);
}

TEST(EtcdMessages, WhatHasAnotherFormIsRefused) {
  const std::string good = R"({"header":{"revision":"1"},"responses":[{"response_range":{}}]})";
  ASSERT_TRUE(parse_txn(good, {false, 1}));
  for (const std::string& bad :
       {std::string(), std::string("[]"), good + "x", good + std::string(1, '\0'),
        std::string(R"({"header":{},"header":{},"responses":[{"response_range":{}}]})"),
        std::string(R"({"responses":[{"response_range":{}}]})"),
        std::string(R"({"header":{"revision":"1x"},"responses":[{"response_range":{}}]})"),
        std::string(R"({"header":{},"responses":[{"response_put":{}}]})"),
        std::string(R"({"header":{},"responses":[]})"),
        std::string(R"({"header":{},"responses":{}})"),
        std::string(R"({"header":{},"responses":[{"response_range":{"kvs":[{"value":"?"}]}}]})")}) {
    const auto reply = parse_txn(bad, {false, 1});
    EXPECT_TRUE(!reply && reply.error().is(StoreErrc::failed)) << bad;
  }
  EXPECT_FALSE(parse_range(R"({"kvs":[1]})"));
  EXPECT_FALSE(parse_lease_keep_alive(R"({"ID":"1"})"));
}

TEST(EtcdMessages, SaysWhatAFailureMeans) {
  const auto message = [](int code, const std::string& text) {
    return json{{"code", code}, {"message", text}, {"error", text}}.dump();
  };
  EXPECT_TRUE(
      failure(429, message(8, "etcdserver: mvcc: database space exceeded")).is(StoreErrc::full));
  EXPECT_TRUE(
      failure(400, message(3, "etcdserver: request is too large")).is(StoreErrc::too_large));
  EXPECT_TRUE(failure(503, "no JSON").is(StoreErrc::unreachable));
  EXPECT_TRUE(failure(500, message(14, "etcdserver: no leader")).is(StoreErrc::unreachable));
  EXPECT_TRUE(failure(401, message(16, "etcdserver: invalid auth token")).is(StoreErrc::failed));
  EXPECT_TRUE(failure(500, "[]").is(StoreErrc::failed));
  EXPECT_EQ(failure(500, "line\nline\xff").to_string().find('\n'), std::string::npos);
}

}  // namespace
}  // namespace concordat::parent::etcd

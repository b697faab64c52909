// Two policies compared by meaning: every field counts, and nothing but meaning does.
#include "policy/diff.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "policy/parse.hpp"
#include "tests/policy/samples.hpp"

namespace concordat::policy {
namespace {

using Json = nlohmann::ordered_json;
using test::replaced;

std::string changes(const std::string& before, const std::string& after) {
  std::string out;
  for (const Change& change : diff(load(before), load(after)))
    out += to_text(change) + "\n";
  return out;
}

// Other values that may stand at a place, most of which a policy refuses there.
std::vector<Json> others(const Json& value) {
  if (value.is_number()) {
    const auto number = value.get<std::uint64_t>();
    return {number + 1, number - 1};
  }
  // In place of "any" and "none".
  std::vector<Json> out{5, test::image_pcr("other", 8).hex(), Json::array({"i-00000000"}),
                        Json::array({test::kAccount})};
  if (value.is_null()) return {Json::array({"payments"})};  // an empty list, once flattened
  const auto text = value.get<std::string>();
  for (const char* const word : {"any", "none", "never", "current", "read_only", "verify"})
    out.emplace_back(word);
  for (const char* const name : {"custodian", "payments", "reports", "custodian-1", "payments-1",
                                 "keys", "operate/keys", "i-00000000000000000"}) {
    out.emplace_back(name);
  }
  for (const char end : {'0', '1', '2', 'x', 'Z'}) {
    std::string changed = text;
    changed.back() = end;
    out.emplace_back(changed);
  }
  out.emplace_back("2026-01-02T00:00:00Z");
  out.emplace_back("2026-01-29T00:00:00Z");
  return out;
}

// Calls `each` with every file that differs from `file` in one place, and the place.
void mutate(const Json& file,
            const std::function<void(const std::string& place, const std::string& text)>& each) {
  const Json flat = file.flatten();
  for (const auto& [place, leaf] : flat.items()) {
    for (const Json& other : others(leaf)) {
      Json mutant = file;
      mutant[Json::json_pointer(place)] = other;
      if (mutant != file) each(place, mutant.dump());
    }
    // Of the places that hold a key, most texts are no key at all.
    if (place.ends_with("/key")) {
      Json mutant = file;
      mutant[Json::json_pointer(place)] = test::TestAuthority().key(0).public_key().hex();
      each(place, mutant.dump());
    }
  }
  // One entry less in every list and table.
  std::set<std::string> containers;
  for (const auto& [place, leaf] : flat.items()) {
    for (Json::json_pointer at(place); !at.empty(); at.pop_back())
      containers.insert(at.to_string());
  }
  for (const std::string& place : containers) {
    const Json::json_pointer at(place);
    Json mutant = file;
    Json& parent = mutant[at.parent_pointer()];
    if (parent.is_array()) {
      parent.erase(std::stoul(at.back()));
    } else {
      parent.erase(at.back());
    }
    each(place + " removed", mutant.dump());
  }
}

TEST(Diff, SeesEveryDifferenceOfEveryField) {
  Json file = Json::parse(full());
  // So that the first one can change without becoming the second.
  file["root"]["generations"][0]["generation"] = 7;
  file["root"]["generations"][1]["generation"] = 9;
  const Model model = load(file.dump());
  std::set<std::string> untouched;
  const Json flat = file.flatten();
  for (const auto& [place, leaf] : flat.items())
    untouched.insert(place);
  int count = 0;
  const auto expect_difference = [&](const std::string& place, const std::string& text) {
    const ParsedPolicy mutant = parse_policy(text);
    if (!mutant.model) return;
    ++count;
    untouched.erase(place);
    EXPECT_FALSE(diff(model, *mutant.model).empty()) << place << "\n" << text;
    EXPECT_FALSE(diff(*mutant.model, model).empty()) << place << "\n" << text;
  };
  mutate(file, expect_difference);
  EXPECT_GT(count, 100);
  Json swapped = file;
  std::swap(swapped["root"]["generations"][0]["state"], swapped["root"]["generations"][1]["state"]);
  expect_difference("/root/generations/0/state", swapped.dump());
  expect_difference("/root/generations/1/state", swapped.dump());
  // Every field was changed in some way that a policy may be changed; the format cannot be.
  EXPECT_EQ(untouched, (std::set<std::string>{"/format"}));
}

TEST(Diff, OrderLayoutAndSpellingAreNoChange) {
  Json file = Json::parse(full());
  EXPECT_EQ(changes(full(), full()), "");
  EXPECT_EQ(changes(full(), file.dump()), "");
  std::reverse(file["purposes"]["keys"]["initiator"].begin(),
               file["purposes"]["keys"]["initiator"].end());
  std::reverse(file["grants"].begin(), file["grants"].end());
  std::reverse(file["grants"][1]["operations"].begin(), file["grants"][1]["operations"].end());
  file["roles"]["custodian"]["instances"] = {pcr_of_text("i-0123456789abcdef0").hex()};
  file["validity"]["not_before"] = "2026-01-01T01:00:00+01:00";
  const Json sorted = nlohmann::json::parse(file.dump());  // keys of every object by name
  EXPECT_NE(sorted.dump(), file.dump());
  EXPECT_EQ(changes(full(), sorted.dump()), "");
}

TEST(Diff, SaysWhatChangesForWhom) {
  const auto with = [](std::string text, std::string_view from, std::string_view to) {
    return replaced(std::move(text), from, to);
  };
  const std::string pins = std::string("[\n        \"") + test::kAccount + "\"\n      ]";
  const std::string other_role = "arn:aws:iam::444422223333:role/other";
  const struct {
    std::string before, after, changes;
  } cases[] = {
      {sample(), with(sample(), "\"serial\": 1", "\"serial\": 5"), "~ serial 1 -> 5\n"},
      {sample(), with(sample(), "2026-01-31T00:00:00Z", "2026-02-15T00:00:00Z"),
       "+ validity ends 2026-01-31T00:00:00Z -> 2026-02-15T00:00:00Z\n"},
      {sample(), with(sample(), "lab.example", "other.example"),
       "~ realm \"lab.example\" -> \"other.example\"\n"},
      {sample(), with(sample(), "\"keys\": \"payments/*\"", "\"keys\": \"keys/eu/*\""),
       "+ role payments gains get, sign on keys/eu/*\n"
       "- role payments loses get, sign on payments/*\n"},
      {sample(), with(sample(), "\"sign\"", "\"mac\""),
       "- role payments loses sign on payments/*\n+ role payments gains mac on payments/*\n"},
      {sample(), with(sample(), "\"use_limit\": \"none\"", "\"use_limit\": 5"),
       "- role payments, get, sign on payments/*: without limit -> at most 5 uses of get, sign "
       "together\n"},
      {sample(), with(sample(), "\"never\"", "\"2026-01-20T00:00:00Z\""),
       "- role payments, get, sign on payments/*: without limit -> until 2026-01-20T00:00:00Z\n"},
      {sample(), with(sample(), ",\n        \"reports\"\n      ],", "\n      ],"),
       "- role reports may no longer ask for keys\n"},
      {sample(), with(sample(), "[\n        \"payments-1\"\n      ]", "[]"),
       "- image payments-1 no longer accepted for role payments\n"},
      {sample(), with(sample(), "\"payments-1\"\n      ]", "\"payments-1\", \"reports-1\"]"),
       "+ image reports-1 accepted for role payments\n"},
      {sample(),
       with(sample(), "\"payments-1\"\n      ],\n      \"accounts\": " + pins,
            "\"payments-1\"], \"accounts\": \"any\""),
       std::string("+ any account accepted for role payments (was: ") + test::kAccount + ")\n"},
      {sample(), with(sample(), pins, "[\"" + other_role + "\"]"),
       std::string("- account ") + test::kAccount + " no longer accepted for role custodian\n" +
           "+ account " + other_role + " accepted for role custodian\n"},
      {sample(), with(sample(), "\"instances\": \"any\"", "\"instances\": [\"i-01234567\"]"),
       "- only these instances accepted for role custodian (was: any): i-01234567\n"},
      {sample(), with(sample(), "\"maximum_live\": \"any\"", "\"maximum_live\": 3"),
       "- role custodian: live enclaves at most any -> 3\n"},
      {sample(),
       with(sample(), "\"rotation\": {}",
            "\"rotation\": {\"reports/*\": {\"every_seconds\": 86400}}"),
       "~ keys reports/* are rotated every 86400 s\n"},
      {full(), with(full(), "7776000", "86400"),
       "~ keys payments/* are rotated every so many seconds: 7776000 -> 86400\n"},
      {full(), with(full(), "{\"payments/*\": {\"every_seconds\": 7776000}}", "{}"),
       "~ keys payments/* are no longer rotated every 7776000 s\n"},
      {full(), with(full(), "\"operators\": {\"dana\"", "\"operators\": {\"dora\""),
       "- operator dana is gone, with key " + test::operator_key().public_key().hex() +
           "\n+ operator dora is new, with key " + test::operator_key().public_key().hex() +
           "\n- operator dana loses operate/keys\n+ operator dora gains operate/keys\n"},
      {sample(),
       with(sample(), "\"generations\": []",
            "\"generations\": [{\"generation\": 1, \"state\": \"current\", "
            "\"commitment\": \"" +
                std::string(64, 'a') + "\"}]"),
       "~ root generation 1 is pinned: current, commitment " + std::string(64, 'a') + "\n"},
      {sample(),
       with(sample(), "\"purposes\": {",
            "\"purposes\": {\"tunnel/x\": {\"initiator\": [], \"responder\": "
            "[\"payments\"]},"),
       "+ purpose tunnel/x is new\n+ role payments may answer tunnel/x\n"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(changes(c.before, c.after), c.changes);
}

TEST(Diff, ANewNameForTheSameMeasurementsIsNoLoss) {
  std::string renamed = replaced(sample(), "\"payments-1\": {", "\"payments-2\": {");
  renamed = replaced(renamed, "\"payments-1\"\n", "\"payments-2\"\n");
  EXPECT_EQ(changes(sample(), renamed),
            "~ role payments lists image payments-2 in place of payments-1, with the same "
            "measurements\n");
  const std::string other = replaced(sample(), test::image_pcr("payments-1", 0).hex(),
                                     test::image_pcr("payments-2", 0).hex());
  EXPECT_EQ(changes(sample(), other),
            "~ image payments-1 has another PCR0: " + test::image_pcr("payments-1", 0).hex() +
                " -> " + test::image_pcr("payments-2", 0).hex() + " (listed by: payments)\n");
}

TEST(Diff, AGrantThatAnotherCoversIsNoLoss) {
  const std::string narrow = replaced(sample(), "\"keys\": \"reports/daily\"", "\"keys\": \"*\"");
  EXPECT_EQ(changes(sample(), narrow),
            "+ role reports gains get on *\n"
            "~ role reports loses get on reports/daily, but keeps it by *\n");
  EXPECT_EQ(changes(narrow, sample()),
            "- role reports loses get on *\n"
            "~ role reports gains get on reports/daily, which it had by *\n");
}

TEST(Diff, WhatIsCountedTogetherIsNotCountedApart) {
  const std::string together = replaced(sample(), "\"use_limit\": \"none\"", "\"use_limit\": 5");
  Json file = Json::parse(together);
  Json sign = file["grants"][0];
  sign["operations"] = {"sign"};
  file["grants"][0]["operations"] = {"get"};
  file["grants"].push_back(sign);
  EXPECT_EQ(changes(together, file.dump()),
            "~ role payments, get, sign on payments/*: at most 5 uses of get, sign together -> at "
            "most 5 uses\n");
  file["grants"].push_back(sign);
  EXPECT_NE(changes(together, file.dump())
                .find("+ role payments gains sign on payments/* (at most 5 uses)"),
            std::string::npos);
}

}  // namespace
}  // namespace concordat::policy

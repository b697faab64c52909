// Who loses what, and which keys are known to whom they are no longer meant for.
#include "policy/impact_text.hpp"

#include <gtest/gtest.h>

#include "policy/edit.hpp"
#include "policy/enroll.hpp"
#include "policy/parse.hpp"
#include "policy/revoke.hpp"
#include "tests/policy/samples.hpp"

namespace concordat::policy {
namespace {

using test::kAccount;
using test::kNow;
using test::replaced;

// The sample with a root, without which nobody is served.
std::string rooted_sample() {
  return pin_root(sample(), 1, base::Bytes(48, 0xc0)).value();
}

std::string rotations(const std::string& before, const base::Result<std::string>& after) {
  return rotation_text(impact(load(before), load(after), kNow));
}

constexpr const char* kRotate = "to rotate, because these could receive them and can no more:\n";
constexpr const char* kUnreleased =
    "never released, nothing to rotate (the custodian did these itself):\n";

TEST(Impact, NothingLostNothingToRotate) {
  const Impact none = impact(load(rooted_sample()), load(rooted_sample()), kNow);
  EXPECT_TRUE(none.lost.empty());
  EXPECT_EQ(rotation_text(none), "nothing to rotate\n");
}

TEST(Impact, ARevokedImageKnowsWhatItCouldGet) {
  EXPECT_EQ(
      rotations(rooted_sample(), revoke(rooted_sample(), {.images = {"payments-1"}})),
      std::string(kRotate) + "  payments/*: role payments, image payments-1: no longer admitted\n");
  const Impact lost = impact(load(rooted_sample()),
                             load(revoke(rooted_sample(), {.images = {"payments-1"}})), kNow);
  ASSERT_EQ(lost.lost.size(), 1u);
  EXPECT_EQ(lost.lost[0].kind, ChangeKind::role_image_lost);
}

TEST(Impact, ARevokedPlaceKnowsItToo) {
  EXPECT_EQ(rotations(rooted_sample(),
                      revoke(rooted_sample(), {.accounts = {kAccount}, .from_role = "payments"})),
            std::string(kRotate) +
                "  payments/*: role payments, image payments-1: no longer admitted from all "
                "accounts and instances\n");
  // From any instance to one of them: those on the others.
  const std::string narrowed = replaced(
      rooted_sample(),
      "\"payments-1\"\n      ],\n      \"accounts\": [\n        \"" + std::string(kAccount) +
          "\"\n      ],\n      \"instances\": \"any\"",
      "\"payments-1\"\n      ],\n      \"accounts\": [\n        \"" + std::string(kAccount) +
          "\"\n      ],\n      \"instances\": [\"i-0123456789abcdef0\"]");
  EXPECT_NE(rotations(rooted_sample(), narrowed).find("no longer admitted from all"),
            std::string::npos);
  EXPECT_EQ(rotations(narrowed, rooted_sample()), "nothing to rotate\n");
}

TEST(Impact, ALostGrantIsToBeRotatedExceptWhatIsKept) {
  EXPECT_EQ(
      rotations(rooted_sample(), ungrant(rooted_sample(), "payments", "payments/*", {"get"})),
      std::string(kRotate) + "  payments/*: role payments, image payments-1: no longer granted\n");
  EXPECT_EQ(
      rotations(rooted_sample(), replaced(rooted_sample(), "\"payments/*\"", "\"payments/card\"")),
      std::string(kRotate) +
          "  payments/*: role payments, image payments-1: no longer granted, except "
          "payments/card\n");
  EXPECT_EQ(rotations(rooted_sample(), replaced(rooted_sample(), "\"payments/*\"", "\"*\"")),
            "nothing to rotate\n");
  const std::string expired = replaced(rooted_sample(), "\"never\"", "\"2026-01-02T00:00:00Z\"");
  const std::string has_expired =
      std::string(kRotate) +
      "  payments/*: role payments, image payments-1: the grant has expired\n";
  EXPECT_EQ(rotations(rooted_sample(), expired), has_expired);
  EXPECT_EQ(rotations(expired, expired), has_expired);
  EXPECT_EQ(rotations(rooted_sample(),
                      replaced(rooted_sample(), "\"never\"", "\"2026-01-20T00:00:00Z\"")),
            "nothing to rotate\n");
}

TEST(Impact, WhatStaysInsideTheCustodianNeedsNoRotation) {
  const std::string text = grant(rooted_sample(), "payments", {"mac/*", {"mac", "sign"}}).value();
  EXPECT_EQ(rotations(text, ungrant(text, "payments", "mac/*", {"mac"})),
            std::string(kUnreleased) + "  mac/*: role payments (sign, mac)\n");
  // Losing `sign` where `get` stays is no reason to rotate, nor were the keys never released.
  EXPECT_EQ(rotations(text, ungrant(text, "payments", "payments/*", {"sign"})),
            "nothing to rotate\n");
  const std::string wide = grant(rooted_sample(), "payments", {"*", {"sign"}}).value();
  EXPECT_EQ(rotations(wide, ungrant(wide, "payments", "*", {})), "nothing to rotate\n");
  EXPECT_TRUE(releases(Operation::derive));
  EXPECT_FALSE(releases(Operation::unwrap));
}

TEST(Impact, ANewRoleThatMayDoTheSameLosesNothing) {
  std::string moved = rooted_sample();
  for (std::size_t at = 0; (at = moved.find("\"payments\"", at)) != moved.npos; ++at)
    moved.replace(at, 10, "\"billing\"");
  EXPECT_EQ(rotations(rooted_sample(), moved), "nothing to rotate\n");
}

TEST(Impact, WithoutARootNobodyReceivedAnything) {
  static const test::TestAuthority kAuthority;
  const std::string unpinned = test::sample_policy(kAuthority.descriptor());
  EXPECT_EQ(rotations(unpinned, revoke(unpinned, {.images = {"payments-1"}})),
            "nothing to rotate\n");
}

TEST(Impact, ACustodianThatIsRevokedKnowsTheRoot) {
  const Impact lost = impact(load(rooted_sample()),
                             load(revoke(rooted_sample(), {.images = {"custodian-1"}})), kNow);
  ASSERT_EQ(lost.custodians.size(), 1u);
  EXPECT_EQ(lost.custodians[0].image, "custodian-1");
  EXPECT_EQ(lost.custodians[0].cause, LossCause::image);
  EXPECT_NE(rotation_text(lost).find("new root generation"), std::string::npos);
}

TEST(Impact, AHolderWhoGoesKeepsTheShare) {
  static const test::TestAuthority kAuthority;
  const std::string full = test::full_policy(kAuthority.descriptor());
  const std::string without =
      replaced(full, ", \"frank\": {\"key\": \"" + std::string(64, '4') + "\"}", "");
  EXPECT_EQ(impact(load(full), load(without), kNow).holders, std::vector<std::string>{"frank"});
  const std::string changed = replaced(full, std::string(64, '4'), std::string(64, '5'));
  EXPECT_EQ(impact(load(full), load(changed), kNow).holders, std::vector<std::string>{"frank"});
  EXPECT_TRUE(impact(load(without), load(full), kNow).holders.empty());
}

// "KEY VERSION CAUSE", one a line.
std::string exposures(const Model& before, const Model& after, const std::string& record) {
  std::string out;
  for (const Exposure& e :
       impact(before, after, kNow, read_released_keys(record).value()).exposures) {
    out += e.released.key + " " + std::to_string(e.released.version) + " " +
           std::string(to_string(e.cause)) + "\n";
  }
  return out;
}

std::string entry(const std::string& key, int version, const std::string& image = "payments-1",
                  const std::string& operation = "get", const std::string& role = "payments") {
  return R"({"role": ")" + role + R"(", "image": ")" + image + R"(", "module_id": ")" + kInstance +
         R"(-enc0123456789abcdef", "key": ")" + key + R"(", "version": )" +
         std::to_string(version) + R"(, "operation": ")" + operation +
         R"(", "count": 1, "last": "2026-01-06T11:46:40Z"})";
}
std::string record(const std::string& entries) {
  return R"({"format": "concordat/custodian-report/1", "since": "2026-01-06T00:00:00Z",
    "at": "2026-01-06T11:46:40Z", "policy": {}, "releases_complete": true, "releases": [)" +
         entries + R"(], "refused": 0, "refusals": []})";
}

TEST(Impact, ARecordNamesTheVersions) {
  const Model before = load(rooted_sample());
  const std::string released =
      record(entry("payments/card", 3) + "," + entry("payments/sepa", 1, "payments-1", "sign") +
             "," + entry("reports/daily", 2, "reports-1", "get", "reports"));
  EXPECT_EQ(exposures(before, before, released), "");
  EXPECT_EQ(exposures(before, load(revoke(rooted_sample(), {.images = {"payments-1"}})), released),
            "payments/card 3 image\n");
  EXPECT_EQ(exposures(before, load(ungrant(rooted_sample(), "payments", "payments/*", {"get"})),
                      released),
            "payments/card 3 grant\n");
  EXPECT_EQ(
      exposures(before,
                load(revoke(rooted_sample(), {.accounts = {kAccount}, .from_role = "payments"})),
                released),
      "payments/card 3 place\n");
  // What an older policy let out: an image and a key that neither policy knows.
  EXPECT_EQ(exposures(before, before, record(entry("payments/card", 1, "payments-0"))),
            "payments/card 1 image\n");
  EXPECT_EQ(exposures(before, before, record(entry("old/key", 1))), "old/key 1 grant\n");
}

TEST(Impact, ARecordKnowsTheInstance) {
  const auto on = [](const char* instance) {
    Enrolment enrolment;
    enrolment.image = "payments-1";
    enrolment.measurements = {test::image_pcr("payments-1", 0), test::image_pcr("payments-1", 1),
                              test::image_pcr("payments-1", 2), std::nullopt};
    enrolment.role = "payments";
    enrolment.instances = {instance};
    return load(enroll(rooted_sample(), enrolment));
  };
  const std::string released = record(entry("payments/card", 3));
  EXPECT_EQ(exposures(load(rooted_sample()), on(kInstance), released), "");
  EXPECT_EQ(exposures(load(rooted_sample()), on("i-00000000000000000"), released),
            "payments/card 3 place\n");
}

// What a custodian no longer lists may have been received all the same, even where it lists
// nothing.
TEST(Impact, SaysThatARecordWasCut) {
  const Model same = load(rooted_sample());
  const auto read = [](std::string text, bool complete) {
    if (!complete) text = replaced(std::move(text), "_complete\": true", "_complete\": false");
    return read_released_keys(text).value();
  };
  const Impact cut = impact(same, same, kNow, read(record(""), false));
  EXPECT_TRUE(cut.is_record_cut);
  EXPECT_EQ(rotation_text(cut),
            "nothing to rotate\na report is cut: its custodian released more than it lists, longer "
            "ago; go by the patterns\n");
  EXPECT_FALSE(impact(same, same, kNow, read(record(""), true)).is_record_cut);
  EXPECT_FALSE(impact(same, same, kNow).is_record_cut);
}

TEST(ReleasedKeys, AreReadStrictly) {
  const auto read = read_released_keys(record(entry("payments/card", 3)));
  ASSERT_TRUE(read) << read.error().to_string();
  ASSERT_EQ(read->keys.size(), 1u);
  EXPECT_EQ(read->keys[0].version, 3u);
  EXPECT_EQ(read->keys[0].operation, Operation::get);
  EXPECT_EQ(read->keys[0].last, kNow);
  EXPECT_TRUE(read_released_keys(record("")).value().keys.empty());
  const auto refused = [](const std::string& text) { return read_released_keys(text).error(); };
  EXPECT_TRUE(refused("[]").is(PolicyErrc::wrong_type));
  EXPECT_TRUE(refused(replaced(record(""), "report/1", "report/2")).is(PolicyErrc::bad_value));
  EXPECT_TRUE(refused(replaced(record(""), "\"at\"", "\"until\"")).is(PolicyErrc::missing_key));
  EXPECT_TRUE(
      refused(replaced(record(""), "\"releases_complete\": true", "\"releases_complete\": \"no\""))
          .is(PolicyErrc::wrong_type));
  EXPECT_TRUE(refused(record(entry("payments//card", 3))).is(PolicyErrc::bad_value));
  EXPECT_EQ(read_released_keys(record(entry("k", 0))).value().keys[0].version, 0u) << "not told";
  EXPECT_TRUE(refused(record(entry("k", -1))).is(PolicyErrc::wrong_type));
  EXPECT_TRUE(refused(record(entry("k", 1, "i", "steal"))).is(PolicyErrc::bad_value));
  EXPECT_TRUE(
      refused(replaced(record(entry("k", 1)), "\"key\"", "\"kez\"")).is(PolicyErrc::missing_key));
  EXPECT_TRUE(refused(replaced(record(entry("k", 1)), "11:46:40Z\"}", "noon\"}"))
                  .is(PolicyErrc::bad_value));
}

TEST(Finality, WhenNobodyCanKeepTheOlderPolicyAlive) {
  const Model plain = load(rooted_sample());
  const auto until = base::parse_rfc3339("2026-01-31T00:00:00Z").value();
  EXPECT_EQ(to_text(finality(plain), kNow),
            "final: at 2026-01-31T00:00:00Z, when serial 2 ends; until then a parent that "
            "withholds the new policy keeps it alive\n");
  EXPECT_EQ(to_text(finality(plain), until),
            "final: at once, for serial 2 ended at 2026-01-31T00:00:00Z\n");
  static const test::TestAuthority kAuthority;
  const Model fresh = load(test::full_policy(kAuthority.descriptor()));
  EXPECT_EQ(finality(fresh).freshness_seconds, 600u);
  EXPECT_EQ(to_text(finality(fresh), kNow)
                .find("final: 600 s after the time of the last freshness statement for serial 1"),
            0u);
}

}  // namespace
}  // namespace concordat::policy

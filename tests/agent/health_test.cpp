// What health says of facts, and that ready needs what is needed and nothing else.
#include "keyservice/agent/health.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "keyservice/error.hpp"
#include "policy/errc.hpp"
#include "policy/signed_policy.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::keyservice::agent {
namespace {

using base::Error;
using nlohmann::json;

Facts good() {
  static const test::TestAuthority authority;
  Facts facts;
  facts.version = "1.2.3";
  facts.nsm = NsmFacts{false, "i-1-enc2"};
  facts.process = {0, 0, false, 65536, 8388608};
  facts.application_user = 65534u;
  facts.sockets = {{"/run/agent.sock", true, 0, 0660}};
  facts.memory = {1, 100, 0};
  facts.now = test::kNow;
  facts.anchor_age = std::chrono::seconds(61);
  facts.latest = policy::SignedPolicy::verify(
                     authority.sign(test::sample_policy(authority.descriptor(), 5)).encode(),
                     authority.descriptor(), test::kNow)
                     .value();
  facts.policy = facts.latest;
  facts.handshakes = 2;
  return facts;
}

json check(const Facts& facts, const std::string& name) {
  const json all = json::parse(health_json(facts))["checks"];
  for (const auto& one : all)
    if (one["name"] == name) return one;
  return {};
}

TEST(Health, OfAGoodEnclave) {
  const json said = json::parse(health_json(good()));
  EXPECT_EQ(said["ready"], true);
  EXPECT_EQ(said["version"], "1.2.3");
  EXPECT_EQ(said["custodian"], "ok");
  EXPECT_EQ(said["policy"], json({{"state", "ok"}, {"serial", 5}}));
  for (const auto& one : said["checks"])
    EXPECT_EQ(one["ok"], true) << one;
  EXPECT_EQ(said["checks"].size(), 10u);
  EXPECT_NE(check(good(), "clock")["detail"].get<std::string>().find("61 s ago"),
            std::string::npos);
  EXPECT_NE(check(good(), "policy")["detail"].get<std::string>().find("2026-01-31"),
            std::string::npos);
  EXPECT_NE(check(good(), "socket")["detail"].get<std::string>().find("mode 0660"),
            std::string::npos);
}

void lapse_to(Facts& facts, std::chrono::milliseconds before_the_end) {
  facts.now = facts.latest->valid_until() - before_the_end;
}
// A policy that wants to be confirmed every hundred seconds was, so long ago.
void confirm(Facts& facts, std::optional<std::chrono::seconds> ago) {
  static const test::TestAuthority authority;
  static const auto key = test::freshness_key();
  const std::string text = test::with_freshness(test::sample_policy(authority.descriptor(), 5), key,
                                                std::chrono::seconds(100));
  facts.latest = test::signed_policy(authority, text);
  facts.policy = facts.latest;
  if (ago) facts.confirmed = *facts.now - *ago;
}

// Each of these is told, and costs readiness or not.
struct Case {
  const char* check;
  bool needed;
  void (*spoil)(Facts&);
  // Some of the detail.
  const char* says = "";
};
class Spoilt : public testing::TestWithParam<Case> {};

TEST_P(Spoilt, IsTold) {
  Facts facts = good();
  GetParam().spoil(facts);
  EXPECT_EQ(check(facts, GetParam().check)["ok"], false);
  const std::string detail = check(facts, GetParam().check)["detail"];
  EXPECT_NE(detail.find(GetParam().says), std::string::npos) << detail;
  EXPECT_EQ(ready(facts), !GetParam().needed);
  EXPECT_EQ(json::parse(health_json(facts))["ready"], !GetParam().needed);
  const json said = json::parse(health_json(facts));
  for (const auto& one : said["checks"])
    EXPECT_EQ(one["ok"], one["name"] != GetParam().check) << one;
}

INSTANTIATE_TEST_SUITE_P(
    Health, Spoilt,
    testing::Values(
        Case{"enclave", false, [](Facts& f) { f.nsm->debug = true; }, "debug mode"},
        Case{"user", false, [](Facts& f) { f.process.user = 1000; }, "started by user 1000"},
        Case{"user", false, [](Facts& f) { f.application_user = 0u; }, "user 0, the agent's own"},
        Case{"user", false,
             [](Facts& f) {
               f.process.user = f.process.effective_user = f.sockets[0].owner = 1000;
               f.application_user = 0u;
             },
             "user 0, root"},
        Case{"user", false,
             [](Facts& f) {
               f.process.user = f.process.effective_user = f.sockets[0].owner = 1000;
               f.application_user = 1000u;
             },
             "user 1000, the agent's own"},
        Case{"user", false, [](Facts& f) { f.application_user = Error(Errc::not_ready, "gone"); },
             "not known"},
        Case{"socket", false, [](Facts& f) { f.sockets[0].is_socket = false; }, "no socket there"},
        Case{"socket", false, [](Facts& f) { f.sockets[0].owner = 1000; }, "of user 1000"},
        Case{"socket", false, [](Facts& f) { f.sockets[0].mode = 0662; }, "open to everybody"},
        Case{"socket", false,
             [](Facts& f) {
               f.sockets.push_back({"/run/other.sock", true, 0, 0666});
             },
             "other.sock, mode 0666, of user 0, open to everybody"},
        Case{"memory", false, [](Facts& f) { f.memory.unlocked_slabs = 1; }, "1 slabs not locked"},
        Case{"dumps", false, [](Facts& f) { f.process.dumpable = true; }, "possible"},
        Case{"policy", true, [](Facts& f) { f.policy = Error(policy::SignatureErrc::expired); }},
        Case{"policy_age", false, [](Facts& f) { f.latest.reset(); }, "no policy"},
        Case{"policy_age", false, [](Facts& f) { lapse_to(f, std::chrono::days(3)); },
             "valid for 259200 s more"},
        Case{"policy_age", false, [](Facts& f) { confirm(f, std::nullopt); }, "never confirmed"},
        Case{"policy_age", false, [](Facts& f) { confirm(f, std::chrono::seconds(90)); },
             "confirmed 90 s ago"},
        Case{"custodian", true, [](Facts& f) { f.custodian = Error(Errc::custodian_unreachable); }},
        Case{"custodian", true,
             [](Facts& f) { f.custodian = Error(Errc::custodian_not_serving, "root_missing"); }}));

// The last moments at which nothing is to be done yet.
TEST(Health, AYoungPolicyIsNoMatter) {
  Facts facts = good();
  lapse_to(facts, std::chrono::days(3) + std::chrono::milliseconds(1));
  EXPECT_EQ(check(facts, "policy_age")["ok"], true);
  facts = good();
  confirm(facts, std::chrono::seconds(89));
  EXPECT_EQ(check(facts, "policy_age")["ok"], true) << check(facts, "policy_age");
}

// What is judged by what is not known is not good either.
TEST(Health, WithoutTheNsmNothingIsKnownOfTheEnclave) {
  Facts facts = good();
  facts.nsm = Error(Errc::not_ready, "no NSM");
  EXPECT_EQ(check(facts, "nsm")["ok"], false);
  EXPECT_NE(check(facts, "nsm")["detail"].get<std::string>().find("no NSM"), std::string::npos);
  EXPECT_EQ(check(facts, "enclave")["ok"], false);
  EXPECT_TRUE(ready(facts)) << "it had its time and its documents before";
}
TEST(Health, WithoutTimeNoPolicyIsJudged) {
  Facts facts = good();
  facts.now = Error(Errc::not_ready, "no time");
  EXPECT_EQ(check(facts, "clock")["ok"], false);
  EXPECT_EQ(check(facts, "policy_age")["ok"], false);
  EXPECT_FALSE(ready(facts));
}
TEST(Health, OfAnAgentWithoutApplication) {
  Facts facts = good();
  facts.application_user.reset();
  EXPECT_EQ(check(facts, "user")["ok"], true);
}

}  // namespace
}  // namespace concordat::keyservice::agent

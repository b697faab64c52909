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
  facts.sockets = {{"/run/agent.sock", true, 0, 0666}};
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
  EXPECT_EQ(said["checks"].size(), 8u);
  EXPECT_NE(check(good(), "clock")["detail"].get<std::string>().find("61 s ago"),
            std::string::npos);
  EXPECT_NE(check(good(), "policy")["detail"].get<std::string>().find("2026-01-31"),
            std::string::npos);
  EXPECT_NE(check(good(), "socket")["detail"].get<std::string>().find("mode 0666"),
            std::string::npos);
}

// Each of these is told, and costs readiness or not.
struct Case {
  const char* check;
  bool needed;
  void (*spoil)(Facts&);
};
class Spoilt : public testing::TestWithParam<Case> {};

TEST_P(Spoilt, IsTold) {
  Facts facts = good();
  GetParam().spoil(facts);
  EXPECT_EQ(check(facts, GetParam().check)["ok"], false);
  EXPECT_EQ(ready(facts), !GetParam().needed);
  EXPECT_EQ(json::parse(health_json(facts))["ready"], !GetParam().needed);
  const json said = json::parse(health_json(facts));
  for (const auto& one : said["checks"])
    EXPECT_EQ(one["ok"], one["name"] != GetParam().check) << one;
}

INSTANTIATE_TEST_SUITE_P(
    Health, Spoilt,
    testing::Values(
        Case{"enclave", false, [](Facts& f) { f.nsm->debug = true; }},
        Case{"enclave", false, [](Facts& f) { f.nsm = Error(Errc::not_ready, "no NSM"); }},
        Case{"user", false, [](Facts& f) { f.process.user = 1000; }},
        Case{"socket", false, [](Facts& f) { f.sockets[0].is_socket = false; }},
        Case{"socket", false, [](Facts& f) { f.sockets[0].owner = 1000; }},
        Case{"memory", false, [](Facts& f) { f.memory.unlocked_slabs = 1; }},
        Case{"dumps", false, [](Facts& f) { f.process.dumpable = true; }},
        Case{"clock", true, [](Facts& f) { f.now = Error(Errc::not_ready, "no time"); }},
        Case{"policy", true, [](Facts& f) { f.policy = Error(policy::SignatureErrc::expired); }},
        Case{"custodian", true,
             [](Facts& f) { f.custodian = Error(Errc::custodian_unreachable); }},
        Case{"custodian", true, [](Facts& f) {
               f.custodian = Error(Errc::custodian_not_serving, "root_missing");
             }}));

}  // namespace
}  // namespace concordat::keyservice::agent

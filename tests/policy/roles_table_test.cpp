// Every (my role, peer's role, purpose, side) of a policy with several purposes, with a peer whose
// document fits the role that it claims, against golden/roles.txt.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "policy/evaluate.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/lab_claims.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::policy {
namespace {

using test::image_pcr;
using Json = nlohmann::ordered_json;

// The sample, in which custodians copy the root from one another, payments tunnels to the ledger
// and to its own kind, anybody reports, and nobody answers yet who is asked for an audit.
std::string policy_with_several_purposes(const attest::AuthorityDescriptor& authority) {
  Json file = Json::parse(test::sample_policy(authority));
  Json& purposes = file["purposes"];
  purposes["replica"] = {{"initiator", {"custodian"}}, {"responder", {"custodian"}}};
  purposes["tunnel/ledger"] = {{"initiator", {"payments"}}, {"responder", {"payments", "reports"}}};
  purposes["report"] = {{"initiator", {"custodian", "payments", "reports"}},
                        {"responder", {"reports"}}};
  purposes["audit"] = {{"initiator", {"reports"}}, {"responder", Json::array()}};
  return file.dump();
}

class RolesTable : public testing::Test {
 protected:
  attest::VerifiedClaims holder_of(const std::string& role) {
    const std::string image = role == "stranger" || role.empty() ? "custodian-1" : role + "-1";
    return lab_.claims({.instance_id = "i-0123456789abcdef0",
                        .role_arn = test::kAccount,
                        .pcr0 = image_pcr(image, 0),
                        .pcr1 = image_pcr(image, 1),
                        .pcr2 = image_pcr(image, 2),
                        .pcr8 = {},
                        .debug = false},
                       &authority_.descriptor());
  }

  test::TestAuthority authority_;
  test::LabClaims lab_{test::kNow};
};

TEST_F(RolesTable, IsTheGoldenOne) {
  const auto policy =
      test::signed_policy(authority_, policy_with_several_purposes(authority_.descriptor()));
  const std::string roles[] = {"custodian", "payments", "reports", "stranger", ""};
  std::map<std::string, attest::VerifiedClaims> holders;
  for (const std::string& role : roles)
    holders.emplace(role, holder_of(role));
  const auto cell = [](std::string text) {
    text.resize(std::max<std::size_t>(text.size(), 26), ' ');
    return text;
  };
  const auto line = [](std::string text) {
    return text.erase(text.find_last_not_of(' ') + 1) + "\n";
  };
  std::string table;
  std::size_t admitted = 0;
  for (const char* purpose :
       {"keys", "replica", "tunnel/ledger", "report", "audit", "unknown", ""}) {
    for (const Side side : {Side::initiator, Side::responder}) {
      table += "purpose \"" + std::string(purpose) + "\", the peer is " +
               std::string(to_string(side)) + "\n";
      std::string head = cell("my role \\ the peer's");
      for (const std::string& theirs : roles)
        head += cell("\"" + theirs + "\"");
      table += line(head);
      for (const std::string& mine : roles) {
        std::string row = cell("\"" + mine + "\"");
        for (const std::string& theirs : roles) {
          const auto peer = admit(*policy, {mine, theirs, purpose, side}, holders.at(theirs),
                                  authority_.descriptor().pcr16());
          admitted += peer ? 1 : 0;
          row += cell(peer ? "ADMITTED" : std::string(peer.error().name()));
        }
        table += line(row);
      }
      table += "\n";
    }
  }
  // Twice for every pair of an initiator and a responder: each judges the other.
  EXPECT_EQ(admitted, 2u * (2 * 1 + 1 * 1 + 1 * 2 + 3 * 1));
  test::expect_golden("tests/policy/golden/roles.txt", table);
}

}  // namespace
}  // namespace concordat::policy

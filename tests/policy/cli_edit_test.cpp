// `concordat policy enroll | pin-root`: files, output, exit statuses.
#include "attest/base/cbor.hpp"
#include "tests/policy/policy_cli.hpp"

namespace concordat::cli {
namespace {

TEST_F(PolicyCli, EnrollWritesWhatTheGoldenFileShows) {
  write_sample();
  write("w.json", "{\"Measurements\": {\"PCR0\": \"" + test::image_pcr("w", 0).hex() +
                      "\", \"PCR1\": \"" + test::image_pcr("w", 1).hex() + "\", \"PCR2\": \"" +
                      test::image_pcr("w", 2).hex() + "\"}}");
  const std::vector<std::string> arguments{
      "enroll",   "payments-2", "--measurements", "w.json",         "--role",
      "payments", "--grant",    "payments/*:mac", "--maximum-live", "4"};
  const Outcome outcome = policy(arguments);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  expect_golden("enroll.txt", outcome.out);
  expect_golden("enrolled_policy.json", read("policy.json"));
  write_sample();
  std::vector<std::string> json = arguments;
  json.push_back("--json");
  expect_golden("enroll.json", policy(json).out);
}

TEST_F(PolicyCli, EnrollTakesTheRegistersOfAVerifiedDocument) {
  write_sample();
  const std::string before = read("policy.json");
  const auto enroll = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"enroll", "w",        "--document", "document.cbor",
                                       "--role", "payments", "--lab-root", "root.der"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return policy(arguments, true);
  };
  lab::EnclaveIdentity debug = enclave("w");
  debug.debug = true;
  write_document(debug);
  EXPECT_EQ(enroll({}).status, 2);
  lab::EnclaveIdentity homeless = enclave("w");
  homeless.role_arn.clear();
  write_document(homeless);
  const Outcome no_account = enroll({"--pin-account"});
  EXPECT_EQ(no_account.status, 2);
  EXPECT_NE(no_account.err.find("PCR3"), std::string::npos) << no_account.err;
  write_document(enclave("w"));
  EXPECT_EQ(policy({"enroll", "w", "--document", "document.cbor", "--role", "payments"}).status, 2)
      << "a lab's document, under AWS's roots";
  EXPECT_EQ(policy({"enroll", "w", "--eif", "w.eif", "--role", "payments", "--pin-account"}).status,
            1);
  EXPECT_EQ(read("policy.json"), before);
  const Outcome outcome = enroll({"--pin-account", "--pin-instance"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const policy::Model enrolled = model();
  EXPECT_EQ(enrolled.image("w")->pcr0, test::image_pcr("w", 0));
  EXPECT_FALSE(enrolled.image("w")->pcr8.has_value());
  EXPECT_EQ(enrolled.role("payments")->accounts->back().value, policy::pcr_of_text(test::kAccount));
  ASSERT_TRUE(enrolled.role("payments")->instances.has_value());
  EXPECT_EQ(policy({"explain", "--document", "document.cbor", "--lab-root", "root.der", "--role",
                    "payments"},
                   true)
                .status,
            0);
}

TEST_F(PolicyCli, PinRootTakesAGenesisDocumentAndNoOther) {
  write_sample();
  const base::Bytes challenge(32, 0x5a);
  const auto digest = base::sha256({base::as_bytes(read("policy.json"))});
  base::cbor::Writer items;
  items.bytes(challenge).bytes(digest.view()).text(test::kKmsKey);
  items.uint(1).bytes(base::Bytes(32, 0xb0)).bytes(base::Bytes(48, 0xc0));
  attest::MintRequest request;
  request.purpose = attest::Purpose::genesis;
  request.items = {std::move(items).take(), 6};
  const auto pin = [&](const std::string& with_challenge) {
    return policy({"pin-root", "--document", "document.cbor", "--lab-root", "root.der",
                   "--challenge", with_challenge},
                  true);
  };
  const std::string before = read("policy.json");
  write_document(enclave("payments-1"), request);
  EXPECT_EQ(pin(base::to_hex(challenge)).status, 2);
  write_document(enclave("custodian-1"), request);
  EXPECT_EQ(pin(std::string(64, '0')).status, 2);
  EXPECT_EQ(pin("5a").status, 1);
  EXPECT_EQ(read("policy.json"), before);
  const Outcome outcome = pin(base::to_hex(challenge));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  expect_golden("pin_root.txt", outcome.out);
  const auto model = policy::load_policy(read("policy.json")).value();
  EXPECT_EQ(model.current_root()->commitment, base::Bytes(48, 0xc0));
}

TEST_F(PolicyCli, GrantAddsAndSaysWhatIsNew) {
  write_sample();
  const Outcome outcome = policy({"grant", "payments", "keys/eu/*", "sign,mac", "--use-limit", "5",
                                  "--expires", "2026-01-20T00:00:00Z"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  expect_golden("grant.txt", outcome.out);
  const policy::Grant grant = model().grants.at(2);
  EXPECT_EQ(grant.use_limit, 5u);
  EXPECT_EQ(grant.expires, base::parse_rfc3339("2026-01-20T00:00:00Z").value());
  expect_golden("grant.json", policy({"grant", "payments", "payments/*", "mac", "--json"}).out);
  EXPECT_EQ(policy({"grant", "payments", "payments/*", "get"}).status, 2);
  EXPECT_EQ(policy({"grant", "payments", "payments/*"}).status, 1);
  EXPECT_EQ(policy({"grant", "payments", "x", "get", "--expires", "soon"}).status, 1);
}

TEST_F(PolicyCli, FmtKeepsTheSerialAndTheMeaning) {
  write_sample();
  const std::string sample = read("policy.json");
  EXPECT_EQ(policy({"fmt", "--check"}).status, 0);
  std::string spread = sample;
  for (std::size_t at = 0; (at = spread.find('\n', at)) != spread.npos; at += 2)
    spread.insert(at, "\t");
  write("policy.json", spread);
  const Outcome check = policy({"fmt", "--check"});
  EXPECT_EQ(check.status, 2);
  expect_golden("fmt_check.txt", check.out);
  EXPECT_EQ(read("policy.json"), spread);
  const Outcome outcome = policy({"fmt", "--json"});
  EXPECT_EQ(outcome.status, 0);
  expect_golden("fmt.json", outcome.out);
  EXPECT_EQ(read("policy.json"), sample);
  write("policy.json", std::string_view("{}"));
  EXPECT_EQ(policy({"fmt"}).status, 2);
}

TEST_F(PolicyCli, SetAndAddOperatorSayWhatChanges) {
  write_sample();
  const auto online = policy::SigningKey::from_seed([] {
    base::Bytes seed(32, 0x77);
    return base::SecretBytes::take(seed);
  }());
  write_key("online", online.value());
  const Outcome set =
      policy({"set", "--freshness-key", "online.pub", "--freshness-age", "600", "--maximum-live",
              "payments=4", "--maximum-live", "reports=any", "--recovery-threshold", "1",
              "--recovery-holder", "erin=" + std::string(64, '3'), "--recovery-holder",
              "frank=" + std::string(64, '4'), "--channel-seconds", "60", "--rotation",
              "payments/*=7776000"});
  EXPECT_EQ(set.status, 0) << set.err;
  expect_golden("set.txt", set.out);
  EXPECT_EQ(policy({"set", "--no-freshness", "--no-recovery"}).status, 0);
  EXPECT_FALSE(model().freshness || model().recovery);
  EXPECT_EQ(policy({"set", "--rotation", "payments/*=never"}).status, 0);
  EXPECT_TRUE(model().rotation.empty());

  const Outcome added =
      policy({"add-operator", "dana", "--key", "online.pub", "--purpose", "admin"});
  EXPECT_EQ(added.status, 0) << added.err;
  expect_golden("add_operator.txt", added.out);
  // A signer's key is no operator's: what `check` refuses is not written.
  const std::string before = read("policy.json");
  const Outcome signer =
      policy({"add-operator", "sam", "--key", "signer-0.pub", "--purpose", "keys"});
  EXPECT_EQ(signer.status, 2);
  EXPECT_NE(signer.err.find("/operators/sam/key"), std::string::npos) << signer.err;
  EXPECT_EQ(read("policy.json"), before);

  const Outcome fewer = policy({"set", "--audited-uses", "secret"});
  EXPECT_EQ(fewer.status, 0) << fewer.err;
  EXPECT_NE(fewer.out.find("audited uses"), std::string::npos) << fewer.out;
  EXPECT_EQ(model().audited_uses, policy::AuditedUses::secret);
  EXPECT_EQ(policy({"set", "--audited-uses", "all"}).status, 0);
  EXPECT_EQ(model().audited_uses, policy::AuditedUses::all);

  EXPECT_EQ(policy({"set"}).status, 1);
  EXPECT_EQ(policy({"set", "--freshness-key", "online.pub"}).status, 1);
  EXPECT_EQ(policy({"set", "--maximum-live", "payments"}).status, 1);
  EXPECT_EQ(policy({"set", "--maximum-live", "payments=many"}).status, 1);
  EXPECT_EQ(policy({"set", "--recovery-threshold", "1", "--recovery-holder", "erin=33"}).status, 1);
  EXPECT_EQ(policy({"set", "--rotation", "payments/*=daily"}).status, 1);
  EXPECT_EQ(policy({"set", "--audited-uses", "none"}).status, 1);
  EXPECT_EQ(policy({"set", "--rotation", "payments/*=never"}).status, 2);
  EXPECT_EQ(policy({"set", "--maximum-live", "ledger=4"}).status, 2);
}

TEST_F(PolicyCli, RenewBeginsNow) {
  write_sample();
  const base::UnixMillis before = base::system_wall_clock();
  EXPECT_EQ(policy({"renew", "--valid-days", "7"}).status, 0);
  const policy::Model renewed = model();
  EXPECT_EQ(renewed.serial, 2u);
  EXPECT_GT(renewed.valid_from, before - std::chrono::seconds(1));
  EXPECT_LE(renewed.valid_from, base::system_wall_clock());
  EXPECT_EQ(renewed.valid_until - renewed.valid_from, std::chrono::hours(24 * 7));
  EXPECT_EQ(policy({"renew", "--valid-days", "91"}).status, 1);
}

TEST_F(PolicyCli, AWarningThatAnEditBringsIsSaid) {
  write_sample();
  const Outcome outcome = policy({"revoke", "--image", "payments-1", "--json"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("\"pointer\":\"/roles/payments/images\""), std::string::npos);
  // Those that were there before are not.
  EXPECT_EQ(outcome.out.find("role_unpinned"), std::string::npos);
}

}  // namespace
}  // namespace concordat::cli

// The `session` commands: what they print, write and refuse, word for word.
#include <gmock/gmock.h>

#include "session/proof.hpp"
#include "session/receipt.hpp"
#include "tests/policy/policy_cli.hpp"
#include "tests/session_forming/session_world.hpp"

namespace concordat::cli {
namespace {

using session::SessionWorld;

constexpr const char* kParameters =
    R"({"max_rows": 1000, "numbers": {"amount": {"max": "100"}},
  "results": [{"name": "all", "of": {"amount": ["sum"]}}]}
)";

class SessionCli : public PolicyCli {
 protected:
  SessionCli() {
    world_.realms[1] = session::make_realm("bank-2", 150, 3, 2);
    for (std::size_t i = 0; i < 2; ++i) {
      const std::string realm = "bank-" + std::to_string(i + 1);
      write(realm + ".cbor", world_.realms[i].authority.encoded());
      for (std::size_t k = 0; k < world_.realms[i].keys.size(); ++k)
        write_key(realm + "-" + std::to_string(k) + ".key", world_.realms[i].keys[k]);
    }
    write("policy.json", world_.policy_text(1));
    write("parameters.json", kParameters);
  }
  Outcome session(std::vector<std::string> arguments, bool is_lab = false) {
    arguments.insert(arguments.begin(), "session");
    return run_command(std::move(arguments), is_lab);
  }
  static std::string party(const std::string& realm, const std::string& more = "") {
    return "name=" + realm + ",role=payments,authority=" + realm + ".cbor,parent=" + realm +
           ".example:7001,enclave=analyst" + more;
  }
  Outcome init(std::vector<std::string> more = {}, const std::string& protocol = "aggregate/1") {
    std::vector<std::string> arguments{"init",
                                       "--id",
                                       "sums/2026-01",
                                       "--purpose",
                                       "Totals of \"January\"",
                                       "--protocol",
                                       protocol,
                                       "--parameters",
                                       "parameters.json",
                                       "--not-before",
                                       "2026-01-01T00:00:00Z",
                                       "--deadline",
                                       "2026-01-31T00:00:00Z",
                                       "--party",
                                       party("bank-1"),
                                       "--party",
                                       party("bank-2")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return session(std::move(arguments));
  }
  Outcome sign(const std::string& realm, int key, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"sign", "--authority", realm + ".cbor", "--key",
                                       realm + "-" + std::to_string(key) + ".key"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return session(std::move(arguments));
  }
  Outcome check(std::vector<std::string> more = {}, bool is_lab = false,
                const char* at = "2026-01-06T11:46:40Z") {
    std::vector<std::string> arguments{"check",       "--as",        "bank-1",
                                       "--authority", "bank-1.cbor", "--authority",
                                       "bank-2.cbor", "--at",        at};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return session(std::move(arguments), is_lab);
  }
  // A run of three that formed, and `asked` with every realm's authority, which is in a file then.
  std::vector<std::string> form_and_ask(SessionWorld& world, session::RelayNet& net,
                                        std::vector<std::string> asked) {
    const auto descriptor = world.descriptor();
    for (session::PartyIndex index = 1; index <= 3; ++index) {
      net.start(index, descriptor);
      const std::string file = "realm-" + std::to_string(index) + ".cbor";
      write(file, world.realms[index - 1].authority.encoded());
      asked.insert(asked.end(), {"--authority", file});
    }
    net.run();
    return asked;
  }
  void sign_by_all() {
    ASSERT_EQ(init().status, 0);
    ASSERT_EQ(sign("bank-1", 0).status, 0);
    ASSERT_EQ(sign("bank-2", 0).status, 0);
    ASSERT_EQ(sign("bank-2", 2).status, 0);
  }
  static void expect_session_golden(const std::string& file, const std::string& found) {
    test::expect_golden("tests/session_forming/golden/" + file, found);
  }

  SessionWorld world_{2};
};

TEST_F(SessionCli, InitWritesWhatShowPrints) {
  const Outcome made = init();
  EXPECT_EQ(made.status, 0) << made.err;
  expect_session_golden("init.txt", made.out);
  expect_session_golden("session.json", read("session.json"));
  const Outcome shown = session({"show", "session.json"});
  expect_session_golden("show.txt", shown.out);
  expect_session_golden("show.json", session({"show", "session.json", "--json"}).out);
  // What may be signed already is not written over.
  EXPECT_EQ(init().status, 1);
  EXPECT_EQ(session({"show", "policy.json"}).status, 2);
  EXPECT_EQ(session({"show", "absent.json"}).status, 1);
}

TEST_F(SessionCli, InitRefusesWhatIsNoSession) {
  EXPECT_NE(init({"--party", party("bank-2")}).err.find("/parties/2/"), std::string::npos);
  EXPECT_NE(init({"--party", "name=x"}).err.find("want name, role, authority"), std::string::npos);
  EXPECT_NE(init({"--party", party("bank-2", ",more=1")}).err.find("nothing else"),
            std::string::npos);
  EXPECT_NE(init({"--threshold", "3"}).err.find("/threshold"), std::string::npos);
  write("parameters.json", "[]");
  EXPECT_NE(init().err.find("/parameters"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists("session.json"));
}

// A descriptor that could never run is seen before anybody signs it, by everybody who might.
TEST_F(SessionCli, WhatTheProtocolDoesNotTakeIsNotWrittenSignedOrPassed) {
  write("parameters.json", test::replaced(kParameters, "\"sum\"", "\"median\""));
  const Outcome made = init();
  EXPECT_EQ(made.status, 2);
  EXPECT_NE(made.err.find("parameters.results[0].of.amount: want \"sum\""), std::string::npos)
      << made.err;
  EXPECT_NE(init({"--json"}).out.find("parameters_refused"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists("session.json"));
  write("parameters.json", kParameters);
  EXPECT_NE(init({}, "median/1").err.find("there are: aggregate/1"), std::string::npos);

  // One that another tool wrote.
  ASSERT_EQ(init().status, 0);
  write("session.json", test::replaced(read("session.json"), "\"sum\"", "\"median\""));
  const Outcome refused = sign("bank-1", 0);
  EXPECT_EQ(refused.status, 2);
  EXPECT_NE(refused.err.find("of.amount: want"), std::string::npos) << refused.err;
  EXPECT_FALSE(std::filesystem::exists("session.signed.json"));
  const Outcome checked = check({"session.json"});
  EXPECT_EQ(checked.status, 2);
  EXPECT_NE(checked.out.find("FAIL parameters"), std::string::npos) << checked.out;
  EXPECT_NE(checked.out.find("[parameters_refused]"), std::string::npos);
}

TEST_F(SessionCli, EveryRealmSignsTheSameBytes) {
  ASSERT_EQ(init().status, 0);
  const Outcome first = sign("bank-2", 1, {"--json"});
  expect_session_golden("sign_first.json", first.out);
  const Outcome second = sign("bank-2", 0);
  expect_session_golden("sign_second.txt", second.out);
  // A key of another realm, an authority that is no party's, another session in the file.
  EXPECT_EQ(session({"sign", "--authority", "bank-1.cbor", "--key", "bank-2-0.key"}).status, 2);
  write("other.cbor", authority_.descriptor().encoded());
  write_key("other.key", authority_.key(0));
  const Outcome stranger = session({"sign", "--authority", "other.cbor", "--key", "other.key"});
  EXPECT_EQ(stranger.status, 2);
  EXPECT_NE(stranger.err.find("none is under the authority of realm lab.example"),
            std::string::npos)
      << stranger.err;
  write("session.json", test::replaced(read("session.json"), "2026-01-31", "2026-01-30"));
  const Outcome other = sign("bank-1", 0);
  EXPECT_EQ(other.status, 2);
  EXPECT_NE(other.err.find("holds another session"), std::string::npos);
}

TEST_F(SessionCli, CheckNamesWhatIsMissing) {
  ASSERT_EQ(init().status, 0);
  ASSERT_EQ(sign("bank-1", 0).status, 0);
  ASSERT_EQ(sign("bank-2", 0).status, 0);
  const Outcome early = check();
  EXPECT_EQ(early.status, 2);
  expect_session_golden("check_unsigned.txt", early.out);
  ASSERT_EQ(sign("bank-2", 2).status, 0);
  const Outcome done = check();
  EXPECT_EQ(done.status, 0) << done.err;
  expect_session_golden("check.txt", done.out);
  expect_session_golden("check.json", check({"--json"}).out);
  write("policy.json", test::sample_policy(world_.realms[0].authority));
  const Outcome refused = check({"--json"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_NE(refused.out.find("\"code\":\"session_unknown\""), std::string::npos);
  write("policy.json", world_.policy_text(1));
  const Outcome late = check({}, false, "2026-02-06T11:46:40Z");
  EXPECT_EQ(late.status, 2);
  EXPECT_NE(late.out.find("[session_deadline_passed]"), std::string::npos);
  EXPECT_NE(session({"check", "--as", "bank-3", "--authority", "bank-1.cbor"}).err.find("bank-3"),
            std::string::npos);
}

TEST_F(SessionCli, CheckJudgesADocumentWhereOneIsGiven) {
  sign_by_all();
  const auto document = [&](const std::string& image, std::size_t realm) {
    write("root.der", lab_.pki().root_der());
    write("document.cbor", lab_.document(enclave(image), &world_.realms[realm].authority));
    return check({"--document", "bank-2=document.cbor", "--lab-root", "root.der"}, true);
  };
  EXPECT_EQ(document("payments-1", 1).status, 0);
  const Outcome image = document("reports-1", 1);
  EXPECT_EQ(image.status, 2);
  EXPECT_NE(image.out.find("[image_differs]"), std::string::npos) << image.out;
  const Outcome authority = document("payments-1", 0);
  EXPECT_EQ(authority.status, 2);
  EXPECT_NE(authority.out.find("[peer_authority_differs]"), std::string::npos) << authority.out;
  // The rule alone, asked of the policy.
  const auto explain = [&](const char* realm) {
    return run_command({"policy", "explain", "--document", "document.cbor", "--session",
                        "sums/2026-01", "--protocol", "aggregate/1", "--realm", realm, "--role",
                        "payments", "--authority", "bank-1.cbor", "--lab-root", "root.der"},
                       true);
  };
  EXPECT_EQ(explain("bank-1").status, 0) << explain("bank-1").out;
  EXPECT_NE(explain("bank-2").out.find("[peer_authority_differs]"), std::string::npos);
  EXPECT_NE(explain("bank-3").out.find("[realm_not_in_session]"), std::string::npos);
  // AWS's roots alone outside of the lab.
  EXPECT_EQ(check({"--document", "bank-2=document.cbor"}).status, 2);
  EXPECT_EQ(check({"--document", "bank-2=document.cbor", "--lab-root", "root.der"}).status, 1);
}

TEST_F(SessionCli, AReceiptIsVerifiedOffline) {
  SessionWorld world(3);
  session::RelayNet net(world, 1);
  const auto arguments = form_and_ask(world, net, {"verify-receipt", "receipt.cbor"});
  ASSERT_TRUE(net.instances()[1].formed);
  const auto receipt =
      session::receipt_of(net.instances(), 1, base::as_bytes("42"), world.wall).value();
  write("receipt.cbor", receipt);
  write("root.der", world.pki->root_der());
  auto in_lab = arguments;
  in_lab.insert(in_lab.end(), {"--lab-root", "root.der"});
  const Outcome accepted = session(in_lab, true);
  EXPECT_EQ(accepted.status, 0) << accepted.err;
  EXPECT_NE(accepted.out.find("receipt    of party 2 (party-2)"), std::string::npos);
  EXPECT_NE(accepted.out.find("SHA-256 " + base::sha256({base::as_bytes("42")}).hex()),
            std::string::npos);
  EXPECT_NE(accepted.out.find("confirmed by all 3 parties"), std::string::npos);
  in_lab.emplace_back("--json");
  EXPECT_NE(session(in_lab, true).out.find("\"receipt_of\":\"party-2\""), std::string::npos);
  EXPECT_NE(session(in_lab, true).out.find("\"confirmed_by_all\":true"), std::string::npos);
  EXPECT_EQ(session(arguments).status, 2);
  base::Bytes changed = receipt;
  changed.back() ^= 1;
  write("receipt.cbor", changed);
  const Outcome refused = session(in_lab, true);
  EXPECT_EQ(refused.status, 2);
  EXPECT_NE(refused.out.find("receipt_not_signed"), std::string::npos) << refused.out;
}

TEST_F(SessionCli, EvidenceIsVerifiedOffline) {
  SessionWorld world(3);
  session::RelayNet net(world, 1);
  const auto arguments = form_and_ask(world, net, {"verify-evidence", "proof.2"});
  ASSERT_TRUE(net.instances()[0].formed);
  const session::FormedSession& formed = *net.instances()[0].formed;
  // Two broadcasts of one round, both signed by party 2.
  const session::messaging::Statements statements(formed.run);
  const auto said = [&](const std::string& words) {
    const auto digest = base::sha256({base::as_bytes(words)});
    const auto& key = net.instances()[1].formed->key;
    return session::messaging::Seen{digest, key.sign(statements.broadcast(1, 2, digest)).value()};
  };
  const base::Bytes proof = session::make_proof(
      formed, {}, session::messaging::equivocation(1, 2, said("this"), said("that")));
  write("proof.2", proof);
  write("root.der", world.pki->root_der());
  auto in_lab = arguments;
  in_lab.insert(in_lab.end(), {"--lab-root", "root.der"});
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), in_lab.begin(), in_lab.end());
    return session(more, true);
  };
  const Outcome proved = with({"--against", "party-2", "--run", formed.run.hex()});
  EXPECT_EQ(proved.status, 0) << proved.err;
  EXPECT_NE(proved.out.find("guilty     party 2 (party-2) of realm bank-2: equivocation by party 2 "
                            "in round 1"),
            std::string::npos)
      << proved.out;
  const Outcome printed = with({"--json"});
  EXPECT_NE(printed.out.find("\"ok\":true"), std::string::npos) << printed.out;
  EXPECT_NE(printed.out.find("\"guilty\":{\"party\":2,\"name\":\"party-2\""), std::string::npos);
  const auto refused = [&](std::vector<std::string> more, const std::string& code) {
    more.emplace_back("--json");
    const Outcome ended = with(std::move(more));
    EXPECT_EQ(ended.status, 2) << ended.out;
    EXPECT_NE(ended.out.find("\"code\":\"" + code + "\""), std::string::npos) << ended.out;
  };
  refused({"--against", "3"}, "proof_other_party");
  refused({"--against", "party-9"}, "no_such_party");
  refused({"--run", std::string(64, '0')}, "proof_other_run");
  EXPECT_EQ(session(arguments).status, 2) << "AWS's roots alone outside of the lab";
  base::Bytes changed = proof;
  changed.back() ^= 1;
  write("proof.2", changed);
  refused({}, "proof_convicts_nobody");
  write("proof.2", "no proof");
  refused({}, "proof_malformed");
  std::filesystem::remove("proof.2");
  EXPECT_EQ(with({}).status, 1);
  EXPECT_EQ(session({"verify-evidence"}).status, 1) << "usage";
}

TEST_F(SessionCli, EveryCommandHasExamples) {
  for (const char* command :
       {"init", "sign", "check", "run", "settle", "show", "verify-receipt", "verify-evidence"}) {
    const Outcome help = session({command, "--help"});
    EXPECT_EQ(help.status, 0);
    EXPECT_NE(help.out.find("Example"), std::string::npos) << command;
    EXPECT_NE(help.out.find("Exit status: 0"), std::string::npos) << command;
  }
}

// It may be the only share of a key.
TEST_F(SessionCli, RunWritesOverNoFileThatWasKept) {
  ASSERT_EQ(init().status, 0);
  write("share", "sealed before");
  const Outcome outcome =
      session({"run", "session.json", "--as", "bank-1", "--authority", "bank-1.cbor", "--key",
               "bank-1-0.key", "--parent", "unix:nobody.sock", "--keep", "share"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("share is there already")) << outcome.err;
  EXPECT_EQ(read("share"), "sealed before");
}

}  // namespace
}  // namespace concordat::cli

// `concordat audit` on exported logs: what it prints, and with which status it ends.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "attest/base/file.hpp"
#include "deploy/cli/audit_source.hpp"
#include "keyservice/audit_records.hpp"
#include "keyservice/store_page.hpp"
#include "tests/audit/log_fixture.hpp"
#include "tests/cli/run_cli.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::cli {
namespace {

namespace audit = keyservice::audit;
using nlohmann::json;
using test::AuditWorld;
using test::Ran;

// As `concordat-lab` would.
Ran run_lab(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  Invocation invocation{.program = "concordat", .out = out, .err = err, .is_lab = true};
  std::vector<const char*> argv{"concordat"};
  for (const std::string& argument : arguments)
    argv.push_back(argument.c_str());
  const int status = cli::run(static_cast<int>(argv.size()), argv.data(), invocation);
  return {status, out.str(), err.str()};
}

class AuditCli : public testing::Test {
 protected:
  AuditCli() {
    write("root.der", world_.claims.pki().root_der());
    write("authority.cbor", world_.authority.descriptor().encoded());
    write("other.cbor", test::TestAuthority(2).descriptor().encoded());
    export_log();
  }
  // Two boots, an admission, a refusal, uses of keys.
  void export_log() {
    test::SharedFiles shared;
    for (std::uint8_t number = 1; number <= 2; ++number) {
      const auto boot = world_.opened(shared, number);
      const auto admission = world_.admission();
      modules_[admission.event.subject->id] = "WORKER-" + std::to_string(number);
      (void)world_.append(*boot, admission.event, admission.evidence).value();
      (void)world_.append(*boot, world_.use(number)).value();
      audit::Event refusal = world_.use(7);
      refusal.kind = audit::Kind::refusal;
      refusal.outcome = "not_granted";
      refusal.detail = "no grant for payments/7";
      (void)world_.append(*boot, refusal, {}, test::kNow + std::chrono::seconds(number)).value();
      boots_.push_back(boot->statement);
    }
    files_ = test::exported(shared.files);
    for (const auto& [name, content] : files_)
      write("log/" + name, content);
  }
  void write(const std::string& name, base::BytesView content) {
    const auto path = folder_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    ASSERT_TRUE(base::write_file(path, content));
  }
  [[nodiscard]] std::string at(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  Ran run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "audit");
    arguments.insert(arguments.end(), {"--lab-root", at("root.der")});
    return run_lab(arguments);
  }
  // What is another in every run, by name.
  [[nodiscard]] std::string settled(std::string text) const {
    const auto replace = [&text](const std::string& from, const std::string& to) {
      for (std::size_t found = 0; (found = text.find(from, found)) != std::string::npos;)
        text.replace(found, from.size(), to);
    };
    const auto key = [](const attest::SignerKey& of) {
      return audit::NoteVerifier::create(test::kOrigin, audit::NoteKeyType::ed25519, of)
          .value()
          .encode();
    };
    for (std::size_t i = 0; i < boots_.size(); ++i)
      replace(key(boots_[i].boot_key), "BOOT-KEY-" + std::to_string(i));
    replace(key(world_.log_key.public_key()), "LOG-KEY");
    for (const auto& [module, name] : modules_)
      replace(module, name);
    const auto head = audit::SignedCheckpoint::parse(files_.at("checkpoint")).value();
    replace(base::to_base64(head.checkpoint.root.view()), "ROOT");
    std::size_t number = 0;
    for (const auto& [name, content] : files_) {
      if (!name.starts_with("evidence/")) continue;
      const std::string hash = name.substr(name.rfind('/') + 1);
      if (text.find(hash) != std::string::npos) replace(hash, "HASH");
      ++number;
    }
    replace(at(""), "");
    return text;
  }
  void expect(const std::string& golden, const Ran& ran, int status) const {
    EXPECT_EQ(ran.status, status) << ran.err;
    test::expect_golden("tests/cli/golden/" + golden, settled(ran.out + ran.err));
  }

  test::TemporaryFolder folder_;
  AuditWorld world_;
  test::Files files_;
  std::vector<audit::BootStatement> boots_;
  std::map<std::string, std::string> modules_;
};

// Module ids of custodians are only in their documents.
std::string without_modules(std::string text) {
  for (std::size_t at = 0; (at = text.find("i-0123456789abcdef0-enc", at)) != std::string::npos;)
    text.replace(at, 39, "MODULE");
  return text;
}

TEST_F(AuditCli, VerifyTellsWhatTheLogIs) {
  Ran ran = run({"verify", at("log"), "--authority", at("authority.cbor")});
  ran.out = without_modules(settled(ran.out));
  expect("audit_verify.txt", ran, 0);
  ran = run({"verify", at("log")});
  ran.out = without_modules(settled(ran.out));
  expect("audit_verify_any_authority.txt", ran, 0);
  const json report = json::parse(run({"verify", at("log"), "--json"}).out);
  EXPECT_EQ(report["ok"], true);
  EXPECT_EQ(report["entries"], 8);
  EXPECT_EQ(report["boots"][1]["index"], 4);
  EXPECT_EQ(report["boots"][1]["image"], "custodian-1");
  EXPECT_EQ(report["findings"], json::array());
}

TEST_F(AuditCli, VerifyNamesWhatIsWrong) {
  base::Bytes bundle = files_.at("tile/entries/000.p/8");
  bundle[200] ^= 1;
  write("log/tile/entries/000.p/8", bundle);
  write("log/notes.txt", {});
  const Ran ran = run({"verify", at("log"), "--authority", at("other.cbor"), "--json"});
  EXPECT_EQ(ran.status, 2) << ran.err;
  const json report = json::parse(ran.out);
  EXPECT_EQ(report["ok"], false);
  std::vector<std::string> found;
  for (const json& finding : report["findings"])
    found.push_back(finding["code"].get<std::string>() + " " + finding["where"].get<std::string>());
  EXPECT_NE(std::ranges::find(found, "unexpected_file notes.txt"), found.end());
  EXPECT_TRUE(std::ranges::any_of(found, [](const std::string& each) {
    return each.starts_with("entry_changed entry ");
  })) << ran.out;
  EXPECT_TRUE(std::ranges::any_of(found, [](const std::string& each) {
    return each.starts_with("authority_unexpected entry ");
  })) << ran.out;
}

TEST_F(AuditCli, VerifyPrintsFindingsForPeople) {
  base::Bytes tile = files_.at("tile/0/000.p/8");
  tile.resize(tile.size() - 1);
  write("log/tile/0/000.p/8", tile);
  Ran ran = run({"verify", at("log"), "--authority", at("authority.cbor")});
  ran.out = without_modules(settled(ran.out));
  expect("audit_verify_refused.txt", ran, 2);
}

TEST_F(AuditCli, VerifyUnderAwssRootsRefusesTheLabs) {
  const Ran ran = test::run_cli({"audit", "verify", at("log"), "--json"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_NE(ran.out.find("document_invalid"), std::string::npos) << ran.out;
  // Nothing makes the production program take another root.
  EXPECT_EQ(test::run_cli({"audit", "verify", at("log"), "--lab-root", at("root.der")}).status, 1);
}

TEST_F(AuditCli, VerifyComparesWithWhatWasSeen) {
  write("seen", files_.at("checkpoint"));
  EXPECT_EQ(run({"verify", at("log"), "--seen", at("seen")}).status, 0);
  const auto other = audit::sign_checkpoint({test::kOrigin, 9, {}}, {&world_.log_key});
  write("seen", other.value());
  const Ran ran = run({"verify", at("log"), "--seen", at("seen")});
  EXPECT_EQ(ran.status, 2);
  EXPECT_NE(ran.out.find("rolled_back"), std::string::npos) << ran.out;
}

TEST_F(AuditCli, ShowPrintsEntries) {
  expect("audit_show.txt", run({"show", at("log")}), 0);
  expect("audit_show_some.txt",
         run({"show", at("log"), "--kind", "refusal", "--from", "4", "--json"}), 0);
  EXPECT_EQ(run({"show", at("log"), "--key", "payments/2"}).out.find("payments/1"),
            std::string::npos);
  EXPECT_EQ(run({"show", at("log"), "--subject", "nobody"}).out, "");
  EXPECT_EQ(run({"show", at("log"), "--kind", "refusals"}).status, 1);
}

TEST_F(AuditCli, ShowSaysWhenTheLogIsNotGood) {
  write("log/notes.txt", {});
  const Ran ran = run({"show", at("log"), "--kind", "release"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.err, "concordat: notes.txt: nothing in the log refers to this file\n");
}

TEST_F(AuditCli, ProvePrintsAProofThatLeadsToTheRoot) {
  const json inclusion =
      json::parse(run_lab({"audit", "prove", at("log"), "--entry", "5", "--json"}).out);
  audit::Proof proof;
  for (const json& hash : inclusion["proof"]) {
    const auto bytes = base::from_base64(hash.get<std::string>()).value();
    proof.push_back(audit::Hash::from(bytes).value());
  }
  std::vector<base::BytesView> entries;
  ASSERT_TRUE(audit::split_bundle(files_.at("tile/entries/000.p/8"), entries));
  audit::TreeHasher hasher;
  const auto head = audit::SignedCheckpoint::parse(files_.at("checkpoint")).value();
  EXPECT_TRUE(audit::verify_inclusion(5, 8, hasher.leaf(entries[5]), proof, head.checkpoint.root));
  EXPECT_EQ(run_lab({"audit", "prove", at("log"), "--since", "3"}).out.substr(0, 6), "old 3\n");
}

TEST_F(AuditCli, ProveRefusesWhatIsNotSo) {
  const auto prove = [&](const std::string& option, const std::string& value) {
    return run_lab({"audit", "prove", at("log"), option, value, "--json"});
  };
  EXPECT_EQ(prove("--entry", "8").status, 2);
  EXPECT_EQ(json::parse(prove("--entry", "8").out)["code"], "out_of_range");
  EXPECT_EQ(prove("--since", "9").status, 2);
  EXPECT_EQ(run_lab({"audit", "prove", at("log")}).status, 1);
  base::Bytes tile = files_.at("tile/0/000.p/8");
  tile[5] ^= 1;
  write("log/tile/0/000.p/8", tile);
  EXPECT_EQ(json::parse(prove("--entry", "5").out)["code"], "proof_invalid");
  EXPECT_EQ(json::parse(prove("--since", "5").out)["code"], "proof_invalid");
}

TEST_F(AuditCli, WhatIsNotThereIsNoRefusal) {
  EXPECT_EQ(run({"verify", at("nothing")}).status, 1);
  EXPECT_EQ(run({"show", at("nothing")}).status, 1);
  EXPECT_EQ(run({"verify", at("log"), "--authority", at("nothing")}).status, 1);
  EXPECT_EQ(run({"verify", at("log"), "--witness", "no key"}).status, 1);
}

// A log in the store of a parent.
class AuditFromParent : public AuditCli {
 protected:
  AuditFromParent() {
    for (const auto& [name, content] : files_)
      store_[keyservice::audit_record_name("custodian-1", name)] = content;
  }
  Ran ask(std::vector<std::string> arguments) {
    std::ostringstream out;
    std::ostringstream err;
    Invocation invocation{.program = "concordat", .out = out, .err = err, .is_lab = true};
    invocation.call_parent = [this](const peer::Endpoint&, const ParentRequest& request) {
      return answer(request);
    };
    arguments.insert(arguments.begin(), {"concordat", "audit"});
    arguments.insert(arguments.end(), {"--parent", "unix:parent", "--custodian", "custodian-1"});
    std::vector<const char*> argv;
    for (const std::string& argument : arguments)
      argv.push_back(argument.c_str());
    const int status = cli::run(static_cast<int>(argv.size()), argv.data(), invocation);
    return {status, out.str(), err.str()};
  }
  Ran follow(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(), {"follow", "--once", "--lab-root", at("root.der")});
    return ask(std::move(arguments));
  }
  base::Result<ParentAnswer> answer(const ParentRequest& request) {
    constexpr std::string_view kFolder = "/v1/store/custodian/";
    if (!request.target.starts_with(kFolder)) return ParentAnswer{400, {}};
    const auto found = store_.find(request.target.substr(kFolder.size()));
    if (found == store_.end()) return ParentAnswer{404, {}};
    return ParentAnswer{200, std::string(base::as_text(found->second))};
  }

  std::map<std::string, base::Bytes> store_;
};

TEST_F(AuditFromParent, ExportsWhatVerifiesWithoutIt) {
  const Ran ran = ask({"export", at("copy"), "--json"});
  EXPECT_EQ(ran.status, 0) << ran.err;
  const json copied = json::parse(ran.out);
  EXPECT_EQ(copied["size"], 8);
  EXPECT_EQ(copied["missing"], 0);
  EXPECT_EQ(copied["files"], files_.size());
  EXPECT_EQ(run({"verify", at("copy"), "--authority", at("authority.cbor")}).status, 0);
  // Again, from a log that has grown: what the checkpoint needs no more is gone.
  base::Bytes older = files_.at("tile/0/000.p/8");
  write("copy/tile/0/000.p/3", older);
  EXPECT_EQ(ask({"export", at("copy")}).status, 0);
  EXPECT_EQ(run({"verify", at("copy")}).status, 0);
}

TEST_F(AuditFromParent, ExportsWhatIsWrongAsItIs) {
  store_.lower_bound("audit.custodian-1.evidence")->second.back() ^= 1;
  EXPECT_EQ(ask({"export", at("copy")}).status, 0);
  EXPECT_EQ(run({"verify", at("copy")}).status, 2);
}

TEST_F(AuditFromParent, ExportsEvidenceOfSeveralRecords) {
  const std::string name = "evidence/00/large";
  const base::Bytes large(keyservice::kMaxStoreEntry + 7, 1);
  const auto middle = large.begin() + static_cast<std::ptrdiff_t>(keyservice::kMaxStoreEntry);
  store_[keyservice::audit_record_name("custodian-1", name)] = {large.begin(), middle};
  store_[keyservice::audit_record_name("custodian-1", name, 1)] = {middle, large.end()};
  AuditStoreOptions options{"unix:parent", "custodian", "custodian-1"};
  const ParentCall call = [this](const peer::Endpoint&, const ParentRequest& request) {
    return answer(request);
  };
  auto log = ParentLog::open(options, call).value();
  EXPECT_TRUE(log.read(name, audit::kMaxEvidence).value() == large);
}

TEST_F(AuditFromParent, FollowsAndTellsARollback) {
  const Ran ran = follow({"--json", "--authority", at("authority.cbor")});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(ran.out, run({"show", at("log"), "--json"}).out);
  EXPECT_EQ(follow({"--authority", at("other.cbor")}).status, 2);
  EXPECT_EQ(follow({"--origin", "another/audit/custodian-1"}).status, 2);
  store_.clear();
  EXPECT_EQ(follow().status, 1) << "there is none";
}

TEST(AuditCliHelp, HasExamples) {
  for (const char* command : {"verify", "show", "prove", "follow", "export"}) {
    const Ran ran = test::run_cli({"audit", command, "--help"});
    EXPECT_EQ(ran.status, 0);
    test::expect_golden(std::string("tests/cli/golden/audit_") + command + "_help.txt", ran.out);
  }
}

}  // namespace
}  // namespace concordat::cli

// `concordat recovery`, from holders' keys to a restored root, with a custodian's desk in this
// process: what is printed, what is refused, and that nothing is written then.
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "attest/base/file.hpp"
#include "deploy/cli/recovery_command.hpp"
#include "keyservice/recovery/desk.hpp"
#include "peer/error.hpp"
#include "tests/cli/run_cli.hpp"
#include "tests/recovery/recovery_fixture.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::cli {
namespace {

using base::Bytes;
using base::Error;
using base::Result;
using keyservice::AdminReply;
using keyservice::recovery::Desk;
using keyservice::recovery::RecoveryWorld;
using nlohmann::json;

// Asks the desk as AdminServer does.
class DeskChannel final : public OperatorChannel {
 public:
  DeskChannel(policy::AdmittedPeer enclave, Desk& desk, Desk::Context context)
      : enclave_(std::move(enclave)), desk_(desk), context_(std::move(context)) {}
  const policy::AdmittedPeer& enclave() const noexcept override { return enclave_; }
  Result<AdminReply> ask(keyservice::AdminRequest request,
                         const keyservice::AdminResponseReader::OnPart&) override {
    std::optional<Result<Bytes>> item;
    std::visit(
        [&]<class Request>(const Request& body) {
          if constexpr (keyservice::recovery::DeskRequest<Request>) {
            desk_.serve(body, context_, [&](Result<Bytes> made) { item.emplace(std::move(made)); });
          }
        },
        request.body);
    if (!item) return Error(peer::Errc::truncated);
    if (!*item) {
      const Error& why = item->error();
      return Error(keyservice::Errc::refused_by_custodian,
                   std::string(why.name()) + ": " + why.to_string());
    }
    AdminReply reply;
    reply.count = 1;
    reply.items = **item;
    return reply;
  }

 private:
  policy::AdmittedPeer enclave_;
  Desk& desk_;
  Desk::Context context_;
};

class RecoveryCli : public testing::Test, protected RecoveryWorld {
 protected:
  RecoveryCli() : RecoveryWorld(base::system_wall_clock()) {
    write("authority.cbor", authority_.descriptor().encoded());
    write("policy.signed.json", policy_->envelope());
    write("lab-root", lab_.pki().root_der());
    for (std::size_t i = 0; i < 3; ++i)
      write_secret(signers_.at(i), authority_.key(i).encode(nullptr).value());
    write_secret("dana.key", dana_.encode(nullptr).value());
    for (const auto& [name, key] : holders_)
      write_secret(name + ".key", policy::encode_holder_key(key, nullptr).value());
  }
  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  void write(const std::string& name, base::BytesView content) const {
    ASSERT_TRUE(base::write_file(path(name), content));
  }
  void write_secret(const std::string& name, const base::SecretBytes& file) const {
    ASSERT_TRUE(base::write_file(path(name), file.expose(base::SecretAccess{}), 0600));
  }
  [[nodiscard]] bool exists(const std::string& name) const {
    return std::filesystem::exists(path(name));
  }
  void hold_root() {
    custody_.take(keyservice::Root::from_prk(1, root_.prk()).value(), test::kRealm);
  }
  [[nodiscard]] policy::AdmittedPeer admitted() {
    const std::string text = test::with_operator(text_of(), "dana", dana_.public_key());
    const auto policy =
        policy::SignedPolicy::verify(authority_.sign(text).encode(), authority_.descriptor(), now_)
            .value();
    const policy::Question question{
        {}, "custodian", policy::kAdminPurpose, policy::Side::responder, dana_.public_key()};
    return policy::admit(*policy, question, lab_.claims(custodian(), &authority_.descriptor()),
                         authority_.descriptor().pcr16())
        .value();
  }
  // `recovery` and these, in the folder of files; with `at_custodian` what those commands take.
  test::Ran recovery(std::vector<std::string> arguments, bool at_custodian = false,
                     bool signed_files = true) {
    arguments.insert(arguments.begin(), "recovery");
    const auto add = [&](std::initializer_list<std::string> more) {
      arguments.insert(arguments.end(), more);
    };
    if (signed_files || at_custodian) {
      add({"--policy", path("policy.signed.json"), "--authority", path("authority.cbor")});
    }
    if (at_custodian) {
      add({"--parent", "unix:/run/p", "--key", path("dana.key"), "--lab-root", path("lab-root")});
    }
    std::vector<const char*> argv{"concordat-lab"};
    for (const std::string& argument : arguments)
      argv.push_back(argument.c_str());
    std::ostringstream out, err;
    Invocation invocation{.program = "concordat", .out = out, .err = err, .is_lab = true};
    invocation.call_parent = [this](const peer::Endpoint&, const ParentRequest& request) {
      put_.emplace_back(request);
      return Result<ParentAnswer>(ParentAnswer{store_status_, ""});
    };
    invocation.open_channel =
        [this](const ChannelOrder&) -> Result<std::unique_ptr<OperatorChannel>> {
      return std::unique_ptr<OperatorChannel>(std::make_unique<DeskChannel>(
          admitted(), desk_, Desk::Context{policy_, base::system_wall_clock(), "dana"}));
    };
    const int status = run(static_cast<int>(argv.size()), argv.data(), invocation);
    return {status, out.str(), err.str()};
  }
  test::Ran at_custodian(std::vector<std::string> arguments) {
    return recovery(std::move(arguments), true);
  }
  // What differs from run to run, by what it is.
  [[nodiscard]] std::string plain(std::string text) const {
    for (const auto& [what, name] : std::initializer_list<std::pair<std::string, std::string>>{
             {folder_.path().string() + "/", ""},
             {"[0-9a-f]{64}", "DIGEST"},
             {"[0-9a-f]{32}", "ID"},
             {"i-[0-9a-f]+-enc[0-9a-f]+", "MODULE"},
             {R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z)", "TIME"}}) {
      text = std::regex_replace(text, std::regex(what), name);
    }
    return text;
  }
  void expect(const std::string& golden, const test::Ran& ran, int status = 0) {
    EXPECT_EQ(ran.status, status) << ran.out << ran.err;
    test::expect_golden("tests/cli/golden/recovery_" + golden + ".txt", plain(ran.out + ran.err));
  }
  static std::string code(const test::Ran& ran, int status = 2) {
    EXPECT_EQ(ran.status, status) << ran.out << ran.err;
    return json::parse(ran.out).at("code").get<std::string>();
  }

  // --- Steps that several tests begin with ---

  test::Ran sign(const std::string& signer, const std::string& order,
                 std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"sign", "--key", path(signer), "--order", path(order)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return recovery(std::move(arguments));
  }
  std::vector<std::string> seen(const std::string& set = "set") {
    return {"--set", path(set), "--target", path("target"), "--lab-root", path("lab-root")};
  }
  void make_a_set() {
    ASSERT_EQ(recovery({"order", "make", "--out", path("make.json")}).status, 0);
    ASSERT_EQ(sign("alice.key", "make.json").status, 0);
    ASSERT_EQ(sign("bob.key", "make.json").status, 0);
    hold_root();
    ASSERT_EQ(at_custodian({"make", "--order", path("make.json"), "--out", path("set")}).status, 0);
    custody_.wipe();
  }
  void order_to_restore() {
    make_a_set();
    ASSERT_EQ(at_custodian({"attest", "--out", path("target")}).status, 0);
    ASSERT_EQ(recovery({"order", "restore", "--set", path("set"), "--target", path("target"),
                        "--lab-root", path("lab-root"), "--out", path("restore.json")})
                  .status,
              0);
    ASSERT_EQ(sign("alice.key", "restore.json", seen()).status, 0);
    ASSERT_EQ(sign("carol.key", "restore.json", seen()).status, 0);
  }
  test::Ran contribute(const std::string& holder, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"contribute",
                                       "--key",
                                       path(holder + ".key"),
                                       "--order",
                                       path("restore.json"),
                                       "--set",
                                       path("set"),
                                       "--target",
                                       path("target"),
                                       "--lab-root",
                                       path("lab-root"),
                                       "--out",
                                       path(holder + ".contribution")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return recovery(std::move(arguments));
  }
  test::Ran restore(const std::vector<std::string>& contributions,
                    std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"restore"};
    for (const std::string& name : contributions)
      arguments.push_back(path(name + ".contribution"));
    for (const std::string& one :
         {std::string("--order"), path("restore.json"), std::string("--set"), path("set")})
      arguments.push_back(one);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return at_custodian(std::move(arguments));
  }

  const std::vector<std::string> signers_{"alice.key", "bob.key", "carol.key"};
  policy::SigningKey dana_ = test::operator_key();
  test::TemporaryFolder folder_;
  std::vector<ParentRequest> put_;
  unsigned store_status_ = 204;
  test::MemoryStore::Shared shared_;
  test::MemoryStore store_{shared_};
  base::SystemRandom random_;
  keyservice::Custody custody_{store_, random_};
  Desk desk_{custody_,
             authority_.descriptor(),
             {[this](const attest::MintRequest& request,
                     const keyservice::recovery::DeskWays::Minted& done) -> base::Status {
                done(lab_.document(custodian(), &authority_.descriptor(), request));
                return {};
              },
              [this](keyservice::Root root) -> base::Status {
                custody_.take(std::move(root), test::kRealm);
                return {};
              },
              [](const keyservice::recovery::DeskEvent&) {}}};
};

TEST_F(RecoveryCli, FromOrdersToARestoredRoot) {
  expect("order_make", recovery({"order", "make", "--out", path("make.json")}));
  expect("sign_first", sign("alice.key", "make.json"));
  expect("sign_second", sign("bob.key", "make.json"));
  hold_root();
  expect("make", at_custodian({"make", "--order", path("make.json"), "--out", path("set"),
                               "--store", "custodian"}));
  ASSERT_EQ(put_.size(), 1u);
  EXPECT_EQ(put_.front().method, "PUT");
  EXPECT_TRUE(put_.front().only_new);
  EXPECT_TRUE(put_.front().target.starts_with("/v1/store/custodian/recovery-"));
  EXPECT_EQ(base::to_bytes(base::as_bytes(put_.front().body)),
            base::read_file(path("set"), 1 << 20).value());
  custody_.wipe();
  expect("status_not_begun", at_custodian({"status"}));
  expect("attest", at_custodian({"attest", "--out", path("target")}));
  expect("status_attested", at_custodian({"status"}));
  expect("order_restore",
         recovery({"order", "restore", "--set", path("set"), "--target", path("target"),
                   "--lab-root", path("lab-root"), "--out", path("restore.json")}));
  expect("sign_restore", sign("alice.key", "restore.json", seen()));
  EXPECT_EQ(sign("bob.key", "restore.json", seen()).status, 0);
  expect("contribute", contribute("erin"));
  EXPECT_EQ(contribute("frank").status, 0);
  EXPECT_EQ(contribute("grace").status, 0);
  expect("restore_refused", restore({"erin", "erin", "frank"}), 2);
  expect("status_collecting", at_custodian({"status"}));
  expect("status_collecting_json", at_custodian({"status", "--json"}));
  expect("restore", restore({"grace"}));
  EXPECT_EQ(custody_.root().commitment(), root_.commitment());
  expect("status_has_root", at_custodian({"status"}));
}

// So that there is a set of the next root before the older one goes.
TEST_F(RecoveryCli, SharesAnyPinnedGeneration) {
  const auto second =
      keyservice::Root::create(2, base::SecretBytes::random(keyservice::kRootSize)).value();
  further_ = R"(, {"generation": 2, "state": "read_only", "commitment": ")" +
             second.commitment().hex() + "\"}";
  policy_ = policy_of();
  write("policy.signed.json", policy_->envelope());
  EXPECT_EQ(
      code(recovery({"order", "make", "--generation", "3", "--out", path("none.json"), "--json"})),
      "other_generation");
  ASSERT_EQ(recovery({"order", "make", "--generation", "2", "--out", path("make.json")}).status, 0);
  ASSERT_EQ(sign("alice.key", "make.json").status, 0);
  ASSERT_EQ(sign("bob.key", "make.json").status, 0);
  const std::vector<std::string> make{"make",  "--json",   "--order", path("make.json"),
                                      "--out", path("set")};
  hold_root();
  EXPECT_EQ(code(at_custodian(make)), "other_generation") << "the second is not held";
  custody_.take(keyservice::Root::from_prk(2, second.prk()).value(), test::kRealm);
  const test::Ran made = at_custodian(make);
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_EQ(json::parse(made.out).at("generation"), 2);
}

TEST_F(RecoveryCli, ASignerMustSeeSetAndTarget) {
  order_to_restore();
  EXPECT_EQ(sign("bob.key", "restore.json", {"--json"}).status, 1);
  write("other-set", base::read_file(path("set"), 1 << 20).value());
  ASSERT_EQ(at_custodian({"attest", "--anew", "--out", path("target")}).status, 0);
  EXPECT_EQ(code(sign("bob.key", "restore.json",
                      {"--json", "--set", path("set"), "--target", path("target"), "--lab-root",
                       path("lab-root")})),
            "recovery_document_differs");
  // And is one of the authority's.
  ASSERT_EQ(recovery({"order", "make", "--out", path("other.json")}).status, 0);
  EXPECT_EQ(code(sign("dana.key", "other.json", {"--json"})), "not_a_signer");
}

TEST_F(RecoveryCli, AShareStaysWhereSomethingIsNotAsOrdered) {
  order_to_restore();
  const Bytes target = base::read_file(path("target"), 1 << 20).value();
  EXPECT_EQ(code(at_custodian({"attest", "--json", "--out", path("target")})),
            "restoring_under_way");
  ASSERT_EQ(at_custodian({"attest", "--anew", "--out", path("target")}).status, 0);
  EXPECT_EQ(code(contribute("erin", {"--json"})), "recovery_document_differs");
  write("target", target);
  // Of a worker, with the very key even.
  const auto claims = lab_.verified(target);
  attest::MintRequest request;
  request.purpose = attest::Purpose::recovery_target;
  request.items = attest::check_purpose(request.purpose, claims).value();
  request.nonce = claims.nonce();
  request.public_key = claims.public_key();
  write("target", lab_.document(custodian("payments-1"), &authority_.descriptor(), request));
  EXPECT_EQ(code(contribute("erin", {"--json"})), "not_a_custodian");
  write("target", target);
  EXPECT_EQ(code(recovery({"contribute", "--key", path("erin.key"), "--order", path("restore.json"),
                           "--set", path("set"), "--target", path("target"), "--out",
                           path("erin.contribution"), "--json"})),
            "untrusted_root");
  EXPECT_FALSE(exists("erin.contribution"));
  EXPECT_EQ(contribute("erin").status, 0);
}

TEST_F(RecoveryCli, WhatAnotherProgramOrSetIsForIsRefused) {
  order_to_restore();
  EXPECT_EQ(
      code(at_custodian({"restore", "--json", "--order", path("make.json"), "--set", path("set")})),
      "wrong_payload_type");
  EXPECT_EQ(code(at_custodian(
                {"make", "--json", "--order", path("restore.json"), "--out", path("none")})),
            "wrong_payload_type");
  EXPECT_FALSE(exists("none"));
  // A signer's key is no holder's.
  EXPECT_EQ(code(recovery({"contribute", "--key", path("alice.key"), "--order",
                           path("restore.json"), "--set", path("set"), "--target", path("target"),
                           "--lab-root", path("lab-root"), "--out", path("none"), "--json"})),
            "not_a_key_file");
  EXPECT_EQ(at_custodian({"make", "--order", path("make.json"), "--out", path("set")}).status, 1)
      << "a set is never overwritten";
}

TEST_F(RecoveryCli, ASetThatReplacesAnotherIsMadeByReshare) {
  make_a_set();
  ASSERT_EQ(
      recovery({"order", "make", "--replaces", path("set"), "--out", path("again.json")}).status,
      0);
  ASSERT_EQ(sign("alice.key", "again.json").status, 0);
  ASSERT_EQ(sign("bob.key", "again.json").status, 0);
  hold_root();
  EXPECT_EQ(
      code(at_custodian({"make", "--json", "--order", path("again.json"), "--out", path("none")})),
      "recovery_set_differs");
  EXPECT_EQ(code(at_custodian({"reshare", "--json", "--order", path("make.json"), "--replaces",
                               path("set"), "--out", path("none")})),
            "recovery_set_differs");
  EXPECT_FALSE(exists("none"));
  expect("reshare", at_custodian({"reshare", "--order", path("again.json"), "--replaces",
                                  path("set"), "--out", path("second")}));
}

TEST_F(RecoveryCli, AStoreThatDoesNotTakeTheSetCostsNothing) {
  ASSERT_EQ(recovery({"order", "make", "--out", path("make.json")}).status, 0);
  ASSERT_EQ(sign("alice.key", "make.json").status, 0);
  ASSERT_EQ(sign("bob.key", "make.json").status, 0);
  hold_root();
  store_status_ = 507;
  const auto ran = at_custodian(
      {"make", "--order", path("make.json"), "--out", path("set"), "--store", "custodian"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_NE(ran.err.find("is written"), std::string::npos);
  EXPECT_TRUE(exists("set"));
}

TEST_F(RecoveryCli, AHoldersKeyIsMadeAndNeverOverwritten) {
  const auto made = recovery({"key", "--out", path("judy.key")}, false, false);
  expect("key", made);
  EXPECT_EQ(recovery({"key", "--out", path("judy.key")}, false, false).status, 1);
  const auto printed =
      json::parse(recovery({"key", "--out", path("kim.key"), "--json"}, false, false).out);
  const auto key = open_holder_key({path("kim.key"), std::nullopt}).value();
  EXPECT_EQ(printed.at("public_key"), key.public_key().hex());
}

TEST_F(RecoveryCli, HelpSaysHowAndWhatItEndsWith) {
  for (const std::string command : {"key", "order make", "order restore", "sign", "make", "reshare",
                                    "attest", "contribute", "restore", "status"}) {
    std::vector<std::string> arguments{"recovery"};
    std::istringstream words(command);
    for (std::string word; words >> word;)
      arguments.push_back(word);
    arguments.emplace_back("--help");
    const auto ran = test::run_cli(arguments);
    EXPECT_EQ(ran.status, 0);
    EXPECT_NE(ran.out.find("Example"), std::string::npos) << command;
    EXPECT_NE(ran.out.find("Exit status: 0"), std::string::npos) << command;
    std::string name = command;
    std::ranges::replace(name, ' ', '_');
    test::expect_golden("tests/cli/golden/recovery_" + name + "_help.txt", ran.out);
  }
  test::expect_golden("tests/cli/golden/recovery_help.txt",
                      test::run_cli({"recovery", "--help"}).out);
}

}  // namespace
}  // namespace concordat::cli

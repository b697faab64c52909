// `concordat keys` against a custodian's own answers: what is asked, printed, and ended with.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "keyservice/keyring/sealing.hpp"
#include "peer/error.hpp"
#include "tests/cli/local_channel.hpp"
#include "tests/cli/operator_cli.hpp"
#include "tests/keyring/keys.hpp"
#include "tests/support/golden.hpp"

namespace concordat::cli {
namespace {

using base::Bytes;
using base::Error;
using base::Result;
using keyservice::AdminReply;
using keyservice::KeyType;
using nlohmann::json;
using test::expect_golden;

class KeysCli : public OperatorCli {
 protected:
  Outcome keys(std::vector<std::string> arguments) {
    open_next([this] { return std::make_unique<LocalChannel>(custodian(), at_, operations_); });
    arguments.insert(arguments.begin(), "keys");
    return run_at_custodian(std::move(arguments));
  }
  // What it printed as JSON; `code` of a refusal.
  json keys_json(std::vector<std::string> arguments, int status = 0) {
    arguments.emplace_back("--json");
    const Outcome ended = keys(std::move(arguments));
    EXPECT_EQ(ended.status, status) << ended.err;
    return json::parse(ended.out, nullptr, false);
  }
  std::string code(std::vector<std::string> arguments) {
    const json refused = keys_json(std::move(arguments), 2);
    EXPECT_FALSE(refused.at("ok"));
    return refused.at("code");
  }
  static std::vector<json> lines(const std::string& out) {
    std::istringstream in(out);
    std::vector<json> found;
    for (std::string line; std::getline(in, line);)
      found.push_back(json::parse(line));
    return found;
  }
  std::string write_seed(const std::string& name, std::uint8_t byte, std::size_t size = 32) {
    write(name, Bytes(size, byte));
    return path(name);
  }
  Result<keyservice::KeyInUse> in_use(const std::string& name, std::uint32_t version = 0) {
    return at_.custody_.for_reading(name, version);
  }

  keyservice::AdministeredCustodian at_;
  std::vector<std::string> operations_;  // that were asked for
};

TEST_F(KeysCli, CreatesAndSaysWhatItMade) {
  const Outcome made = keys({"create", "payments/card", "--type", "aes256"});
  EXPECT_EQ(made.status, 0) << made.err;
  expect_golden("tests/cli/golden/keys_create.txt", made.out);
  const json printed = keys_json({"create", "payments/signing", "--type", "p256", "--exportable"});
  expect_golden("tests/cli/golden/keys_create.json", printed.dump(2) + "\n");
  EXPECT_TRUE(in_use("payments/signing")->exportable);
  EXPECT_FALSE(in_use("payments/card")->exportable);
  EXPECT_EQ(code({"create", "payments/card", "--type", "aes256"}), "key_exists");
  EXPECT_EQ(code({"create", "payments//card", "--type", "aes256"}), "bad_key_name");
  const Outcome unknown = keys({"create", "x", "--type", "rsa"});
  EXPECT_EQ(unknown.status, 1);
  EXPECT_NE(unknown.err.find("want one of derived, ed25519"), std::string::npos) << unknown.err;
}

TEST_F(KeysCli, ImportsAndDescribes) {
  const std::string file = write_seed("seed.bin", 0x61);
  EXPECT_EQ(
      keys({"import", "payments/signing", "--type", "ed25519", "--format", "raw", "--from", file})
          .status,
      0);
  at_.now_ = at_.now_ + std::chrono::hours(1);
  EXPECT_EQ(keys({"import", "payments/signing", "--type", "ed25519", "--format", "raw", "--from",
                  write_seed("next.bin", 0x62), "--next-version"})
                .status,
            0);
  EXPECT_EQ(keys({"disable", "payments/signing", "--version", "1"}).status, 0);
  EXPECT_EQ(keys({"set-minimum", "payments/signing", "2"}).status, 0);
  const Outcome text = keys({"describe", "payments/signing"});
  EXPECT_EQ(text.status, 0) << text.err;
  expect_golden("tests/cli/golden/keys_describe.txt", text.out);
  expect_golden("tests/cli/golden/keys_describe.json",
                keys_json({"describe", "payments/signing"}).dump(2) + "\n");
  EXPECT_EQ(code({"import", "payments/signing", "--type", "ed25519", "--from", file}),
            "bad_key_material")
      << "no PKCS#8";
  EXPECT_EQ(code({"import", "short", "--type", "aes256", "--from", write_seed("short", 1, 31)}),
            "bad_key_material");
  EXPECT_EQ(keys({"import", "x", "--type", "aes256", "--from", path("nowhere")}).status, 1);
  EXPECT_EQ(keys({"import", "x", "--type", "aes256", "--from", write_seed("long", 1, 5000)}).status,
            2);
  EXPECT_EQ(keys({"import", "x", "--type", "aes256", "--format", "pem", "--from", file}).status, 1);
  EXPECT_EQ(
      keys({"import", "x", "--type", "aes256", "--exportable", "--next-version", "--from", file})
          .status,
      1);
  // Symmetric keys are their bytes.
  EXPECT_EQ(keys({"import", "raw", "--type", "aes256", "--from", file}).status, 0);
  EXPECT_EQ(keyservice::hex(*in_use("raw")->material), base::to_hex(Bytes(32, 0x61)));
}

TEST_F(KeysCli, ListsAndStreams) {
  for (const char* const name : {"payments/card", "payments/eu/card", "reports/daily"})
    EXPECT_EQ(keys({"create", name, "--type", "derived"}).status, 0);
  EXPECT_EQ(keys({"destroy", "reports/daily", "--yes-destroy", "reports/daily"}).status, 0);
  const Outcome text = keys({"list"});
  EXPECT_EQ(text.status, 0) << text.err;
  expect_golden("tests/cli/golden/keys_list.txt", text.out);
  const Outcome printed = keys({"list", "payments/*", "--json"});
  expect_golden("tests/cli/golden/keys_list.jsonl", printed.out);
  EXPECT_EQ(lines(printed.out).back().at("keys"), 2);
  EXPECT_EQ(keys({"list", "nothing"}).out, "0 keys\n");
  EXPECT_EQ(code({"list", "*/card"}), "bad_key_name");
}

TEST_F(KeysCli, ListsThousandsLineByLine) {
  constexpr std::size_t kKeys = 1'000;
  for (std::size_t i = 0; i < kKeys; ++i) {
    at_.custody_.keyring().create({"k" + std::to_string(10'000 + i),
                                   KeyType::derived,
                                   false,
                                   at_.now_,
                                   {keyservice::KeyOrigin::derived, 1, {}}},
                                  [](const auto& created) { ASSERT_TRUE(created); });
  }
  const auto listed = lines(keys({"list", "--json"}).out);
  ASSERT_EQ(listed.size(), kKeys + 1);
  for (std::size_t i = 0; i < kKeys; ++i)
    EXPECT_EQ(listed[i].at("name"), "k" + std::to_string(10'000 + i));
  EXPECT_EQ(listed.back(), (json{{"ok", true}, {"keys", kKeys}}));
}

// A list that broke off cannot be taken for a whole one.
TEST_F(KeysCli, AListThatEndsEarlyIsNoList) {
  class Broken final : public OperatorChannel {
   public:
    explicit Broken(policy::AdmittedPeer enclave) : enclave_(std::move(enclave)) {}
    const policy::AdmittedPeer& enclave() const noexcept override { return enclave_; }
    Result<AdminReply> ask(keyservice::AdminRequest,
                           const keyservice::AdminResponseReader::OnPart& on_part) override {
      keyservice::ShownKey key;
      key.summary.name = "k";
      CONCORDAT_CHECK(on_part({1, keyservice::AdminReplyKind::part, 1, encode(key), {}}));
      if (breaks_) return Error(peer::Errc::truncated);
      return AdminReply{
          1, keyservice::AdminReplyKind::last, 1, keyservice::encode_key_count(2), {}};
    }
    bool breaks_ = false;

   private:
    policy::AdmittedPeer enclave_;
  };
  for (const bool breaks : {true, false}) {
    open_next([this, breaks] {
      auto channel = std::make_unique<Broken>(custodian());
      channel->breaks_ = breaks;
      return channel;
    });
    const Outcome ended = run_at_custodian({"keys", "list", "--json"});
    EXPECT_EQ(ended.status, breaks ? 1 : 2);
    EXPECT_EQ(lines(ended.out).back().at("ok"), false);
  }
}

TEST_F(KeysCli, RotatesTheVersionThatItSaw) {
  EXPECT_EQ(keys({"create", "k", "--type", "hmac"}).status, 0);
  at_.now_ = at_.now_ + std::chrono::hours(24);
  const Outcome rotated = keys({"rotate", "k"});
  EXPECT_EQ(rotated.status, 0) << rotated.err;
  expect_golden("tests/cli/golden/keys_rotate.txt", rotated.out);
  EXPECT_EQ(operations_, (std::vector<std::string>{"create", "describe", "rotate"}));
  EXPECT_EQ(keys_json({"rotate", "k", "--newest", "2"}).at("newest_version"), 3);
  const Outcome again = keys({"rotate", "k", "--newest", "2", "--json"});
  EXPECT_EQ(again.status, 2) << "the same once more";
  EXPECT_EQ(json::parse(again.out).at("code"), "version_differs");
  EXPECT_NE(again.err.find("--newest 2"), std::string::npos) << again.err;
  EXPECT_EQ(in_use("k")->version, 3u);
}

TEST_F(KeysCli, ANameWithoutARecordIsChangedOnlyWhenToldSo) {
  const Outcome described = keys({"describe", "payments/crad"});
  EXPECT_EQ(described.status, 0);
  EXPECT_NE(described.out.find("no record"), std::string::npos) << described.out;
  EXPECT_EQ(keys_json({"describe", "payments/crad"}).at("recorded"), false);
  EXPECT_EQ(code({"rotate", "payments/crad"}), "key_unknown");
  EXPECT_EQ(code({"disable", "payments/crad"}), "key_unknown");
  EXPECT_EQ(keys({"rotate", "payments/card", "--implicit"}).status, 0);
  EXPECT_EQ(in_use("payments/card")->version, 2u);
}

TEST_F(KeysCli, DestroysOnlyWhatIsNamedTwice) {
  EXPECT_EQ(keys({"create", "payments/card", "--type", "aes256"}).status, 0);
  operations_.clear();
  EXPECT_EQ(keys({"destroy", "payments/card"}).status, 1);
  const Outcome other = keys({"destroy", "payments/card", "--yes-destroy", "payments/car"});
  EXPECT_EQ(other.status, 1);
  EXPECT_NE(other.err.find("'payments/car'"), std::string::npos) << other.err;
  EXPECT_TRUE(operations_.empty()) << "nobody was asked";
  const Outcome destroyed = keys({"destroy", "payments/card", "--yes-destroy", "payments/card"});
  EXPECT_EQ(destroyed.status, 0) << destroyed.err;
  expect_golden("tests/cli/golden/keys_destroy.txt", destroyed.out);
  EXPECT_EQ(code({"enable", "payments/card"}), "key_destroyed");
  EXPECT_EQ(code({"create", "payments/card", "--type", "aes256"}), "key_destroyed");
}

TEST_F(KeysCli, DisablesAndEnables) {
  EXPECT_EQ(keys({"create", "k", "--type", "x25519"}).status, 0);
  EXPECT_EQ(keys_json({"disable", "k"}).at("state"), "disabled");
  EXPECT_FALSE(in_use("k"));
  EXPECT_EQ(keys_json({"enable", "k"}).at("state"), "enabled");
  EXPECT_TRUE(in_use("k"));
  EXPECT_EQ(code({"disable", "k", "--version", "2"}), "version_unknown");
}

TEST_F(KeysCli, RewrapsFiles) {
  EXPECT_EQ(keys({"create", "k", "--type", "aes256"}).status, 0);
  const Bytes associated{1, 2};
  write("ciphertext",
        encode(keyservice::encrypt(*in_use("k"), associated, keyservice::secret(Bytes{9, 9}),
                                   at_.loaded_.random)
                   .value()));
  write("associated", associated);
  EXPECT_EQ(keys({"rotate", "k"}).status, 0);
  EXPECT_EQ(code({"rewrap", path("ciphertext"), "--out", path("ciphertext")}),
            "authentication_failed");
  const json made = keys_json({"rewrap", path("ciphertext"), "--out", path("ciphertext"),
                               "--associated-data", path("associated")});
  EXPECT_EQ(made.at("name"), "k");
  EXPECT_EQ(made.at("version"), 2);
  const auto envelope =
      keyservice::decode_envelope(base::read_file(path("ciphertext"), 4096).value()).value();
  EXPECT_EQ(keyservice::hex(keyservice::decrypt(*in_use("k", 2), associated, envelope).value()),
            "0909");
  EXPECT_EQ(keys({"rewrap", path("nowhere"), "--out", path("x")}).status, 1);
  EXPECT_EQ(code({"rewrap", path("associated"), "--out", path("x")}), "envelope_malformed");
}

TEST_F(KeysCli, WhoeverIsNotReachedOrRefusesIsToldApart) {
  refuse(Error(policy::AdmissionErrc::image_differs));
  EXPECT_EQ(run_at_custodian({"keys", "list"}).status, 2);
  refuse(Error(peer::Errc::timed_out));
  EXPECT_EQ(run_at_custodian({"keys", "list"}).status, 1);
  at_.custody_.wipe();
  EXPECT_EQ(code({"list"}), "not_ready");
}

TEST_F(KeysCli, EveryCommandHelps) {
  const Outcome all = keys({"--help"});
  EXPECT_EQ(all.status, 0);
  for (const char* const command : {"create", "import", "list", "describe", "rotate", "disable",
                                    "enable", "destroy", "set-minimum", "rewrap"}) {
    EXPECT_NE(all.out.find(command), std::string::npos);
    const Outcome help = keys({command, "--help"});
    EXPECT_EQ(help.status, 0);
    for (const char* const part : {"--parent", "--key", "--token", "--json", "Examples",
                                   "Exit status: 0 done, 2 refused, 1 not reached"}) {
      EXPECT_NE(help.out.find(part), std::string::npos) << command << " " << part;
    }
    EXPECT_NE(help.out.find(std::string("concordat keys ") + command), std::string::npos);
  }
  EXPECT_EQ(keys({"melt"}).status, 1);
}

}  // namespace
}  // namespace concordat::cli

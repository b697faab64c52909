// concordat-parent from outside: its configuration, its sockets, its signals.
#include "tests/parent/program.hpp"

#include <sys/resource.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "keyservice/store_page.hpp"
#include "tests/parent/etcd_server.hpp"

namespace concordat::test {
namespace {

using nlohmann::json;
using peer::Answer;
using peer::Preface;
using peer::Source;

class ParentProgramTest : public ::testing::Test {
 protected:
  ParentProgramTest() {
    std::signal(SIGPIPE, SIG_IGN);
    write("policy.json", R"({"payload":"first"})");
    write("authority.cbor", "\xa0");
    config_ = {
        {"enclaves",
         {{"custodian",
           {{"dial", at("custodian.sock")},
            {"listen", at("custodian-relay.sock")},
            {"role", "custodian"},
            {"store", "custodian"},
            {"egress", {"kms.example:443"}},
            {"credentials", true}}},
          {"worker-1",
           {{"dial", at("worker-1.sock")},
            {"listen", at("worker-1-relay.sock")},
            {"role", "worker"}}}}},
        {"egress", {{"kms.example:443", at("kms.sock")}}},
        {"policy", {{"envelope", path("policy.json")}, {"authority", path("authority.cbor")}}},
        {"store", {{"sqlite", path("store.db")}, {"max_bytes", 100'000}}},
        {"credentials", {{"access_key_id", "AKIA"}, {"secret_access_key", "s"}}},
        {"operator", {{"listen", at("operator.sock")}}}};
  }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  [[nodiscard]] std::string at(const std::string& name) const { return "unix:" + path(name); }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(path(name)) << content;
  }
  std::string config_file() {
    write("parent.json", config_.dump(2));
    return path("parent.json");
  }
  void start() {
    program_ = std::make_unique<ParentProgram>(std::vector<std::string>{"--config", config_file()});
    program_->wait_for("ready");
  }

  [[nodiscard]] Wire ask(const std::string& caller, const std::string& target) const {
    Wire wire = Wire::connect(folder_.socket(caller + "-relay.sock"));
    wire.write(peer::encode_preface(peer::parse_target(target).value()));
    return wire;
  }
  [[nodiscard]] Wire open(const std::string& caller, const std::string& target) const {
    Wire wire = ask(caller, target);
    EXPECT_EQ(wire.read_preface(), Preface(Answer::ok));
    return wire;
  }
  [[nodiscard]] json status() const {
    const Reply reply = http(Wire::connect(folder_.socket("operator.sock")), "GET", "/v1/status");
    EXPECT_EQ(reply.status, 200);
    return json::parse(reply.body);
  }

  SocketFolder folder_;
  json config_;
  std::unique_ptr<ParentProgram> program_;
};

TEST_F(ParentProgramTest, CarriesAStreamBetweenEnclavesAndCountsIt) {
  const Target custodian(folder_.socket("custodian.sock"));
  start();
  const Wire worker = open("worker-1", "enclave/custodian");
  const Wire enclave = custodian.accept();
  EXPECT_EQ(enclave.read_preface(), Preface(Source{"enclave/worker-1"}));
  worker.write(text("hello"));
  EXPECT_EQ(base::as_text(enclave.read(5)), "hello");
  enclave.write(text("reply!"));
  EXPECT_EQ(base::as_text(worker.read(6)), "reply!");

  const json now = status();
  EXPECT_EQ(now["totals"]["opened"], 1);
  EXPECT_EQ(now["totals"]["bytes_to_target"], 5);
  EXPECT_EQ(now["totals"]["bytes_from_target"], 6);
  EXPECT_EQ(now["streams"][0]["caller"], "enclave/worker-1");
  EXPECT_EQ(now["streams"][0]["target"], "enclave/custodian");
  EXPECT_EQ(now["topology"]["enclaves"]["custodian"]["role"], "custodian");
  const Reply metrics = http(Wire::connect(folder_.socket("operator.sock")), "GET", "/metrics");
  EXPECT_NE(metrics.body.find("concordat_relay_bytes_total{caller=\"enclave/worker-1\","
                              "direction=\"from_target\"} 6\n"),
            std::string::npos);
}

TEST_F(ParentProgramTest, ShowsARefusalWithItsReason) {
  start();
  EXPECT_EQ(ask("worker-1", "enclave/nobody").read_preface(), Preface(Answer::unknown_target));
  EXPECT_EQ(ask("worker-1", "egress/evil.example:443").read_preface(),
            Preface(Answer::unknown_target));
  EXPECT_EQ(ask("worker-1", "enclave/custodian").read_preface(), Preface(Answer::unreachable));
  const json now = status();
  EXPECT_EQ(now["totals"]["refused"], 3);
  EXPECT_EQ(now["refusals"][1]["target"], "egress/evil.example:443");
  EXPECT_EQ(now["refusals"][1]["reason"], "unknown_target");
  EXPECT_EQ(now["callers"]["enclave/worker-1"]["refused"]["unreachable"], 1);
  EXPECT_NE(program_->wait_for("stream_refused").find("enclave/nobody"), std::string::npos);
}

TEST_F(ParentProgramTest, AnOperatorReachesEnclavesAndNothingElse) {
  const Target custodian(folder_.socket("custodian.sock"));
  const Target kms(folder_.socket("kms.sock"));
  start();
  const auto upgraded = [&] {
    Wire wire = Wire::connect(folder_.socket("operator.sock"));
    const Reply reply =
        http(wire, "GET", "/v1/relay", {{"Connection", "Upgrade"}, {"Upgrade", "concordat-relay"}});
    EXPECT_EQ(reply.status, 101);
    EXPECT_EQ(reply.headers.at("upgrade"), "concordat-relay");
    return wire;
  };
  const auto asked = [&](const std::string& target) {
    Wire wire = upgraded();
    wire.write(peer::encode_preface(peer::parse_target(target).value()));
    return wire;
  };
  const Wire wire = asked("enclave/custodian");
  EXPECT_EQ(wire.read_preface(), Preface(Answer::ok));
  const Wire enclave = custodian.accept();
  EXPECT_EQ(enclave.read_preface(), Preface(Source{"operator/local"}));
  wire.write(text("hello"));
  EXPECT_EQ(base::as_text(enclave.read(5)), "hello");
  enclave.write(text("reply!"));
  EXPECT_EQ(base::as_text(wire.read(6)), "reply!");
  EXPECT_EQ(status()["streams"][0]["caller"], "operator/local");

  for (const char* target : {"egress/kms.example:443", "parent/http", "enclave/nobody"})
    EXPECT_EQ(asked(target).read_preface(), Preface(Answer::unknown_target)) << target;
  EXPECT_EQ(status()["callers"]["operator/local"]["refused"]["unknown_target"], 3);
}

TEST_F(ParentProgramTest, TheWayToEnclavesIsForThoseWhoAskForIt) {
  start();
  const auto answered = [&](const std::string& head) {
    const Wire wire = Wire::connect(folder_.socket("operator.sock"));
    wire.write(text(head));
    return read_reply(wire).status;
  };
  const std::string host = " HTTP/1.1\r\nHost: parent\r\n";
  const std::string asks = "Connection: Upgrade\r\nUpgrade: concordat-relay\r\n\r\n";
  EXPECT_EQ(answered("GET /v1/relay" + host + "\r\n"), 426);
  EXPECT_EQ(answered("GET /v1/relay" + host + "Upgrade: concordat-relay\r\n\r\n"), 426);
  EXPECT_EQ(answered("GET /v1/relay" + host + "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"), 426);
  EXPECT_EQ(answered("PUT /v1/relay" + host + "Content-Length: 0\r\n" + asks), 426);
  EXPECT_EQ(answered("GET /v1/relay" + host + asks + "too early"), 426);
  EXPECT_EQ(answered("GET /v1/status" + host + asks), 200) << "no other path changes";
  // Nor any way on which enclaves ask for services.
  const Reply enclave = http(open("custodian", "parent/http"), "GET", "/v1/relay",
                             {{"Connection", "Upgrade"}, {"Upgrade", "concordat-relay"}});
  EXPECT_NE(enclave.status, 101);
}

TEST_F(ParentProgramTest, EgressGoesWhereTheConfigurationSays) {
  const Target kms(folder_.socket("kms.sock"));
  start();
  const Wire enclave = open("custodian", "egress/kms.example:443");
  enclave.write(text("client hello"));
  EXPECT_EQ(base::as_text(kms.accept().read(12)), "client hello");
}

TEST_F(ParentProgramTest, AWorkerReachesNoEgressAndGetsNoCredentials) {
  const Target kms(folder_.socket("kms.sock"));
  start();
  EXPECT_EQ(ask("worker-1", "egress/kms.example:443").read_preface(),
            Preface(Answer::unknown_target));
  const Reply reply = http(open("worker-1", "parent/http"), "GET", "/v1/credentials");
  EXPECT_EQ(reply.status, 403);
  EXPECT_EQ(reply.body.find("AKIA"), std::string::npos);
}

TEST_F(ParentProgramTest, ServesPolicyAndReadsItAgainOnSighup) {
  start();
  const Wire wire = open("worker-1", "parent/http");
  EXPECT_EQ(http(wire, "GET", "/v1/policy").body, R"({"payload":"first"})");
  EXPECT_EQ(http(wire, "GET", "/v1/authority").body, "\xa0");
  write("policy.json", R"({"payload":"second"})");
  program_->signal(SIGHUP);
  program_->wait_for("reloaded");
  EXPECT_EQ(http(wire, "GET", "/v1/policy").body, R"({"payload":"second"})");
  std::filesystem::remove(path("policy.json"));
  program_->signal(SIGHUP);
  program_->wait_for("reload_failed");
  EXPECT_EQ(http(wire, "GET", "/v1/policy").body, R"({"payload":"second"})");
  EXPECT_EQ(status()["policy"]["failed_reloads"], 1);
}

TEST_F(ParentProgramTest, StoresBlobsThatSurviveARestart) {
  start();
  std::string version;
  const std::string blob = std::string("sealed\0blob\xff", 12) + std::string(90'000, 'x');
  {
    const Wire wire = open("custodian", "parent/http");
    EXPECT_EQ(http(wire, "GET", "/v1/store/root").status, 404);
    const Reply made = http(wire, "PUT", "/v1/store/root", {{"If-None-Match", "*"}}, blob);
    EXPECT_EQ(made.status, 204);
    version = made.headers.at("etag");
    EXPECT_EQ(http(wire, "PUT", "/v1/store/root", {{"If-None-Match", "*"}}, "x").status, 412);
    EXPECT_EQ(http(wire, "PUT", "/v1/store/root", {}, "x").status, 428);
  }
  EXPECT_EQ(http(open("worker-1", "parent/http"), "GET", "/v1/store/root").status, 403);
  program_->signal(SIGTERM);
  EXPECT_EQ(program_->wait_for_end(), 0);
  EXPECT_FALSE(std::filesystem::exists(path("custodian-relay.sock")));
  EXPECT_FALSE(std::filesystem::exists(path("operator.sock")));

  start();
  const Wire wire = open("custodian", "parent/http");
  const Reply read = http(wire, "GET", "/v1/store/root");
  EXPECT_EQ(read.body, blob);
  EXPECT_EQ(read.headers.at("etag"), version);
  EXPECT_EQ(http(wire, "PUT", "/v1/store/root", {{"If-Match", version}}, "new").status, 204);
}

TEST_F(ParentProgramTest, AnOperatorReachesEveryFolderOfTheStore) {
  start();
  const Wire enclave = open("custodian", "parent/http");
  const Wire wire = Wire::connect(folder_.socket("operator.sock"));
  const std::string place = "/v1/store/custodian/genesis-challenge";
  EXPECT_EQ(http(wire, "PUT", place, {{"If-None-Match", "*"}}, "32 bytes").status, 204);
  EXPECT_EQ(http(enclave, "GET", "/v1/store/genesis-challenge").body, "32 bytes");
  EXPECT_EQ(http(enclave, "PUT", "/v1/store/genesis-1", {{"If-None-Match", "*"}}, "d").status, 204);
  EXPECT_EQ(http(wire, "GET", "/v1/store/custodian/genesis-1").body, "d");
  const auto page = keyservice::parse_store_page(
      base::as_bytes(http(wire, "GET", "/v1/store/custodian?prefix=genesis").body));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->entries.size(), 2u);
  EXPECT_EQ(http(wire, "GET", "/v1/store/custodian/..").status, 400);
  EXPECT_EQ(http(wire, "GET", "/v1/store/../x").status, 400);
}

TEST_F(ParentProgramTest, WithoutRoomOnTheDiskItSaysSoServesOnAndRecovers) {
  start();
  const Wire wire = open("custodian", "parent/http");
  int written = 0;
  const auto write = [&] {
    return http(wire, "PUT", "/v1/store/entry-" + std::to_string(written), {{"If-None-Match", "*"}},
                std::string(50'000, 'x'));
  };
  program_->limit_file_size(512 * 1024);
  Reply reply;
  while ((reply = write()).status == 204)
    ++written;
  EXPECT_GT(written, 0);
  EXPECT_EQ(reply.status, 507);
  EXPECT_EQ(json::parse(reply.body)["error"]["code"], "full");
  EXPECT_NE(program_->wait_for("store_trouble").find("\"full\""), std::string::npos);
  EXPECT_EQ(http(wire, "GET", "/v1/store/entry-0").body.size(), 50'000u);
  EXPECT_EQ(http(wire, "GET", "/v1/policy").status, 200);
  EXPECT_EQ(status()["store"]["trouble"]["code"], "full");
  const auto metrics = [&] {
    return http(Wire::connect(folder_.socket("operator.sock")), "GET", "/metrics").body;
  };
  EXPECT_NE(metrics().find("concordat_parent_store_up{engine=\"sqlite\"} 0\n"), std::string::npos);
  program_->limit_file_size(RLIM_INFINITY);
  EXPECT_EQ(write().status, 204) << "without a restart";
  program_->wait_for("store_recovered");
  EXPECT_EQ(status()["store"]["trouble"], json());
  EXPECT_NE(metrics().find("concordat_parent_store_up{engine=\"sqlite\"} 1\n"), std::string::npos);
  EXPECT_NE(
      metrics().find("concordat_parent_store_requests_total{operation=\"put\",result=\"full\"} 1"),
      std::string::npos);
}

TEST_F(ParentProgramTest, AStoreThatCannotBeReachedStopsNothingElse) {
  config_["store"] = {{"etcd", {{"endpoints", {at("no-etcd.sock")}}}}};
  start();
  program_->wait_for("store_trouble");
  const Wire wire = open("custodian", "parent/http");
  const Reply reply = http(wire, "GET", "/v1/store/root");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(json::parse(reply.body)["error"]["code"], "unreachable");
  EXPECT_EQ(http(wire, "GET", "/v1/policy").status, 200);
  EXPECT_EQ(http(wire, "GET", "/v1/custodians").status, 503);
  EXPECT_EQ(status()["store"]["trouble"]["code"], "unreachable");
}

// Two parents on one store: the one announces its custodian, the other's worker is led there.
TEST_F(ParentProgramTest, AnAnnouncedCustodianIsReachedThroughItsParent) {
  if (!EtcdServer::installed()) GTEST_SKIP() << "no etcd on this machine (Debian's etcd-server)";
  const EtcdServer etcd;
  const std::string meeting_place = "tcp:127.0.0.1:" + std::to_string(etcd.endpoint().port);
  const Target custodian(folder_.socket("custodian.sock"));
  // A socket of the kernel's choice could not be announced before it is known.
  const std::string address = "tcp:127.0.0.1:" + std::to_string(free_port());
  const json store = {{"etcd", {{"endpoints", {meeting_place}}}}};
  config_["store"] = store;
  config_["peers"] = {{"listen", address}};
  config_["announce"] = {{"address", address}, {"enclaves", {"custodian"}}};
  start();
  const Wire wire = open("worker-1", "parent/http");
  while (json::parse(http(wire, "GET", "/v1/custodians").body)["custodians"].empty()) {
  }

  // A store that lies: names nobody but sockets of the parent's own machine, and its enclaves.
  const auto lie = [&](const std::string& name, const std::string& where) {
    const auto base64 = [](const std::string& t) { return base::to_base64(base::as_bytes(t)); };
    (void)etcd.ask(
        "/v3/kv/put",
        json{{"key", base64("concordat/custodians/" + name)}, {"value", base64(where)}}.dump());
  };
  lie("evil", at("operator.sock"));
  lie("worker-2", "tcp:127.0.0.1:1");
  write("other.json", json{{"enclaves",
                            {{"worker-2",
                              {{"dial", at("worker-2.sock")},
                               {"listen", at("worker-2-relay.sock")},
                               {"role", "worker"}}}}},
                           {"store", store}}
                          .dump());
  ParentProgram other({"--config", path("other.json")});
  other.wait_for("ready");
  // It reads the announcements when it starts; until it has, there is no such target.
  const auto reach = [&] {
    Wire relayed = ask("worker-2", "enclave/custodian");
    return relayed.read_preface() == Preface(Answer::ok) ? std::optional(std::move(relayed))
                                                         : std::nullopt;
  };
  std::optional<Wire> relayed;
  while (!(relayed = reach())) {
  }
  EXPECT_EQ(ask("worker-2", "enclave/evil").read_preface(), Preface(Answer::unknown_target));
  const Target itself(folder_.socket("worker-2.sock"));
  (void)open("worker-2", "enclave/worker-2");
  const Wire enclave = custodian.accept();
  EXPECT_EQ(enclave.read_preface(), Preface(Source{"parent/127.0.0.1"}));
  relayed->write(text("hello"));
  EXPECT_EQ(base::as_text(enclave.read(5)), "hello");
  program_->signal(SIGTERM);
  EXPECT_EQ(program_->wait_for_end(), 0);
  const Wire later = open("worker-2", "parent/http");
  const json listed = json::parse(http(later, "GET", "/v1/custodians").body);
  for (const auto& left : listed["custodians"])
    EXPECT_NE(left["name"], "custodian") << "withdrawn when its parent ended";
}

TEST_F(ParentProgramTest, BadHttpGetsAnAnswerAndAnEnd) {
  start();
  const Wire large = open("custodian", "parent/http");
  large.write(text("PUT /v1/store/root HTTP/1.1\r\nContent-Length: 100001\r\n\r\n"));
  EXPECT_EQ(read_reply(large).status, 413);
  EXPECT_TRUE(large.read_to_end().empty());
  const Wire garbage = open("custodian", "parent/http");
  garbage.write(text("\x16\x03\x01 not http\r\n\r\n"));
  EXPECT_EQ(read_reply(garbage).status, 400);
  EXPECT_TRUE(garbage.read_to_end().empty());
  const Wire header = open("custodian", "parent/http");
  header.write(text("GET / HTTP/1.1\r\nX: " + std::string(10'000, 'x') + "\r\n\r\n"));
  EXPECT_EQ(read_reply(header).status, 431);
}

TEST_F(ParentProgramTest, FetchesCredentialsFromTheMetadataService) {
  const Target imds(folder_.socket("imds.sock"));
  config_["credentials"] = {{"imds", at("imds.sock")}};
  start();
  const Wire wire = open("custodian", "parent/http");
  const std::string request = "GET /v1/credentials HTTP/1.1\r\nHost: p\r\n\r\n";
  wire.write(text(request));
  const auto answer = [&](const std::string& wanted, const std::string& body) {
    const Wire call = imds.accept();
    const std::string got = read_request(call);
    EXPECT_EQ(got.substr(0, wanted.size()), wanted);
    call.write(text("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                    "\r\n\r\n" + body));
    return got;
  };
  const std::string list = "GET /latest/meta-data/iam/security-credentials/";
  EXPECT_NE(answer("PUT /latest/api/token ", "token-1").find("ttl-seconds: 300"),
            std::string::npos);
  EXPECT_NE(answer(list + " ", "my-role\n").find("token: token-1"), std::string::npos);
  answer(list + "my-role ", R"({"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIA",
      "SecretAccessKey":"key","Token":"session","Expiration":"2999-01-01T00:00:00Z"})");
  const json found = json::parse(read_reply(wire).body);
  EXPECT_EQ(found["AccessKeyId"], "ASIA");
  EXPECT_EQ(found["Token"], "session");
  EXPECT_EQ(found["Expiration"], "2999-01-01T00:00:00Z");
  // Kept: nobody asks the metadata service again.
  wire.write(text(request));
  EXPECT_EQ(read_reply(wire).status, 200);
}

TEST_F(ParentProgramTest, SaysWhenTheMetadataServiceHasNoRole) {
  const Target imds(folder_.socket("imds.sock"));
  config_["credentials"] = {{"imds", at("imds.sock")}};
  start();
  const Wire wire = open("custodian", "parent/http");
  wire.write(text("GET /v1/credentials HTTP/1.1\r\nHost: p\r\n\r\n"));
  const Wire call = imds.accept();
  EXPECT_FALSE(read_request(call).empty());
  call.write(text("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
  const Reply reply = read_reply(wire);
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(json::parse(reply.body)["error"]["code"], "unavailable");
}

int run_to_end(const std::vector<std::string>& arguments, std::string& output) {
  ParentProgram program(arguments);
  const int status = program.wait_for_end();
  output = program.output();
  return status;
}

TEST_F(ParentProgramTest, ChecksAConfigurationAndSaysInOneLineWhatIsWrong) {
  std::string output;
  EXPECT_EQ(run_to_end({"--config", config_file(), "--check"}, output), 0) << output;
  config_["relay"] = {{"limit", 1}};
  EXPECT_EQ(run_to_end({"--config", config_file(), "--check"}, output), 1);
  EXPECT_EQ(output, "concordat-parent: unknown key: " + path("parent.json") + ": relay.limit\n");
  config_.erase("relay");
  write("store.db",
        "another program's file, which is longer than the hundred bytes of the header "
        "that a database of SQLite begins with, and is none");
  EXPECT_EQ(run_to_end({"--config", config_file(), "--check"}, output), 1);
  EXPECT_EQ(output, "concordat-parent: the file is not a store of this program: " +
                        path("store.db") + ": file is not a database\n");
  std::filesystem::remove(path("store.db"));
  config_["policy"]["envelope"] = path("absent.json");
  EXPECT_EQ(run_to_end({"--config", config_file(), "--check"}, output), 1);
  EXPECT_EQ(output, "concordat-parent: cannot read the file: " + path("absent.json") +
                        ": No such file or directory\n");
}

TEST_F(ParentProgramTest, CopiesItsStoreIntoAnother) {
  start();
  {
    const Wire wire = open("custodian", "parent/http");
    for (const char* name : {"a", "b"})
      EXPECT_EQ(http(wire, "PUT", std::string("/v1/store/") + name, {{"If-None-Match", "*"}}, name)
                    .status,
                204);
  }
  const std::string before = config_file();
  std::filesystem::copy_file(before, path("old.json"));
  config_["store"]["sqlite"] = path("new.db");
  const std::vector<std::string> arguments{"--config", config_file(), "--store-from",
                                           path("old.json")};
  std::string output;
  EXPECT_EQ(run_to_end(arguments, output), 1) << "the parent still runs on it";
  EXPECT_EQ(output, "concordat-parent: another program uses the store: " + path("store.db") + "\n");
  program_->signal(SIGTERM);
  EXPECT_EQ(program_->wait_for_end(), 0);
  EXPECT_EQ(run_to_end(arguments, output), 0) << output;
  EXPECT_EQ(output, "2 entries are in the store\n");
  EXPECT_EQ(run_to_end(arguments, output), 0) << "again: " << output;
  start();
  const Wire wire = open("custodian", "parent/http");
  EXPECT_EQ(http(wire, "GET", "/v1/store/b").body, "b");
  EXPECT_EQ(http(wire, "PUT", "/v1/store/c", {{"If-None-Match", "*"}}, "c").status, 204);
}

TEST_F(ParentProgramTest, DoesNotStartHalf) {
  const Target taken(folder_.socket("operator.sock"));
  std::string output;
  EXPECT_EQ(run_to_end({"--config", config_file()}, output), 1);
  EXPECT_NE(output.find("another program listens there"), std::string::npos) << output;
  EXPECT_FALSE(std::filesystem::exists(path("custodian-relay.sock")));
}

TEST_F(ParentProgramTest, HelpShowsAConfiguration) {
  std::string output;
  EXPECT_EQ(run_to_end({"--help"}, output), 0);
  EXPECT_NE(output.find("\"enclaves\""), std::string::npos);
  EXPECT_NE(output.find("Examples:"), std::string::npos);
  EXPECT_EQ(run_to_end({}, output), 1);
  EXPECT_EQ(run_to_end({"--config", "/nowhere.json"}, output), 1);
  EXPECT_EQ(run_to_end({"--cnofig", "x"}, output), 1);
}

}  // namespace
}  // namespace concordat::test

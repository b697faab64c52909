#include "deploy/parent/services.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "attest/base/log.hpp"
#include "tests/parent/direct_store.hpp"

namespace concordat::parent {
namespace {

using nlohmann::json;

class ServicesTest : public ::testing::Test {
 protected:
  ServicesTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "services.XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    const std::string folder = root_.string();
    EXPECT_TRUE(base::write_file(root_ / "policy", base::as_bytes("{\"payload\":1}")).has_value());
    EXPECT_TRUE(base::write_file(root_ / "authority", base::Bytes{0xa0}).has_value());
    config_ = parse_config(R"({"enclaves": {
          "custodian": {"dial": "vsock:16:7100", "role": "custodian", "store": "custodian",
                        "egress": ["kms.example:443"], "credentials": true},
          "worker": {"dial": "vsock:17:7100", "role": "worker", "settings": {"a": "b"}}},
        "egress": {"kms.example:443": null, "other.example:443": null},
        "credentials": {"access_key_id": "AKIA", "secret_access_key": "s"},
        "peers": {"parents": {"p": {"dial": "tcp:10.0.0.2:1", "enclaves": ["far"]}}},
        "policy": {"envelope": ")" +
                           folder + R"(/policy", "authority": ")" + folder + R"(/authority"},
        "store": {"sqlite": ")" +
                           folder + R"(/store.db", "max_bytes": 8}})")
                  .value();
    EXPECT_TRUE(files_.reload(config_).has_value());
    store_.emplace(*config_.store->sqlite, config_.store->limits, log_);
    start();
  }
  ~ServicesTest() override { std::filesystem::remove_all(root_); }

  void start() {
    ServiceParts parts;
    parts.config = &config_;
    parts.files = &files_;
    parts.store = &*store_;
    parts.reports = &reports_;
    parts.log = &log_;
    parts.clock = [this] { return now_; };
    parts.discovered = [] { return std::vector<std::string>{"far", "found", "worker"}; };
    parts.credentials = [this](const auto& handler) { handler(credentials_); };
    services_.emplace(std::move(parts));
  }

  HttpResponse ask(const std::string& caller, const HttpRequest& request) {
    std::optional<HttpResponse> answer;
    services_->handle(caller, request,
                      [&](HttpResponse response) { answer = std::move(response); });
    EXPECT_TRUE(answer.has_value());
    return answer.value_or(HttpResponse{});
  }
  HttpResponse get(const std::string& path, const std::string& caller = "custodian") {
    return ask(caller, {"GET", path, {}, {}, {}});
  }
  HttpResponse put(const std::string& body, std::optional<std::string> if_match,
                   std::optional<std::string> if_none_match) {
    return ask("custodian",
               {"PUT", "/v1/store/root", std::move(if_match), std::move(if_none_match), body});
  }
  // A question that may be answered later; status 0 until then.
  std::shared_ptr<HttpResponse> news(const std::string& path, const std::string& query,
                                     const std::string& caller = "worker") {
    const auto answer = std::make_shared<HttpResponse>(HttpResponse{0, {}, {}, {}});
    services_->handle(caller, {"GET", path, {}, {}, {}, query},
                      [answer](HttpResponse response) { *answer = std::move(response); });
    return answer;
  }
  static std::string code(const HttpResponse& response) {
    return json::parse(response.body)["error"]["code"];
  }

  std::filesystem::path root_;
  Config config_;
  Published files_;
  Reports reports_;
  base::MonotonicMillis now_{1000};
  base::Logger log_{"test", [](std::string_view) {}};
  std::optional<test::DirectStore> store_;
  base::Result<Credentials> credentials_ = Credentials{"AKIA", "secret", {}, {}};
  std::optional<Services> services_;
};

TEST_F(ServicesTest, HandsOutPolicyAndAuthorityByteForByte) {
  const HttpResponse policy = get("/v1/policy", "worker");
  EXPECT_EQ(policy.status, 200u);
  EXPECT_EQ(policy.body, "{\"payload\":1}");
  EXPECT_EQ(policy.version, version_of(base::as_bytes(policy.body)));
  const HttpResponse authority = get("/v1/authority", "worker");
  EXPECT_EQ(authority.body, "\xa0");
  EXPECT_EQ(authority.content_type, "application/cbor");
}

TEST_F(ServicesTest, KeepsTheOldPolicyWhenTheNewOneCannotBeRead) {
  std::filesystem::remove(root_ / "policy");
  EXPECT_FALSE(files_.reload(config_).has_value());
  EXPECT_EQ(get("/v1/policy").body, "{\"payload\":1}");
  ASSERT_TRUE(base::write_file(root_ / "policy", base::as_bytes("new")).has_value());
  EXPECT_TRUE(files_.reload(config_).has_value());
  EXPECT_EQ(get("/v1/policy").body, "new");
}

TEST_F(ServicesTest, TellsAnEnclaveWhatItCanReach) {
  const json config = json::parse(get("/v1/config", "worker").body);
  EXPECT_EQ(config["enclave"], "worker");
  EXPECT_EQ(config["role"], "worker");
  EXPECT_EQ(config["settings"], (json{{"a", "b"}}));
  EXPECT_EQ(config["targets"], (json{"enclave/custodian", "enclave/far", "enclave/found"}));
  EXPECT_EQ(json::parse(get("/v1/config").body)["targets"],
            (json{"enclave/worker", "enclave/far", "enclave/found", "egress/kms.example:443"}));
}

TEST_F(ServicesTest, HandsOutCredentialsOrSaysWhyNot) {
  const json found = json::parse(get("/v1/credentials").body);
  EXPECT_EQ(found, (json{{"AccessKeyId", "AKIA"},
                         {"SecretAccessKey", "secret"},
                         {"Token", nullptr},
                         {"Expiration", nullptr}}));
  credentials_ = base::Error(base::FileErrc::cannot_read, "for the test");
  const HttpResponse failed = get("/v1/credentials");
  EXPECT_EQ(failed.status, 503u);
  EXPECT_EQ(code(failed), "cannot_read");
}

TEST_F(ServicesTest, CredentialsAreForTheEnclavesThatTheConfigurationNames) {
  const HttpResponse refused = get("/v1/credentials", "worker");
  EXPECT_EQ(refused.status, 403u);
  EXPECT_EQ(code(refused), "no_credentials");
  EXPECT_EQ(refused.body.find("AKIA"), std::string::npos);
}

TEST_F(ServicesTest, TheStoreComparesAndSwaps) {
  EXPECT_EQ(get("/v1/store/root").status, 404u);
  const HttpResponse made = put("one", {}, "*");
  EXPECT_EQ(made.status, 204u);
  EXPECT_EQ(put("two", {}, "*").status, 412u);
  const HttpResponse replaced = put("two", "\"" + *made.version + "\"", {});
  EXPECT_EQ(replaced.status, 204u);
  EXPECT_EQ(put("three", "\"" + *made.version + "\"", {}).status, 412u);
  const HttpResponse read = get("/v1/store/root");
  EXPECT_EQ(read.body, "two");
  EXPECT_EQ(read.version, replaced.version);
}

TEST_F(ServicesTest, AWriteSaysWhatItExpects) {
  EXPECT_EQ(put("x", {}, {}).status, 428u);
  EXPECT_EQ(put("x", "\"a\"", "*").status, 428u);
  EXPECT_EQ(put("x", {}, "\"a\"").status, 428u);
  EXPECT_EQ(put("x", "*", {}).status, 428u);
  EXPECT_EQ(code(put("x", "W/\"a\"", {})), "condition_missing");
}

TEST_F(ServicesTest, TheStoreHasLimitsAndOwners) {
  EXPECT_EQ(put("123456789", {}, "*").status, 413u);
  EXPECT_EQ(get("/v1/store/..").status, 400u);
  EXPECT_EQ(get("/v1/store/a/b").status, 400u);
  EXPECT_EQ(get("/v1/store/root", "worker").status, 403u);
  EXPECT_EQ(get("/v1/store", "worker").status, 403u);
  EXPECT_EQ(ask("custodian", {"POST", "/v1/store/root", {}, {}, {}}).status, 405u);
  EXPECT_EQ(ask("custodian", {"PUT", "/v1/store", {}, {}, {}}).status, 405u);
}

TEST_F(ServicesTest, ALogGrowsAtOneEndAndIsCutAtTheOther) {
  const auto append = [&](const std::string& name, const std::string& query) {
    return ask("custodian", {"PUT", "/v1/store/" + name, {}, "*", name, query}).status;
  };
  const auto behind = [](const std::string& name) {
    return "behind=" + name + "&behind_version=" + version_of(base::as_bytes(name));
  };
  EXPECT_EQ(append("log-2", behind("log-1")), 424u);
  EXPECT_EQ(append("log-1", {}), 204u);
  EXPECT_EQ(append("log-2", behind("log-1")), 204u);
  for (const char* bad : {"behind=log-1", "behind_version=x", "x=y", "behind"})
    EXPECT_EQ(append("log-3", bad), 400u) << bad;
  const auto cut = [&](const std::string& query) {
    return ask("custodian", {"DELETE", "/v1/store", {}, {}, {}, query}).status;
  };
  for (const char* bad : {"", "prefix=log-", "before=", "before=A", "before=a&x=y"})
    EXPECT_EQ(cut(bad), 400u) << bad;
  EXPECT_EQ(cut("prefix=log-&before=log-2"), 204u);
  EXPECT_EQ(get("/v1/store/log-1").status, 404u);
  EXPECT_EQ(get("/v1/store/log-2").status, 200u);
}

TEST_F(ServicesTest, RemovesTheVersionThatIsNamed) {
  const HttpResponse made = put("one", {}, "*");
  const auto remove = [&](std::optional<std::string> if_match) {
    return ask("custodian", {"DELETE", "/v1/store/root", std::move(if_match), {}, {}});
  };
  EXPECT_EQ(remove({}).status, 428u);
  EXPECT_EQ(remove("\"" + version_of(base::as_bytes("two")) + "\"").status, 412u);
  EXPECT_EQ(remove("\"" + *made.version + "\"").status, 204u);
  EXPECT_EQ(remove("\"" + *made.version + "\"").status, 404u);
  EXPECT_EQ(get("/v1/store/root").status, 404u);
}

TEST_F(ServicesTest, ListsTheCallersFolderInPages) {
  for (const char* name : {"b", "a", "ab"})
    EXPECT_EQ(ask("custodian", {"PUT", std::string("/v1/store/") + name, {}, "*", name}).status,
              204u);
  const auto page = [&](const std::string& query) {
    const HttpResponse answer = ask("custodian", {"GET", "/v1/store", {}, {}, {}, query});
    EXPECT_EQ(answer.status, 200u) << answer.body;
    EXPECT_EQ(answer.content_type, "application/cbor");
    return keyservice::parse_store_page(base::as_bytes(answer.body)).value();
  };
  const StorePage all = page("");
  ASSERT_EQ(all.entries.size(), 3u);
  EXPECT_EQ(all.entries[1].name, "ab");
  EXPECT_EQ(base::as_text(all.entries[1].content), "ab");
  EXPECT_FALSE(all.more);
  const StorePage first = page("prefix=a&after=&max_bytes=1");
  ASSERT_EQ(first.entries.size(), 1u);
  EXPECT_TRUE(first.more);
  EXPECT_EQ(page("after=a&prefix=a").entries.front().name, "ab");
  for (const char* bad : {"max_bytes=x", "max_bytes=", "max_bytes=-1", "x=1", "prefix", "&",
                          "prefix=a&prefix=b", "prefix=A", "after=/"}) {
    EXPECT_EQ(ask("custodian", {"GET", "/v1/store", {}, {}, {}, bad}).status, 400u) << bad;
  }
}

TEST_F(ServicesTest, SaysWhereCustodiansAreAnnounced) {
  EXPECT_EQ(json::parse(get("/v1/custodians", "worker").body),
            (json{{"custodians", json::array()}}));
  store_->announce({"custodian", "tcp:10.0.0.1:7001"}, std::chrono::seconds(60),
                   [](const auto&) {});
  EXPECT_EQ(json::parse(get("/v1/custodians", "worker").body),
            (json{{"custodians", {{{"name", "custodian"}, {"address", "tcp:10.0.0.1:7001"}}}}}));
}

TEST_F(ServicesTest, ANewPolicyIsHandedAtOnceToWhoeverWaitsForIt) {
  const std::string have = version_of(base::as_bytes("{\"payload\":1}"));
  EXPECT_EQ(get("/v1/policy", "worker").status, 200u);
  EXPECT_EQ(news("/v1/policy", "after=none")->status, 200u) << "it is news already";
  EXPECT_EQ(news("/v1/policy", "after=" + std::string(64, '0'))->status, 200u);
  const auto first = news("/v1/policy", "after=" + have);
  const auto second = news("/v1/policy", "after=" + have, "custodian");
  const auto other = news("/v1/freshness", "after=none");
  EXPECT_EQ(first->status, 0u) << "waits";
  EXPECT_EQ(services_->waiting(),
            (std::map<std::string, std::size_t>{{"custodian", 1}, {"worker", 2}}));
  files_.publish(Publication::policy, base::to_bytes(base::as_bytes("{\"payload\":2}")));
  EXPECT_EQ(services_->tell_news(), 2u);
  EXPECT_EQ(first->body, "{\"payload\":2}");
  EXPECT_EQ(second->body, "{\"payload\":2}");
  EXPECT_EQ(other->status, 0u) << "waits for something else";
}

TEST_F(ServicesTest, WaitingForNewsIsBoundedInTimeAndNumber) {
  const auto first = news("/v1/freshness", "after=none");
  now_ = now_ + (kNewsPatience - std::chrono::milliseconds(1));
  services_->expire();
  EXPECT_EQ(first->status, 0u);
  const auto second = news("/v1/freshness", "after=none");
  now_ = now_ + std::chrono::milliseconds(1);
  services_->expire();
  EXPECT_EQ(first->status, 304u);
  EXPECT_EQ(second->status, 0u);
  for (std::size_t i = 1; i < kMaxWaiting; ++i)
    EXPECT_EQ(news("/v1/freshness", "after=none")->status, 0u);
  EXPECT_EQ(news("/v1/freshness", "after=none")->status, 429u);
  EXPECT_EQ(news("/v1/freshness", "after=none", "custodian")->status, 0u) << "each by itself";
  EXPECT_EQ(news("/v1/freshness", "before=1")->status, 400u);
}

TEST_F(ServicesTest, KeepsTheLatestReportOfEachEnclave) {
  EXPECT_EQ(ask("custodian", {"PUT", "/v1/report", {}, {}, "{\"a\":1}"}).status, 204u);
  EXPECT_EQ(ask("custodian", {"PUT", "/v1/report", {}, {}, "{\"a\":2}"}).status, 204u);
  EXPECT_EQ(reports_.find("custodian")->body, "{\"a\":2}");
  EXPECT_EQ(reports_.find("worker"), nullptr);
  EXPECT_EQ(get("/v1/report").status, 405u) << "for operators to read, not for enclaves";
}

TEST_F(ServicesTest, NoEnclaveCanPushAPolicy) {
  EXPECT_EQ(ask("worker", {"PUT", "/v1/policy", {}, {}, "{}"}).status, 405u);
  EXPECT_EQ(ask("worker", {"PUT", "/v1/freshness", {}, {}, "{}"}).status, 405u);
}

TEST_F(ServicesTest, CountsByRouteAndStatus) {
  EXPECT_EQ(get("/v1/secrets").status, 404u);
  EXPECT_EQ(ask("worker", {"POST", "/v1/policy", {}, {}, {}}).status, 405u);
  EXPECT_EQ(get("/v1/store/one").status, 404u);
  EXPECT_EQ(get("/v1/store/two").status, 404u);
  EXPECT_EQ(services_->counters(),
            (Services::Counters{
                {{"other", 404}, 1}, {{"/v1/policy", 405}, 1}, {{"/v1/store/{name}", 404}, 2}}));
}

}  // namespace
}  // namespace concordat::parent

// What operators push: checked where the mistake is made, kept, handed on; and no step back unless
// forced.
#include "deploy/parent/operator_service.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "attest/base/log.hpp"
#include "policy/freshness.hpp"
#include "tests/parent/direct_store.hpp"
#include "tests/support/policy_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::parent {
namespace {

using nlohmann::json;

class OperatorServiceTest : public testing::Test {
 protected:
  OperatorServiceTest() {
    const std::string folder = folder_.path().string();
    write("policy", envelope(5));
    write("authority", authority_.descriptor().encoded());
    config_ = parse_config(R"({"enclaves": {"c": {"dial": "vsock:16:7100", "role": "custodian"}},
        "policy": {"envelope": ")" +
                           folder + R"(/policy", "authority": ")" + folder + R"(/authority"}})")
                  .value();
    EXPECT_TRUE(files_.reload(config_));
    OperatorParts parts;
    parts.files = &files_;
    parts.reports = &reports_;
    store_.emplace(folder_.path() / "store.db", StoreLimits{}, log_);
    parts.store = &*store_;
    parts.log = &log_;
    parts.offload = [this](const auto& work, const auto& respond) {
      if (hold_) {
        held_ = [work, respond] { respond(work()); };
      } else {
        respond(work());
      }
    };
    parts.tell_news = [this] {
      ++told_;
      return std::size_t{3};
    };
    parts.metrics = [] { return std::string("m"); };
    parts.status = [] { return std::string("{}"); };
    service_.emplace(std::move(parts));
  }

  void write(const std::string& name, base::BytesView content) const {
    EXPECT_TRUE(base::write_file(folder_.path() / name, content));
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    const auto content = base::read_file(folder_.path() / name, 1 << 20);
    return content ? std::string(base::as_text(*content)) : "";
  }
  [[nodiscard]] std::string text(std::uint64_t serial) const {
    return test::with_freshness(test::sample_policy(authority_.descriptor(), serial), key_,
                                std::chrono::seconds(60));
  }
  [[nodiscard]] base::Bytes envelope(std::uint64_t serial) const {
    return authority_.sign(text(serial)).encode();
  }
  [[nodiscard]] base::Bytes statement(std::uint64_t serial, base::UnixMillis time) const {
    return policy::sign_freshness(*test::signed_policy(authority_, text(serial)), time, key_)
        .value()
        .encode();
  }
  HttpResponse put(const std::string& path, base::BytesView body, const std::string& query = {}) {
    HttpResponse answer{0, {}, {}, {}};
    service_->handle({"PUT", path, {}, {}, std::string(base::as_text(body)), query},
                     [&answer](HttpResponse response) { answer = std::move(response); });
    return answer;
  }
  HttpResponse get(const std::string& path) {
    HttpResponse answer{0, {}, {}, {}};
    service_->handle({"GET", path, {}, {}, {}},
                     [&answer](HttpResponse response) { answer = std::move(response); });
    return answer;
  }
  static std::string code(const HttpResponse& response) {
    return json::parse(response.body)["error"]["code"];
  }

  test::TemporaryFolder folder_;
  test::TestAuthority authority_;
  policy::SigningKey key_ = test::freshness_key();
  Config config_;
  Published files_;
  Reports reports_;
  base::Logger log_{"test", [](std::string_view) {}};
  std::optional<test::DirectStore> store_;
  int told_ = 0;
  bool hold_ = false;
  std::function<void()> held_;
  std::optional<OperatorService> service_;
};

TEST_F(OperatorServiceTest, APushedPolicyIsOnDiskAndHandedOut) {
  const base::Bytes next = envelope(6);
  const HttpResponse answer = put("/v1/policy", next);
  ASSERT_EQ(answer.status, 200u) << answer.body;
  const json body = json::parse(answer.body);
  EXPECT_EQ(body["serial"], 6);
  EXPECT_EQ(body["told"], 3);
  EXPECT_EQ(told_, 1);
  EXPECT_EQ(read("policy"), base::as_text(next));
  EXPECT_EQ(get("/v1/policy").body, base::as_text(next));
  Published after_restart;
  ASSERT_TRUE(after_restart.reload(config_));
  EXPECT_EQ(after_restart.policy_summary()->serial, 6u);
}

TEST_F(OperatorServiceTest, NoStepBackUnlessForced) {
  const base::Bytes older = envelope(4);
  const std::string other = test::replaced(text(5), "\"seconds\": 3600", "\"seconds\": 3601");
  const base::Bytes conflicting = authority_.sign(other).encode();
  EXPECT_EQ(code(put("/v1/policy", older)), "policy_serial_lower");
  EXPECT_EQ(code(put("/v1/policy", conflicting)), "policy_serial_conflict");
  EXPECT_EQ(put("/v1/policy", envelope(5)).status, 200u) << "the same again";
  EXPECT_EQ(files_.policy_summary()->serial, 5u);
  EXPECT_EQ(put("/v1/policy", older, "force=true").status, 200u);
  EXPECT_EQ(files_.policy_summary()->serial, 4u);
  EXPECT_EQ(put("/v1/policy", older, "force=yes").status, 400u);
}

TEST_F(OperatorServiceTest, WhatNoEnclaveWouldTakeIsRefusedHere) {
  EXPECT_EQ(code(put("/v1/policy", base::as_bytes("{}"))), "bad_envelope");
  EXPECT_EQ(code(put("/v1/policy", authority_.sign(text(6), {1}).encode())), "too_few_signatures");
  EXPECT_EQ(code(put("/v1/policy", statement(5, test::kNow))), "wrong_payload_type");
  EXPECT_EQ(code(put("/v1/policy", base::as_bytes("{}"), "force=true")), "bad_envelope");
  EXPECT_EQ(told_, 0);
}

TEST_F(OperatorServiceTest, AStatementMustBeForThePolicyAndNoOlder) {
  const auto at = [](int seconds) { return test::kNow + std::chrono::seconds(seconds); };
  EXPECT_EQ(code(put("/v1/freshness", statement(6, at(0)))), "freshness_other_policy");
  ASSERT_EQ(put("/v1/freshness", statement(5, at(10))).status, 200u);
  EXPECT_EQ(files_.freshness_time(), at(10));
  EXPECT_EQ(code(put("/v1/freshness", statement(5, at(9)))), "freshness_older");
  EXPECT_EQ(put("/v1/freshness", statement(5, at(9)), "force=true").status, 200u);
  // A newer policy begins anew.
  ASSERT_EQ(put("/v1/policy", envelope(6)).status, 200u);
  EXPECT_EQ(put("/v1/freshness", statement(6, at(1))).status, 200u);
}

TEST_F(OperatorServiceTest, OnePushAtATime) {
  hold_ = true;
  EXPECT_EQ(put("/v1/policy", envelope(7)).status, 0u) << "being written";
  EXPECT_EQ(put("/v1/policy", envelope(6)).status, 503u);
  EXPECT_EQ(get("/v1/policy").body, base::as_text(envelope(5))) << "not before it is on disk";
  hold_ = false;
}

TEST_F(OperatorServiceTest, ReportsAreHandedOutAsTheyCame) {
  EXPECT_EQ(get("/v1/reports/c").status, 404u);
  reports_.keep("c", test::kNow, "{\"own\":\"words\"}");
  EXPECT_EQ(get("/v1/reports/c").body, "{\"own\":\"words\"}");
}

TEST_F(OperatorServiceTest, EveryFolderOfTheStoreIsAnOperators) {
  HttpResponse answer;
  const auto ask = [&](HttpRequest request) {
    service_->handle(request, [&](HttpResponse got) { answer = std::move(got); });
    return answer.status;
  };
  EXPECT_EQ(ask({"PUT", "/v1/store/a/x", {}, "*", "1"}), 204u);
  EXPECT_EQ(ask({"PUT", "/v1/store/b/x", {}, "*", "2"}), 204u);
  EXPECT_EQ(ask({"GET", "/v1/store/b/x", {}, {}, {}}), 200u);
  EXPECT_EQ(answer.body, "2");
  EXPECT_EQ(ask({"GET", "/v1/store/a", {}, {}, {}}), 200u);
  EXPECT_EQ(ask({"GET", "/v1/store/", {}, {}, {}}), 400u);
  EXPECT_EQ(ask({"GET", "/v1/store/a/", {}, {}, {}}), 400u);
  EXPECT_EQ(ask({"GET", "/v1/custodians", {}, {}, {}}), 200u);
}

}  // namespace
}  // namespace concordat::parent

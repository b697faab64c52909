// GET /v1/health of a running agent whose surroundings are bad, one way at a time: the facts are
// those that it finds itself.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "keyservice/agent/process_facts_io.hpp"
#include "keyservice/error.hpp"
#include "tests/agent/http_caller.hpp"
#include "tests/support/child.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::keyservice {
namespace {

using base::Error;
using base::Result;
using nlohmann::json;
using test::AgentWorld;
using test::HttpCaller;
using test::said_in_a_child;

json named_check(const json& health, const std::string& name) {
  for (const auto& check : health["checks"])
    if (check["name"] == name) return check;
  return {};
}

// Another user, whoever runs the tests.
unsigned another_user() {
  return ::geteuid() + 1;
}

class AgentHealth : public testing::Test {
 protected:
  AgentHealth() {
    ::prctl(PR_SET_DUMPABLE, 0);
    world_.application_user = another_user();
    world_.start();
    world_.run_until([this] { return world_.link->connected() && is_ok("nsm"); });
  }
  ~AgentHealth() override { ::prctl(PR_SET_DUMPABLE, 1); }

  json health() { return HttpCaller(world_).get("/v1/health").json(); }
  bool is_ok(const std::string& name) { return named_check(health(), name)["ok"] == true; }
  // Every check as it must be, but this one.
  void expect_bad(const std::string& name, const std::string& says, bool is_ready = true) {
    const auto reply = HttpCaller(world_).get("/v1/health");
    EXPECT_EQ(reply.status, is_ready ? 200u : 503u);
    const json answer = reply.json();
    EXPECT_EQ(answer["ready"], is_ready);
    for (const auto& check : answer["checks"])
      EXPECT_EQ(check["ok"], check["name"] != name) << check;
    const json bad = named_check(answer, name);
    EXPECT_NE(bad["detail"].get<std::string>().find(says), std::string::npos) << bad;
  }
  // The agent anew, with another NSM.
  void start_over(attest::NsmTransport& nsm) {
    world_.agent.reset();
    nsm_ = std::make_unique<peer::NsmWorker>(nsm, world_.io, peer::kMaxHalfOpen);
    world_.make_agent(*nsm_);
  }

  test::TemporaryFolder folder_;
  AgentWorld world_{folder_.path().string()};
  std::unique_ptr<peer::NsmWorker> nsm_;
};

TEST_F(AgentHealth, IsGood) {
  const json said = health();
  EXPECT_EQ(said["ready"], true);
  for (const auto& check : said["checks"])
    EXPECT_EQ(check["ok"], true) << check;
}

TEST_F(AgentHealth, TellsASocketThatIsOpenToEverybody) {
  ::chmod(world_.socket().c_str(), 0666);
  expect_bad("socket", "mode 0666");
  ::chmod(world_.socket().c_str(), 0660);
  EXPECT_TRUE(is_ok("socket"));
}

TEST_F(AgentHealth, TellsASocketThatIsGone) {
  HttpCaller caller(world_);
  ::unlink(world_.socket().c_str());
  const json bad = named_check(caller.get("/v1/health").json(), "socket");
  EXPECT_EQ(bad["ok"], false) << bad;
}

TEST_F(AgentHealth, TellsAnApplicationWithTooMuchPrivilege) {
  world_.application_user = ::geteuid();
  expect_bad("user", "the agent's own");
  world_.application_user = Result<unsigned>(Error(Errc::not_ready, "no /proc"));
  expect_bad("user", "not known");
}

TEST_F(AgentHealth, TellsThatItMayBeDumped) {
  ::prctl(PR_SET_DUMPABLE, 1);
  expect_bad("dumps", "possible");
}

TEST_F(AgentHealth, TellsThatThereIsNoTime) {
  world_.worker.party.clock = [] { return Result<peer::Now>(Error(Errc::not_ready, "no time")); };
  const json said = health();
  EXPECT_EQ(said["ready"], false);
  EXPECT_EQ(named_check(said, "clock")["ok"], false);
  EXPECT_EQ(named_check(said, "policy")["ok"], false) << "nothing says that it is still valid";
}

TEST_F(AgentHealth, TellsAPolicyThatWillEndAndOneThatHas) {
  const auto end = world_.worker.policies.latest()->valid_until();
  world_.world.wall = end - std::chrono::days(3);
  expect_bad("policy_age", "valid for 259200 s more");
  world_.world.wall = end;
  const json said = health();
  EXPECT_EQ(said["ready"], false);
  EXPECT_EQ(named_check(said, "policy")["ok"], false);
  EXPECT_EQ(named_check(said, "policy_age")["ok"], false);
}

TEST_F(AgentHealth, TellsThatNoCustodianIsThere) {
  world_.custodian->stop();
  world_.run_until([this] { return !world_.link->connected(); });
  expect_bad("custodian", "", false);
}

TEST_F(AgentHealth, TellsDebugMode) {
  lab::EnclaveIdentity identity;
  identity.debug = true;
  lab::SoftwareNsm nsm(*world_.world.pki, identity, [this] { return world_.world.wall; });
  start_over(nsm);
  world_.run_until([this] { return is_ok("nsm"); });
  expect_bad("enclave", "debug mode: its memory can be read");
}

TEST_F(AgentHealth, TellsAnNsmThatDoesNotAnswer) {
  struct Silent : attest::NsmTransport {
    Result<base::Bytes> exchange(base::BytesView) override {
      return Error(Errc::not_ready, "the device is gone");
    }
  } nsm;
  start_over(nsm);
  world_.run_until([this] {
    const std::string detail = named_check(health(), "nsm")["detail"];
    return detail.find("the device is gone") != std::string::npos;
  });
  const json said = health();
  EXPECT_EQ(named_check(said, "nsm")["ok"], false);
  EXPECT_EQ(named_check(said, "enclave")["ok"], false);
}

TEST(AgentHealthOfMemory, TellsWhatIsNotLocked) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "sanitized: the address sanitizer makes mlock do nothing and say that it did";
#endif
  const json said = json::parse(said_in_a_child([] {
    const test::TemporaryFolder folder;
    AgentWorld world(folder.path().string());
    world.start();
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0 || !test::drop_capabilities()) {
      return std::string("\"no limit\"");
    }
    const auto secret = base::SecretBytes::random(100'000);
    return HttpCaller(world).get("/v1/health").body;
  }));
  const json bad = named_check(said, "memory");
  EXPECT_EQ(bad["ok"], false) << said;
  EXPECT_NE(bad["detail"].get<std::string>().find("1 slabs not locked"), std::string::npos) << bad;
}

TEST(ProcessFacts, AreOfThisProcessAndOfItsApplication) {
  EXPECT_EQ(agent::effective_user_of(::getpid()).value(), ::geteuid());
  EXPECT_TRUE(agent::effective_user_of(0x7fffffff).error().is(Errc::not_ready));
  if (::geteuid() != 0) GTEST_SKIP() << "not root: there is no other user to become";
  const std::string said = said_in_a_child([] {
    // What an application calls itself is no word of the kernel's.
    ::prctl(PR_SET_NAME, "x\nUid:\t7\t7");
    if (::seteuid(another_user()) != 0) return std::string("seteuid");
    const auto facts = agent::process_facts();
    const auto effective = agent::effective_user_of(::getpid());
    return std::to_string(facts.user) + " " + std::to_string(facts.effective_user) + " " +
           (effective ? std::to_string(*effective) : effective.error().to_string());
  });
  EXPECT_EQ(said, "0 1 1");
}

}  // namespace
}  // namespace concordat::keyservice

// A worker with two custodians loses one: what was under way is answered by the other, nothing
// whose use is counted is sent twice, and one that just stops is noticed without a word of its own.
#include <boost/asio/write.hpp>

#include "keyservice/journal/errc.hpp"
#include "keyservice/limits.hpp"
#include "tests/keyservice/replicas_fixture.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::Error;
using base::Result;

// Stands before an enclave's socket and carries bytes, until it is shut: then it keeps every stream
// and carries nothing, as an instance does that stopped.
class Valve {
 public:
  Valve(boost::asio::io_context& io, const peer::Endpoint& listen, peer::Endpoint to)
      : io_(io), to_(std::move(to)), listener_(peer::Listener::open(io, listen).value()) {
    listener_->start([this](peer::StreamSocket caller, const peer::PeerAddress&) {
      const auto from = std::make_shared<peer::StreamSocket>(std::move(caller));
      peer::async_connect(io_, to_, kPatience, [this, from](Result<peer::StreamSocket> found) {
        const auto target = std::make_shared<peer::StreamSocket>(*std::move(found));
        carry(from, target, false);
        carry(target, from, true);
      });
    });
  }
  void shut() { is_shut_ = true; }
  // Pieces that came from the enclave.
  [[nodiscard]] std::size_t answers() const noexcept { return answers_; }

 private:
  using Socket = std::shared_ptr<peer::StreamSocket>;
  void carry(const Socket& from, const Socket& to, bool is_answer) {
    const auto bytes = std::make_shared<base::Bytes>(64 * 1024);
    from->async_read_some(
        boost::asio::buffer(*bytes),
        [this, from, to, is_answer, bytes](boost::system::error_code error, std::size_t size) {
          if (is_shut_) return kept_.push_back({from, to});
          if (error) {
            boost::system::error_code ignored;
            to->close(ignored);
            return;
          }
          answers_ += is_answer ? 1 : 0;
          boost::asio::async_write(
              *to, boost::asio::buffer(*bytes, size),
              [this, from, to, is_answer, bytes](boost::system::error_code failed, std::size_t) {
                if (!failed) carry(from, to, is_answer);
              });
        });
  }

  boost::asio::io_context& io_;
  peer::Endpoint to_;
  std::unique_ptr<peer::Listener> listener_;
  std::vector<std::pair<Socket, Socket>> kept_;
  std::size_t answers_ = 0;
  bool is_shut_ = false;
};

class FailoverTest : public ReplicasFixture {
 protected:
  ~FailoverTest() override {
    if (link_) link_->stop();
  }
  void start(std::vector<std::string> custodians) {
    (void)worker_.policies.install(world_.envelope(1), world_.wall).value();
    LinkOptions options;
    options.relay = relay_endpoint_;
    options.custodians = std::move(custodians);
    options.request_timeout = kPatience;
    link_ = std::make_unique<CustodianLink>(io_, worker_.party, worker_.nsm, log_, options);
    link_->start();
  }
  // Until there are so many channels. The first that comes is asked, the others are in reserve.
  void run_until_admitted(std::size_t times) {
    run_until([&] { return logged("custodian_admitted") >= times; });
  }
  Result<ResponseBody> ask(RequestBody body) {
    std::optional<Result<ResponseBody>> answer;
    link_->request(std::move(body),
                   [&](Result<ResponseBody> result) { answer.emplace(std::move(result)); });
    run_until([&] { return answer.has_value(); });
    return *std::move(answer);
  }
  Result<ResponseBody> get() { return ask(GetRequest{"payments/a", 0}); }
  static std::string code(const Result<ResponseBody>& answer) {
    if (!answer) return std::string(answer.error().name());
    const auto* failure = std::get_if<Failure>(&*answer);
    return failure == nullptr ? "answered" : failure->code;
  }

  test::Side worker_{world_, io_, "payments-1", "payments"};
  std::unique_ptr<CustodianLink> link_;
};

TEST_F(FailoverTest, WhatWasUnderWayIsAnsweredByTheOther) {
  const auto first = serving("custodian-a");
  start({"custodian-a", "custodian-b"});
  run_until_admitted(1);
  const auto second = serving("custodian-b");
  run_until_admitted(2);
  ASSERT_EQ(code(get()), "answered");
  ASSERT_EQ(link_->custodian(), "custodian-a");

  constexpr int kRequests = 200;
  int answered = 0, lost = 0;
  for (int i = 0; i < kRequests; ++i) {
    link_->request(GetRequest{"payments/a", 0}, [&](const Result<ResponseBody>& result) {
      ++(code(result) == "answered" ? answered : lost);
    });
  }
  run_until([&] { return first->custodian->counts().served > 1; });
  first->custodian.reset();
  run_until([&] { return answered + lost == kRequests; });
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(link_->custodian(), "custodian-b");
  EXPECT_GT(second->custodian->counts().served, 0u);
}

TEST_F(FailoverTest, OneThatJustStopsIsLeftThoughItsChannelEndsNever) {
  const auto first = serving("custodian-a");
  Valve valve(io_, inbound("valve"), inbound("custodian-a"));
  start({"valve", "custodian-b"});
  run_until_admitted(1);
  const auto second = serving("custodian-b");
  run_until_admitted(2);
  ASSERT_EQ(code(get()), "answered");
  ASSERT_EQ(link_->custodian(), "valve");
  valve.shut();
  EXPECT_EQ(code(get()), "answered");
  EXPECT_EQ(link_->custodian(), "custodian-b");
  EXPECT_EQ(logged("custodian_silent"), 1u);
  EXPECT_EQ(logged("channel_ended"), 0u);
}

TEST_F(FailoverTest, OneWhoseStoreHangsIsNotSilent) {
  edit_ = [](nlohmann::ordered_json& policy) { policy["grants"][0]["use_limit"] = 5; };
  const auto first = serving("custodian-a");
  Valve valve(io_, inbound("valve"), inbound("custodian-a"));
  start({"valve", "custodian-b"});
  run_until_admitted(1);
  const auto second = serving("custodian-b");
  run_until_admitted(2);
  first->store.answers_later = true;
  std::optional<Result<ResponseBody>> answer;
  link_->request(GetRequest{"payments/a", 0},
                 [&](Result<ResponseBody> result) { answer.emplace(std::move(result)); });
  // Signs of life, each asked for after a while: together longer than anybody may be silent.
  const std::size_t before = valve.answers();
  run_until([&] { return valve.answers() >= before + 4; });
  EXPECT_EQ(logged("custodian_silent"), 0u);
  EXPECT_FALSE(answer);
  shared_.run();
  run_until([&] { return answer.has_value(); });
  EXPECT_EQ(code(*answer), "answered");
}

TEST_F(FailoverTest, WhatIsCountedIsNotSentTwice) {
  edit_ = [](nlohmann::ordered_json& policy) { policy["grants"][0]["use_limit"] = 5; };
  const auto first = serving("custodian-a");
  start({"custodian-a", "custodian-b"});
  run_until_admitted(1);
  const auto second = serving("custodian-b");
  run_until_admitted(2);
  first->store.answers_later = true;  // the use is being recorded when the custodian is lost
  std::optional<Result<ResponseBody>> answer;
  link_->request(GetRequest{"payments/a", 0},
                 [&](Result<ResponseBody> result) { answer.emplace(std::move(result)); });
  run_until([&] { return !shared_.waiting.empty(); });
  first->custodian.reset();
  run_until([&] { return answer.has_value(); });
  EXPECT_EQ(code(*answer), "outcome_unknown");
  // Whoever asks again has one more counted; the other answers.
  EXPECT_EQ(code(get()), "answered");
  EXPECT_EQ(second->custodian->counts().served, 1u);
}

TEST_F(FailoverTest, OneThatIsNotReadyIsPassedOver) {
  const auto first = host("custodian-a");
  serve(*first);
  start({"custodian-a", "custodian-b"});
  run_until_admitted(1);
  EXPECT_EQ(code(get()), "not_ready");
  const auto second = serving("custodian-b");
  run_until_admitted(2);
  EXPECT_EQ(code(get()), "answered");
  EXPECT_EQ(link_->custodian(), "custodian-b");
  // Until there is nobody else, and it is ready.
  second->custodian.reset();
  ASSERT_TRUE((first->custody.take(root(), "acme"), first->load()));
  EXPECT_EQ(code(get()), "answered");
  EXPECT_EQ(link_->custodian(), "custodian-a");
}

TEST_F(FailoverTest, OneThatSaysThatItDoesNotServeIsLeftBeforeItIsAsked) {
  const auto first = serving("custodian-a");
  start({"custodian-a", "custodian-b"});
  run_until([&] { return link_->state().has_value(); });
  ASSERT_EQ(code(get()), "answered");
  const auto second = serving("custodian-b");
  run_until([&] { return logged("custodian_serves") == 2; });
  EXPECT_EQ(link_->custodian(), "custodian-a");
  first->custody.wipe();
  first->custodian->look_at_serving();
  run_until([&] { return link_->custodian() == "custodian-b"; });
  EXPECT_TRUE(link_->state());
  EXPECT_EQ(logged("custodian_not_serving", "root_missing"), 1u);
  EXPECT_EQ(code(get()), "answered");
  EXPECT_EQ(first->custodian->counts().denied, 0u);
}

TEST_F(FailoverTest, OneThatIsAnnouncedLaterIsGoneOnWith) {
  const auto first = serving("custodian-a");
  start({"custodian-a"});
  ASSERT_EQ(code(get()), "answered");
  const auto second = serving("custodian-b");
  link_->know({"custodian-b", "custodian-a"});
  run_until([&] { return logged("custodian_serves") == 2; });
  EXPECT_EQ(link_->custodian(), "custodian-a") << "for as long as it serves";
  first->custodian.reset();
  EXPECT_EQ(code(get()), "answered");
  EXPECT_EQ(link_->custodian(), "custodian-b");
  EXPECT_EQ(logged("custodian_announced"), 1u);
}

TEST_F(FailoverTest, OneThatIsAnnouncedNoMoreIsForgottenWhenItIsGone) {
  const auto first = serving("custodian-a");
  start({"custodian-a"});
  ASSERT_EQ(code(get()), "answered");
  const auto second = serving("custodian-b");
  link_->know({"custodian-b"});
  run_until([&] { return logged("custodian_serves") == 2; });
  link_->know({});
  EXPECT_EQ(logged("custodian_forgotten"), 0u) << "its channel may be all that there is";
  second->custodian.reset();
  run_until([&] { return logged("custodian_forgotten") == 1; });
  first->custodian.reset();
  run_until([&] { return !link_->connected(); });
  link_->know({"custodian-b"});
  const auto again = serving("custodian-b");
  EXPECT_EQ(code(get()), "answered");
}

// The list is the parent's word: it bounds nothing but itself.
TEST_F(FailoverTest, NoMoreAreDialledThanThereMayBe) {
  start({"custodian-a"});
  std::vector<std::string> many;
  for (std::size_t i = 0; i < 3 * kMaxCustodians; ++i)
    many.push_back("custodian-" + std::to_string(i));
  link_->know(many);
  EXPECT_EQ(logged("custodian_announced"), kMaxCustodians - 1);
  const auto first = serving("custodian-a");
  EXPECT_EQ(code(get()), "answered") << "the configured one stays";
}

TEST_F(FailoverTest, WhoIsAnnouncedMustBeACustodianAllTheSame) {
  const auto first = serving("custodian-a");
  start({"custodian-a"});
  const auto impostor = host("custodian-b", nullptr, "payments-1");
  serve(*impostor);
  link_->know({"custodian-b"});
  run_until([&] { return logged("channel_ended", "image_differs") >= 1; });
  EXPECT_EQ(code(get()), "answered");
  EXPECT_EQ(logged("custodian_admitted"), 1u);
}

TEST_F(FailoverTest, TheOtherKnowsTheHeadBeforeItIsAsked) {
  const auto first = serving("custodian-a");
  create_key(*first, "payments/a");
  test::MemoryStore::Shared yesterday;
  yesterday.records = shared_.records;
  create_key(*first, "payments/b");
  start({"custodian-a", "custodian-b"});
  run_until_admitted(1);
  const auto second = serving("custodian-b", &yesterday);
  run_until_admitted(2);
  ASSERT_EQ(code(get()), "answered");
  ASSERT_EQ(link_->seen()->head.position, 2u);
  first->custodian.reset();
  EXPECT_EQ(code(get()), "rolled_back");
}

// Of a custodian that does not know of the second root, as if its policy pinned none: the worker
// has its own memory, and goes by its own policy.
TEST_F(FailoverTest, WhoAnswersUnderAnOlderRootThanWasSeenIsRefusedUntilThePolicyDropsThatOne) {
  const auto second_root = [] {
    Bytes bytes(kRootSize, 2);
    return Root::create(2, base::SecretBytes::take(bytes)).value();
  };
  bool is_pinned = true;
  edit_ = [&](nlohmann::ordered_json& policy) {
    if (!is_pinned) return;
    policy["root"]["generations"].push_back({{"generation", 2},
                                             {"state", "read_only"},
                                             {"commitment", second_root().commitment().hex()}});
  };
  const auto first = serving("custodian-a");
  first->custody.take(second_root(), "acme");
  create_key(*first, "payments/a");
  test::MemoryStore::Shared yesterday;
  yesterday.records = shared_.records;
  first->custody.keyring().take_over(2, [](const base::Status& done) { ASSERT_TRUE(done); });
  start({"custodian-a", "custodian-b"});
  ASSERT_EQ(code(get()), "answered");
  ASSERT_EQ(link_->seen()->generation, 2u);

  first->custodian.reset();
  const auto other = serving("custodian-b", &yesterday);
  std::optional<Result<ResponseBody>> answer;
  link_->request(GetRequest{"payments/a", 0},
                 [&](Result<ResponseBody> result) { answer.emplace(std::move(result)); });
  run_until([&] { return logged("channel_ended", "rolled_back") >= 2; });
  EXPECT_FALSE(answer) << code(*answer);
  EXPECT_EQ(link_->seen()->generation, 2u);

  is_pinned = false;
  worker_.party.policy_changed = [this] { link_->policy_changed(); };
  ASSERT_TRUE(worker_.party.offer_policy(world_.envelope(2)));
  run_until([&] { return answer.has_value(); });
  EXPECT_EQ(code(*answer), "answered");
  EXPECT_EQ(link_->seen()->generation, 1u);
}

TEST_F(FailoverTest, ARequestWaitsForTheFirstThatComes) {
  start({"custodian-a", "custodian-b"});
  std::optional<Result<ResponseBody>> answer;
  link_->request(GetRequest{"payments/a", 0},
                 [&](Result<ResponseBody> result) { answer.emplace(std::move(result)); });
  run_until([&] { return logged("dial_failed") >= 2; });
  EXPECT_FALSE(link_->connected());
  const auto second = serving("custodian-b");
  run_until([&] { return answer.has_value(); });
  EXPECT_EQ(code(*answer), "answered");
}

}  // namespace
}  // namespace concordat::keyservice

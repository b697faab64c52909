// The custodian among strangers and among workers that want too much: what each limit keeps out,
// and what a policy that comes during a handshake does to it.
#include "attest/base/secret_access.hpp"
#include "attest/trusted_clock.hpp"
#include "tests/keyservice/custodian_fixture.hpp"

namespace concordat::keyservice {
namespace {

TEST_F(CustodianTest, StreamsThatSayNothingAreBounded) {
  CustodianLimits limits;
  limits.half_open = 2;
  start(limits);
  Wire first = stranger();
  const Wire second = stranger();
  const Wire third = stranger();
  run_until([&] { return custodian_->counts().refused == 1; });
  EXPECT_TRUE(ended(third));
  EXPECT_FALSE(ended(first) || ended(second));
  first.close();
  run_until_logged("preface_refused");
  admit(worker_);
}

TEST_F(CustodianTest, HandshakesUnderWayAreBounded) {
  CustodianLimits limits;
  limits.half_open = 2;
  start(limits);
  SlowWorker slow(inbound_, world_, worker_.enclave);
  run_until([&] { return slow.ready(); });
  Wire second = stranger_with_preface();
  const Wire third = stranger_with_preface();
  run_until([&] { return custodian_->counts().refused == 1; });
  EXPECT_TRUE(ended(third));
  EXPECT_FALSE(ended(second));
  second.close();
  run_until_logged("peer_refused");
  admit(worker_);
}

TEST_F(CustodianTest, AStreamThatSaysNothingEndsByItself) {
  CustodianLimits limits;
  limits.preface_timeout = std::chrono::milliseconds(1);
  start(limits);
  const Wire wire = stranger();
  run_until_logged("preface_refused");
  EXPECT_TRUE(ended(wire));
  EXPECT_EQ(events("preface_refused").at(0).at("code"), "timed_out");
}

TEST_F(CustodianTest, AHandshakeThatGoesNoFurtherEndsByItself) {
  CustodianLimits limits;
  limits.handshake_timeout = std::chrono::milliseconds(1);
  start(limits);
  const Wire wire = stranger_with_preface();
  run_until_logged("peer_refused");
  EXPECT_TRUE(ended(wire));
  EXPECT_EQ(events("peer_refused").at(0).at("code"), "timed_out");
}

TEST_F(CustodianTest, ChannelsAreBounded) {
  CustodianLimits limits;
  limits.channels = 2;
  start(limits);
  Side third(world_, io_, "payments-1", "payments");
  (void)third.policies.install(world_.envelope(1), world_.wall).value();
  const auto first = admit(worker_);
  const auto second = admit(other_);
  const auto refused = dial(third);
  run_until([&] { return refused->ended.has_value(); });
  EXPECT_EQ(refused->ended->error().to_string(), "the other side refused: busy");
  EXPECT_FALSE(first->ended || second->ended);
  // One that has a channel may replace it.
  const auto next = admit(worker_);
  run_until([&] { return first->ended.has_value(); });
  EXPECT_FALSE(second->ended || next->ended);
  next->stream->close();
  run_until_logged("channel_closed");
  admit(third);
}

TEST_F(CustodianTest, AStreamCostsAToken) {
  CustodianLimits limits;
  limits.admission_burst = 3;
  limits.admissions_per_second = 1;
  start(limits);
  for (std::size_t i = 1; i <= 3; ++i) {
    stranger().close();
    run_until_logged("preface_refused", i);
  }
  EXPECT_EQ(custodian_->counts().refused, 0u);
  const Wire fourth = stranger();
  run_until([&] { return custodian_->counts().refused == 1; });
  EXPECT_TRUE(ended(fourth));
  world_.wall = world_.wall + std::chrono::seconds(1);
  admit(worker_);
}

TEST_F(CustodianTest, WithoutTheTimeNobodyBegins) {
  start();
  side_.party.clock = []() -> base::Result<peer::Now> {
    return base::Error(attest::TrustedClockErrc::anchor_expired);
  };
  const Wire wire = stranger_with_preface();
  run_until([&] { return custodian_->counts().refused == 1; });
  EXPECT_TRUE(ended(wire));
}

TEST_F(CustodianTest, RefusedStreamsAreCountedAndLoggedNowAndThen) {
  CustodianLimits limits;
  limits.half_open = 0;
  limits.refusal_line_burst = 2;
  start(limits);
  constexpr std::uint64_t kStreams = 50;
  for (std::uint64_t i = 1; i <= kStreams; ++i) {
    stranger().close();
    run_until([&] { return custodian_->counts().refused == i; });
  }
  EXPECT_EQ(events("stream_refused").size(), 2u);
  world_.wall = world_.wall + std::chrono::seconds(1);
  const Wire last = stranger();
  run_until_logged("stream_refused", 3);
  EXPECT_EQ(events("stream_refused").at(2).at("streams"), kStreams + 1 - 2);
}

TEST_F(CustodianTest, AnEnclaveHasItsShareOfChannels) {
  CustodianLimits limits;
  limits.channels_of_one_enclave = 2;
  start(limits);
  const auto others = admit(other_);
  const auto first = admit(worker_);
  const auto second = admit(worker_);
  const auto third = admit(worker_);
  run_until([&] { return first->ended.has_value(); });
  EXPECT_FALSE(second->ended || third->ended) << "the oldest goes";
  EXPECT_FALSE(others->ended) << "another enclave's channels are its own";
}

TEST_F(CustodianTest, TwoThatComeTogetherMakeRoomForTwo) {
  CustodianLimits limits;
  limits.channels_of_one_enclave = 2;
  start(limits);
  const auto first = admit(worker_);
  const auto second = admit(worker_);
  SlowWorker third(inbound_, world_, worker_.enclave);
  SlowWorker fourth(inbound_, world_, worker_.enclave);
  run_until([&] { return third.ready(); });
  run_until([&] { return fourth.ready(); });
  third.confirm();
  fourth.confirm();
  run_until([&] { return first->ended && second->ended; });
  EXPECT_EQ(custodian_->counts().handshakes, 4u);
}

TEST_F(CustodianTest, ANewerPolicyEndsHandshakesUnderWay) {
  start();
  SlowWorker worker(inbound_, world_, worker_.enclave);
  run_until([&] { return worker.ready(); });
  ASSERT_TRUE(side_.party.offer_policy(world_.envelope(2)));
  run_until_logged("peer_refused");
  EXPECT_TRUE(ended(worker.wire()));
  EXPECT_EQ(events("peer_refused").at(0).at("code"), "policy_differs");
}

// The allowance is one for all streams, however many strangers share it.
TEST_F(CustodianTest, EnvelopesAreRationedOverAllStreams) {
  start();
  ASSERT_TRUE(side_.party.offer_policy(world_.envelope(2)));
  const Bytes envelope = world_.envelope(2);
  side_.party.envelope_bytes = std::make_shared<peer::TokenBucket>(
      1, static_cast<std::uint32_t>(envelope.size()), world_.now().monotonic);
  std::vector<std::size_t> heard;
  for (int i = 0; i < 3; ++i) {
    const SlowWorker worker(inbound_, world_, worker_.enclave);
    Bytes received;
    run_until([&] {
      base::append(received, take_received(worker.wire()));
      return ended(worker.wire());
    });
    heard.push_back(received.size());
  }
  EXPECT_GT(heard.at(0), envelope.size());
  EXPECT_LT(heard.at(1), 100u);
  EXPECT_LT(heard.at(2), 100u);
}

// Even where nobody told the custodian.
TEST_F(CustodianTest, APolicyThatCameDuringTheHandshakeAdmitsNobodyUnderTheOlder) {
  start();
  SlowWorker worker(inbound_, world_, worker_.enclave);
  run_until([&] { return worker.ready(); });
  ASSERT_TRUE(side_.policies.install(world_.envelope(2), world_.wall));
  worker.confirm();
  run_until([&] { return events("peer_refused").size() + events("peer_admitted").size() > 0; });
  ASSERT_EQ(events("peer_refused").size(), 1u);
  EXPECT_EQ(events("peer_refused").at(0).at("code"), "policy_differs");
  EXPECT_EQ(custodian_->counts().handshakes, 0u);
}

// A store that does not answer, asked because a worker saw a later head, holds requests.
TEST_F(CustodianTest, AWorkerWithTooManyRequestsUnderWayLosesItsChannel) {
  CustodianLimits limits;
  limits.requests_of_one_channel = 3;
  start(limits);
  const auto channel = admit(worker_);
  loaded_.store.answers_later = true;
  const auto send = [&](base::BytesView record) { ASSERT_TRUE(channel->stream->send(record)); };
  send(encode(vouch_for(custody_.root(), {300, {}})));
  const auto request = encode(1, RequestBody(GetRequest{"payments/a", 0}));
  for (std::size_t i = 0; i < limits.requests_of_one_channel; ++i)
    send(request.expose(base::SecretAccess{}));
  run_until([&] { return custody_.is_looking(); });
  EXPECT_FALSE(channel->ended);
  send(request.expose(base::SecretAccess{}));
  run_until([&] { return channel->ended.has_value(); });
  EXPECT_EQ(events("channel_ended").at(0).at("code"), "overloaded");
  loaded_.shared.run();  // what waits for the store holds the channel
}

TEST_F(CustodianTest, AWorkerThatInventsAHeadLosesItsChannelAndTheOthersAreServed) {
  start();
  const auto liar = admit(worker_);
  VouchedHead head = vouch_for(custody_.root(), {300, {}});
  head.head.position = 301;
  ASSERT_TRUE(liar->stream->send(encode(head)));
  run_until([&] { return liar->ended.has_value(); });
  EXPECT_EQ(events("channel_ended").at(0).at("code"), "head_forged");
  const auto other = admit(other_);
  const auto request = encode(1, RequestBody(GetRequest{"payments/a", 0}));
  ASSERT_TRUE(other->stream->send(request.expose(base::SecretAccess{})));
  run_until_logged("request_denied");
  EXPECT_NE(events("request_denied").at(0).at("code"), "rolled_back");
}

// Nobody can tell a true head under a root that is pinned and not there from an invented one.
TEST_F(CustodianTest, AHeadUnderARootThatIsNotHeldStopsServingUntilTheRootIsThere) {
  const Root second = Root::create(2, base::SecretBytes::random(kRootSize)).value();
  world_.edit_policy = [&](const std::string& text) {
    auto policy = nlohmann::ordered_json::parse(text);
    policy["root"]["generations"] = json::array(
        {{{"generation", 1},
          {"state", "current"},
          {"commitment", custody_.root(1)->commitment().hex()}},
         {{"generation", 2}, {"state", "read_only"}, {"commitment", second.commitment().hex()}}});
    return policy.dump(2);
  };
  start();
  custody_.pin(*side_.policies.latest());
  const auto liar = admit(worker_);
  const auto other = admit(other_);
  const auto asked = [&] {
    const std::size_t before = events("request_denied").size();
    const auto request = encode(1, RequestBody(GetRequest{"reports/daily", 0}));
    EXPECT_TRUE(other->stream->send(request.expose(base::SecretAccess{})));
    run_until_logged("request_denied", before + 1);
    return events("request_denied").back().at("code");
  };
  ASSERT_EQ(asked(), "not_granted");
  VouchedHead head = vouch_for(second, {300, {}});
  head.head.position = 301;
  ASSERT_TRUE(liar->stream->send(encode(head)));
  run_until_logged("head_refused");
  EXPECT_EQ(events("head_refused").at(0).at("code"), "generation_not_held");
  EXPECT_NE(custodian_->report().find("generation_not_held"), std::string::npos);
  EXPECT_EQ(asked(), "generation_not_held");
  run_until([&] {
    return !other->signs.empty() && other->signs.back().trouble == "generation_not_held";
  });
  EXPECT_FALSE(liar->ended);

  custody_.take(Root::from_prk(2, second.prk()).value(), "acme");
  custody_.pin(*side_.policies.latest());
  custody_.load([](const Status& loaded) { ASSERT_TRUE(loaded); });
  run_until([&] { return liar->ended.has_value(); });
  EXPECT_EQ(events("channel_ended").at(0).at("code"), "head_forged");
  EXPECT_EQ(asked(), "not_granted") << "and the others are served";
}

TEST_F(CustodianTest, HeadsThatNobodyCanJudgeAreBounded) {
  CustodianLimits limits;
  limits.channels = UnjudgedHeads::kMaxOfOne;
  start(limits);
  custody_.wipe();
  const auto channel = admit(worker_);
  const Root root = Root::create(1, base::SecretBytes::random(kRootSize)).value();
  for (std::uint64_t i = 1; i <= UnjudgedHeads::kMaxOfOne + 1; ++i)
    ASSERT_TRUE(channel->stream->send(encode(vouch_for(root, {i, {}}))));
  run_until([&] { return channel->ended.has_value(); });
  EXPECT_EQ(events("channel_ended").at(0).at("code"), "overloaded");
  EXPECT_EQ(custody_.unjudged_heads(), UnjudgedHeads::kMaxOfOne);
}

}  // namespace
}  // namespace concordat::keyservice

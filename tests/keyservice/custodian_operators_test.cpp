// The custodian and its operators: who is admitted, what they are answered, and that neither they
// nor workers take the others' places.
#include "peer/error.hpp"
#include "tests/keyservice/custodian_operators_fixture.hpp"

namespace concordat::keyservice {
namespace {

TEST_F(CustodianOperatorsTest, AnOperatorIsAdmittedByNameAndToldTheTruth) {
  custody_.keyring().create({"k", KeyType::derived, false, test::kNow, {KeyOrigin::derived, 1, {}}},
                            [](const auto& created) { ASSERT_TRUE(created); });
  start_administered();
  admit(worker_);
  const auto channel = admit(dana_);
  const json admitted = events("operator_admitted").at(0);
  EXPECT_EQ(admitted.at("operator"), "dana");
  EXPECT_EQ(admitted.at("source"), "operator/local");
  ASSERT_TRUE(ask_status(channel, 41));
  run_until([&] { return !channel->replies.empty(); });
  const AdminReply& reply = channel->replies.front();
  EXPECT_EQ(reply.id, 41u);
  const CustodianStatus status = decode_custodian_status(reply.items).value();
  EXPECT_EQ(status.enclave.module_id, "i-0-enc1");
  EXPECT_EQ(status.role, "custodian");
  EXPECT_EQ(status.policy_digest, world_.policy(1)->digest());
  EXPECT_EQ(status.root->commitment, custody_.root().commitment());
  ASSERT_TRUE(status.keyring);
  EXPECT_TRUE(status.keyring->is_loaded);
  EXPECT_EQ(status.keyring->keys, 1u);
  EXPECT_EQ(status.keyring->head, custody_.keyring().journal().head());
  EXPECT_EQ(status.keyring->head.position, 1u);
  EXPECT_EQ(status.now, world_.wall);
  EXPECT_EQ(status.counts.handshakes, 1u);
  EXPECT_EQ(status.counts.operators, 1u);
  EXPECT_EQ(status.channels, (std::map<std::string, std::uint64_t>{{"payments", 1}}));
  EXPECT_EQ(status.operator_channels, (std::map<std::string, std::uint64_t>{{"dana", 1}}));
  EXPECT_EQ(custodian_->counts().administered, 1u);
  EXPECT_EQ(custodian_->counts().served, 0u) << "no worker asked anything";
}

TEST_F(CustodianOperatorsTest, WithoutARootItSaysSo) {
  custody_.wipe();
  start_administered();
  const auto channel = admit(dana_);
  ASSERT_TRUE(ask_status(channel, 1));
  run_until([&] { return !channel->replies.empty(); });
  const CustodianStatus status = decode_custodian_status(channel->replies[0].items).value();
  EXPECT_FALSE(status.root || status.keyring);
}

TEST_F(CustodianOperatorsTest, WhereNothingIsAdministeredNoOperatorIsAdmitted) {
  start();
  (void)dana_.policies.install(world_.envelope(1), world_.wall).value();
  EXPECT_EQ(refusal(dial(dana_)), "the other side refused: not_admitted");
  EXPECT_EQ(events("peer_refused").at(0).at("code"), "operators_not_served");
}

// Policy may list an operator for whatever it likes: keys are served to enclaves.
TEST_F(CustodianOperatorsTest, OverTheWorkersPurposeAnOperatorIsRefused) {
  start_administered();
  EXPECT_EQ(refusal(dial(dana_, "keys")), "the other side refused: not_admitted");
  EXPECT_EQ(events("peer_refused").at(0).at("code"), "purpose_not_served");
}

TEST_F(CustodianOperatorsTest, ARevokedOperatorLosesItsChannelAndComesBackNoMore) {
  start_administered();
  const auto revoked = admit(dana_);
  const auto other = admit(evan_);
  ASSERT_TRUE(side_.party.offer_policy(world_.envelope(2)));
  run_until([&] { return revoked->ended && other->ended; });
  run_until_logged("channel_ended", 2);
  (void)evan_.policies.install(world_.envelope(2), world_.wall).value();
  admit(evan_);
  // Its own program would not even dial; one that does not look is told no more than a stranger.
  EXPECT_EQ(refusal(dial(dana_)),
            "the two sides hold different policies: ours has serial 1, theirs 2");
  EXPECT_EQ(dana_.policies.latest()->serial(), 2u) << "it was handed the newer one";
  EXPECT_NE(refusal(dial(dana_)), "admitted");
}

TEST_F(CustodianOperatorsTest, WorkersTakeNoPlaceOfAnOperator) {
  CustodianLimits limits;
  limits.channels = 1;
  start_administered(limits);
  const auto worker = admit(worker_);
  const auto channel = admit(dana_);
  EXPECT_FALSE(worker->ended || channel->ended);
}

TEST_F(CustodianOperatorsTest, OperatorsTakeNoPlaceOfAWorkerAndAreBounded) {
  CustodianLimits limits;
  limits.channels = 1;
  limits.operator_channels = 1;
  start_administered(limits);
  const auto first = admit(dana_);
  EXPECT_EQ(refusal(dial(evan_)), "the other side refused: busy");
  admit(worker_);
  // One that has a channel may replace it.
  const auto next = admit(dana_);
  run_until([&] { return first->ended.has_value(); });
  EXPECT_FALSE(next->ended);
}

TEST_F(CustodianOperatorsTest, AnOperatorHasItsShareOfChannels) {
  CustodianLimits limits;
  limits.channels_of_one_operator = 2;
  start_administered(limits);
  const auto others = admit(evan_);
  const auto first = admit(dana_);
  const auto second = admit(dana_);
  const auto third = admit(dana_);
  run_until([&] { return first->ended.has_value(); });
  EXPECT_FALSE(second->ended || third->ended || others->ended);
}

// However slowly answers are taken, each comes, and in order.
TEST_F(CustodianOperatorsTest, AnswersAreMadeAsTheChannelTakesThem) {
  CustodianLimits limits;
  limits.operator_backlog = 1;  // nothing more while anything waits
  start_administered(limits);
  const auto channel = admit(dana_);
  constexpr std::uint64_t kRequests = 8;
  for (std::uint64_t id = 1; id <= kRequests; ++id)
    ASSERT_TRUE(ask_status(channel, id));
  run_until([&] { return channel->replies.size() == kRequests || channel->ended; });
  ASSERT_EQ(channel->replies.size(), kRequests);
  for (std::uint64_t id = 1; id <= kRequests; ++id)
    EXPECT_EQ(channel->replies[id - 1].id, id);
}

TEST_F(CustodianOperatorsTest, RequestsThatWaitAreBounded) {
  CustodianLimits limits;
  limits.operator_answers = 0;
  start_administered(limits);
  const auto channel = admit(dana_);
  ASSERT_TRUE(ask_status(channel, 1));
  run_until_logged("channel_ended");
  EXPECT_EQ(events("channel_ended").at(0).at("code"), "overloaded");
  EXPECT_TRUE(channel->replies.empty());
}

TEST_F(CustodianOperatorsTest, EachChangeOfAKeyIsSaidInOneLine) {
  start_administered();
  const auto channel = admit(dana_);
  const Bytes material(32, 0x61);
  Bytes copy = material;
  ASSERT_TRUE(ask(channel, 1,
                  ImportKeyRequest{"payments/card", KeyType::aes256, false, 0, KeyFormat::raw,
                                   base::SecretBytes::take(copy)}));
  ASSERT_TRUE(ask(channel, 2, SetKeyStateRequest{VersionState::destroyed, "other", 1, false}));
  run_until([&] { return channel->replies.size() == 2; });
  const auto made = events("request_administered");
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].at("operator"), "dana");
  EXPECT_EQ(made[0].at("operation"), "import");
  EXPECT_EQ(made[0].at("key"), "payments/card");
  EXPECT_EQ(made[0].at("version"), 1);
  const json denied = events("request_denied").at(0);
  EXPECT_EQ(denied.at("operation"), "destroy");
  EXPECT_EQ(denied.at("key"), "other");
  EXPECT_EQ(denied.at("version"), 1);
  EXPECT_EQ(denied.at("code"), "key_unknown");
  for (const json& line : lines_) {
    EXPECT_EQ(line.dump().find(base::to_hex(material)), std::string::npos);
    EXPECT_EQ(line.dump().find(base::as_text(material)), std::string::npos);
  }
}

TEST_F(CustodianOperatorsTest, AChangeIsAnsweredWhenItIsDurable) {
  start_administered();
  const auto channel = ask_for_a_key_that_waits();
  ASSERT_TRUE(ask_status(channel, 2));
  run_until([&] { return !channel->replies.empty(); });
  EXPECT_EQ(channel->replies[0].id, 2u) << "others need not wait for the store";
  loaded_.shared.run();
  run_until([&] { return channel->replies.size() == 2; });
  EXPECT_EQ(channel->replies[1].id, 1u);
  EXPECT_EQ(channel->replies[1].kind, AdminReplyKind::last);
}

TEST_F(CustodianOperatorsTest, AChangeOutlivesTheChannelThatAskedForIt) {
  start_administered();
  const auto channel = ask_for_a_key_that_waits();
  channel->stream->abort(base::Error(peer::Errc::channel_closed));
  run_until_logged("channel_ended");
  loaded_.shared.run();
  EXPECT_EQ(events("request_administered").at(0).at("key"), "payments/card");
  EXPECT_NE(custody_.keyring().keys().find("payments/card"), nullptr);
  EXPECT_TRUE(channel->replies.empty());
}

TEST_F(CustodianOperatorsTest, ARootThatGoesTakesWaitingChangesWithIt) {
  start_administered();
  const auto channel = ask_for_a_key_that_waits();
  custody_.wipe();
  custodian_->policy_lapsed(base::Error(Errc::not_ready));
  loaded_.shared.run();
  run_until([&] { return channel->ended.has_value(); });
  EXPECT_TRUE(channel->replies.empty());
  EXPECT_TRUE(events("request_administered").empty());
}

TEST_F(CustodianOperatorsTest, ACustodianThatGoesIsNotToldOfWaitingChanges) {
  start_administered();
  const auto channel = ask_for_a_key_that_waits();
  side_.party.policy_changed = {};
  custodian_.reset();
  loaded_.shared.run();
  EXPECT_TRUE(events("request_administered").empty());
}

TEST_F(CustodianOperatorsTest, ChangesThatWaitForTheStoreAreBounded) {
  CustodianLimits limits;
  limits.operator_answers = 2;
  start_administered(limits);
  const auto channel = ask_for_a_key_that_waits();
  for (std::uint64_t id = 2; id <= 3; ++id)
    ASSERT_TRUE(ask(channel, id, CreateKeyRequest{"k" + std::to_string(id), KeyType::p256, false}));
  run_until_logged("channel_ended");
  EXPECT_EQ(events("channel_ended").at(0).at("code"), "overloaded");
  loaded_.shared.run();
}

// However long a list is, no more of it is held than the channel has to take.
TEST_F(CustodianOperatorsTest, AListIsMadeAsTheChannelTakesIt) {
  for (std::size_t i = 0; i < 4 * kListedKeys; ++i) {
    custody_.keyring().create({"k" + std::to_string(10'000 + i),
                               KeyType::derived,
                               false,
                               test::kNow,
                               {KeyOrigin::derived, 1, {}}},
                              [](const auto& created) { ASSERT_TRUE(created); });
  }
  CustodianLimits limits;
  limits.operator_backlog = 1;  // nothing more while anything waits
  start_administered(limits);
  const auto channel = admit(dana_);
  ASSERT_TRUE(ask(channel, 1, ListKeysRequest{}));
  run_until([&] {
    return !channel->replies.empty() && channel->replies.back().kind != AdminReplyKind::part;
  });
  EXPECT_EQ(channel->replies.size(), 5u);
  EXPECT_EQ(channel->replies.back().kind, AdminReplyKind::last);
}

TEST_F(CustodianOperatorsTest, WhatIsNotUnderstoodIsAnsweredAndTheChannelLives) {
  start_administered();
  const auto channel = admit(dana_);
  ASSERT_TRUE(channel->stream->send(base::as_bytes("what?")));
  ASSERT_TRUE(ask_status(channel, 2));
  run_until([&] { return channel->replies.size() == 2; });
  EXPECT_EQ(channel->replies[0].failure.code, "malformed_request");
  EXPECT_EQ(channel->replies[1].kind, AdminReplyKind::last);
  EXPECT_EQ(custodian_->counts().denied, 1u);
}

}  // namespace
}  // namespace concordat::keyservice

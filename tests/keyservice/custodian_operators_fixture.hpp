// A custodian on a real socket with operators besides.
#pragma once

#include "attest/base/secret_access.hpp"
#include "tests/keyservice/custodian_fixture.hpp"
#include "tests/keyservice/operator_side.hpp"

namespace concordat::keyservice {

inline policy::SigningKey key_of(std::uint8_t seed) {
  Bytes bytes(32, seed);
  return policy::SigningKey::from_seed(base::SecretBytes::take(bytes)).value();
}

// An operator's machine, with the key.
struct Operator : test::OperatorSide {
  Operator(test::TestWorld& world, policy::SigningKey with)
      : OperatorSide(world, with.public_key()), key(std::move(with)) {}
  policy::SigningKey key;
};

struct OperatorChannel : Channel {
  std::vector<AdminReply> replies;
};

class CustodianOperatorsTest : public CustodianTest {
 protected:
  CustodianOperatorsTest() {
    world_.edit_policy = [this, commitment = custody_.root().commitment()](std::string text) {
      text = test::replaced(std::move(text), "\"generations\": []",
                            R"("generations": [{"generation": 1, "state": "current", )"
                            R"("commitment": ")" +
                                commitment.hex() + "\"}]");
      const bool revoked = text.find("\"serial\": 2,") != text.npos;
      text = test::with_operator(std::move(text), "evan", evan_.key.public_key());
      if (revoked) return text;
      return test::with_operator(std::move(text), "dana", dana_.key.public_key(),
                                 "\"admin\", \"keys\"");
    };
  }
  void start_administered(const CustodianLimits& limits = {}) {
    start(limits);
    for (Operator* who : {&dana_, &evan_})
      (void)who->policies.install(world_.envelope(1), world_.wall).value();
    EnclaveFacts facts{"1.2.3", "i-0-enc1", {}};
    custodian_->serve_operators(
        {std::move(facts), [this] { return std::optional(world_.now().monotonic); }});
  }
  std::shared_ptr<OperatorChannel> dial(Operator& who, std::string_view purpose = "admin") {
    auto channel = std::make_shared<OperatorChannel>();
    peer::async_connect(
        io_, inbound_, kPatience,
        [&who, channel, purpose = std::string(purpose)](base::Result<peer::StreamSocket> socket) {
          peer::async_write_preface(
              *std::move(socket), peer::Source{"operator/local"}, kPatience,
              [&who, channel, purpose](peer::StreamSocket stream, const Status& written) {
                ASSERT_TRUE(written);
                peer::SecureStream::Events events;
                // Not shared: the channel holds the stream, which holds these.
                const std::weak_ptr<OperatorChannel> observer = channel;
                events.established = [observer](const auto&) {
                  if (const auto seen = observer.lock()) seen->established = true;
                };
                events.record = [observer](const base::SecretBytes& record) {
                  const auto seen = observer.lock();
                  if (!seen) return;
                  seen->replies.push_back(
                      decode_admin_reply(record.expose(base::SecretAccess{})).value());
                };
                events.ended = [observer](const Status& status) {
                  if (const auto seen = observer.lock()) seen->ended = status;
                };
                channel->stream = peer::SecureStream::initiate(std::move(stream), who.party,
                                                               who.key, purpose, std::move(events));
              });
        });
    return channel;
  }
  std::shared_ptr<OperatorChannel> admit(Operator& who) {
    const auto before = custodian_->counts().operators;
    auto channel = dial(who);
    run_until([&] { return channel->established && custodian_->counts().operators > before; });
    return channel;
  }
  using CustodianTest::admit;
  using CustodianTest::dial;
  // What it was told in the end.
  std::string refusal(const std::shared_ptr<OperatorChannel>& channel) {
    run_until([&] { return channel->ended.has_value(); });
    return channel->established ? "admitted" : channel->ended->error().to_string();
  }
  static Status ask(const std::shared_ptr<OperatorChannel>& channel, std::uint64_t id,
                    AdminBody body) {
    const base::SecretBytes request = encode(AdminRequest{id, std::move(body)});
    return channel->stream->send(request.expose(base::SecretAccess{}));
  }
  static Status ask_status(const std::shared_ptr<OperatorChannel>& channel, std::uint64_t id) {
    return ask(channel, id, StatusRequest{});
  }
  // Asks for a new key whose record the store does not acknowledge yet.
  std::shared_ptr<OperatorChannel> ask_for_a_key_that_waits() {
    loaded_.store.answers_later = true;
    auto channel = admit(dana_);
    EXPECT_TRUE(ask(channel, 1, CreateKeyRequest{"payments/card", KeyType::p256, false}));
    run_until([&] { return !loaded_.shared.waiting.empty(); });
    EXPECT_TRUE(events("request_administered").empty());
    return channel;
  }

  Operator dana_{world_, key_of(80)}, evan_{world_, key_of(81)};
};

}  // namespace concordat::keyservice

#include "keyservice/key_server.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include "tests/peer/dialogue.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;

// Who asks was admitted by a real handshake under the sample policy: payments may get and sign
// "payments/*", reports may get "reports/daily".
class KeyServerTest : public testing::Test {
 protected:
  KeyServerTest() { pin(server_.root().commitment()); }
  void pin(const RootCommitment& commitment) {
    world_.edit_policy = [commitment](const std::string& text) {
      return test::replaced(text, "\"generations\": []",
                            R"("generations": [{"generation": 1, "state": "current", )"
                            R"("commitment": ")" +
                                commitment.hex() + "\"}]");
    };
  }
  policy::AdmittedPeer admitted(const std::string& image, const std::string& role) {
    test::TestEnclave worker(world_, image, role);
    peer::Dialogue dialogue(world_, worker, custodian_);
    dialogue.run();
    return peer::enclave_of(std::move(dialogue.responder()).take_established());
  }
  ResponseBody ask(const policy::AdmittedPeer& peer, const Request& request) {
    const ServedRequest served =
        server_.serve(*world_.policy(1), peer, encode(request), test::kNow);
    return decode_response(served.response, request.operation()).value().body;
  }
  static std::string code(const ResponseBody& body) {
    const auto* failure = std::get_if<Failure>(&body);
    return failure == nullptr ? "" : failure->code;
  }

  test::TestWorld world_;
  test::TestEnclave custodian_{world_, "custodian-1", "custodian"};
  KeyServer server_{Root::create(1, base::SecretBytes::random(kRootSize)).value()};
};

TEST_F(KeyServerTest, ReleasesWhatIsGrantedAndNothingElse) {
  const auto payments = admitted("payments-1", "payments");
  const auto reports = admitted("reports-1", "reports");
  EXPECT_EQ(code(ask(payments, {1, GetRequest{"payments/a"}})), "");
  EXPECT_EQ(code(ask(reports, {1, GetRequest{"payments/a"}})), "not_granted");
  EXPECT_EQ(code(ask(reports, {1, GetRequest{"reports/daily"}})), "");
  EXPECT_EQ(code(ask(reports, {1, SignRequest{"reports/daily", {1}}})), "not_granted")
      << "get does not imply sign";
  EXPECT_EQ(code(ask(payments, {1, GetRequest{"reports/daily"}})), "not_granted");
  EXPECT_EQ(code(ask(payments, {1, GetRequest{"payments/../x"}})), "bad_key_name");
}

TEST_F(KeyServerTest, SignaturesVerifyAsOrdinaryEd25519) {
  const auto payments = admitted("payments-1", "payments");
  const Bytes message{1, 2, 3};
  const auto body = ask(payments, {1, SignRequest{"payments/signer", message}});
  const auto& signature = std::get<Signature>(body);
  EXPECT_EQ(crypto_sign_verify_detached(signature.signature.view().data(), message.data(),
                                        message.size(), signature.public_key.view().data()),
            0);
  const auto again = ask(payments, {2, SignRequest{"payments/signer", message}});
  EXPECT_EQ(std::get<Signature>(again).public_key, signature.public_key);
}

TEST_F(KeyServerTest, AChannelMadeUnderAnotherPolicyIsServedNothing) {
  const auto payments = admitted("payments-1", "payments");
  const Request request{1, GetRequest{"payments/a"}};
  const ServedRequest served =
      server_.serve(*world_.policy(2), payments, encode(request), test::kNow);
  EXPECT_TRUE(served.outcome.error().is(Errc::not_ready));
}

TEST_F(KeyServerTest, ARootThatThePolicyReplacedServesNobody) {
  pin(Root::create(1, base::SecretBytes::random(kRootSize)).value().commitment());
  const auto payments = admitted("payments-1", "payments");
  EXPECT_EQ(code(ask(payments, {1, GetRequest{"payments/a"}})), "wrong_root");
  world_.edit_policy = {};
  const auto unpinned = admitted("payments-1", "payments");
  EXPECT_EQ(code(ask(unpinned, {1, GetRequest{"payments/a"}})), "wrong_root");
}

TEST_F(KeyServerTest, AnotherPurposeOpensNoKeys) {
  const auto pinned = world_.edit_policy;
  world_.edit_policy = [pinned](const std::string& text) {
    return test::replaced(pinned(text), "\"purposes\": {",
                          R"("purposes": {"tunnel/ledger": {"initiator": ["payments"], )"
                          R"("responder": ["custodian"]},)");
  };
  test::TestEnclave worker(world_, "payments-1", "payments");
  peer::Dialogue dialogue(world_, worker, custodian_);
  dialogue.purpose = "tunnel/ledger";
  dialogue.run();
  ASSERT_TRUE(dialogue.both_established());
  const auto peer = peer::enclave_of(std::move(dialogue.responder()).take_established());
  EXPECT_EQ(code(ask(peer, {1, GetRequest{"payments/a"}})), "not_ready");
}

// A worker that dialled the custodian admitted it too. That admits it to nothing: keys go to those
// who dial, even where a grant names the custodian's role.
TEST_F(KeyServerTest, WhoeverAnsweredAsCustodianIsServedNothing) {
  const auto pinned = world_.edit_policy;
  world_.edit_policy = [pinned](const std::string& text) {
    return test::replaced(pinned(text), "\"role\": \"payments\"", "\"role\": \"custodian\"");
  };
  test::TestEnclave worker(world_, "payments-1", "payments");
  peer::Dialogue dialogue(world_, worker, custodian_);
  dialogue.run();
  ASSERT_TRUE(dialogue.both_established());
  const auto answered = peer::enclave_of(std::move(dialogue.initiator()).take_established());
  ASSERT_EQ(answered.role(), "custodian");
  EXPECT_EQ(code(ask(answered, {1, GetRequest{"payments/a"}})), "not_ready");
}

TEST_F(KeyServerTest, MalformedRequestsGetAnAnswerWithTheirId) {
  const auto payments = admitted("payments-1", "payments");
  const Bytes bad{0x82, 0x05, 0x01};
  const ServedRequest served = server_.serve(*world_.policy(1), payments, bad, test::kNow);
  EXPECT_TRUE(served.outcome.error().is(Errc::malformed_request));
  EXPECT_EQ(response_id(served.response).value(), 5u);
}

}  // namespace
}  // namespace concordat::keyservice

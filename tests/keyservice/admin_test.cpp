// Operators' requests: every message strictly read, responses in parts, who is answered what.
#include <gtest/gtest.h>

#include "attest/base/cbor.hpp"
#include "keyservice/admin_server.hpp"
#include "tests/peer/dialogue.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::BytesView;
using base::cbor::Writer;

CustodianStatus sample_status() {
  CustodianStatus status;
  status.enclave = {"1.2.3", "i-0123-enc4567", {}};
  status.enclave.pcrs.emplace(0, test::image_pcr("custodian-1", 0));
  status.enclave.pcrs.emplace(16, test::image_pcr("custodian-1", 1));
  status.role = "custodian";
  status.policy_serial = 7;
  status.policy_digest = base::sha256({base::as_bytes("policy")});
  status.root.emplace();
  status.root->generation = 2;
  status.now = test::kNow;
  status.uptime = std::chrono::hours(5);
  status.anchor_age = std::chrono::seconds(9);
  status.counts = {1, 2, 3, 4, 5, 6};
  status.channels = {{"payments", 2}, {"reports", 1}};
  status.operator_channels = {{"dana", 1}};
  status.memory = {3, 400, 1};
  return status;
}

TEST(CustodianStatusTest, RoundTrips) {
  CustodianStatus status = sample_status();
  const CustodianStatus back = decode_custodian_status(encode(status)).value();
  EXPECT_EQ(encode(back), encode(status));
  EXPECT_EQ(back.enclave.pcrs, status.enclave.pcrs);
  EXPECT_EQ(back.channels, status.channels);
  EXPECT_EQ(back.root->generation, 2u);
  status.root.reset();
  EXPECT_FALSE(decode_custodian_status(encode(status)).value().root);
}

TEST(CustodianStatusTest, EveryTruncationIsRefused) {
  const Bytes whole = encode(sample_status());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_TRUE(
        decode_custodian_status(BytesView(whole).first(n)).error().is(Errc::malformed_response))
        << n;
  }
}

// A custodian may be newer than the operator's program, never older than what it must say.
TEST(CustodianStatusTest, WhatIsUnknownIsPassedOverAndWhatIsMissingIsNot) {
  const Bytes whole = encode(sample_status());
  // A map of 21 entries: its head is the one byte 0xb5.
  ASSERT_EQ(whole.at(0), 0xb5);
  Bytes more = whole;
  more[0] = 0xb6;
  base::append(more, Writer().text("a new one").array(1).uint(1).view());
  EXPECT_EQ(encode(decode_custodian_status(more).value()), whole);
  Bytes twice = whole;
  twice[0] = 0xb6;
  base::append(twice, Writer().text("version").text("x").view());
  EXPECT_TRUE(decode_custodian_status(twice).error().is(Errc::malformed_response));
  EXPECT_TRUE(decode_custodian_status(Writer().map(0).view()).error().is(Errc::malformed_response));
}

TEST(AdminMessages, RequestsAreStrict) {
  const Bytes whole = encode(AdminRequest{9, StatusRequest{}});
  EXPECT_EQ(decode_admin_request(whole).value().id, 9u);
  for (std::size_t n = 0; n < whole.size(); ++n)
    EXPECT_FALSE(decode_admin_request(BytesView(whole).first(n))) << n;
  Bytes longer = whole;
  longer.push_back(0);
  EXPECT_TRUE(decode_admin_request(longer).error().is(Errc::malformed_request));
  const Bytes other = std::move(Writer().array(2).uint(1).text("get")).take();
  EXPECT_TRUE(decode_admin_request(other).error().is(Errc::unknown_operation));
  const Bytes argument = std::move(Writer().array(3).uint(1).text("status").uint(1)).take();
  EXPECT_TRUE(decode_admin_request(argument).error().is(Errc::unknown_operation));
  EXPECT_TRUE(decode_admin_request(Bytes(kMaxRequest + 1)).error().is(Errc::message_too_large));
}

TEST(AdminMessages, AResponseIsItsPartsAndOneEnd) {
  std::vector<std::uint64_t> seen;
  AdminResponseReader reader(5, [&](const AdminReply& part) -> base::Status {
    base::cbor::Reader items(part.items);
    for (std::size_t i = 0; i < part.count; ++i) {
      CONCORDAT_TRY(const std::uint64_t item, items.read_uint());
      seen.push_back(item);
    }
    return items.finish();
  });
  EXPECT_FALSE(reader.take(encode_part(5, 2, Writer().uint(10).uint(11).view())).value());
  EXPECT_FALSE(reader.take(encode_part(5, 0, {})).value());
  EXPECT_FALSE(reader.take(encode_part(5, 1, Writer().uint(12).view())).value());
  const auto last = reader.take(encode_last(5, 1, Writer().uint(3).view())).value();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->count, 1u);
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{10, 11, 12}));
}

TEST(AdminMessages, AFailureEndsAResponseHalfWay) {
  AdminResponseReader reader(5, [](const AdminReply&) { return base::Status(); });
  EXPECT_FALSE(reader.take(encode_part(5, 0, {})).value());
  const auto failed = reader.take(encode_failure(5, {"store_failed", "gone"}));
  EXPECT_TRUE(failed.error().is(Errc::refused_by_custodian));
  EXPECT_EQ(failed.error().detail(), "store_failed: gone");
}

TEST(AdminMessages, WhatIsNoResponseToTheRequestIsRefused) {
  const auto refused = [](BytesView record) {
    AdminResponseReader reader(5, {});
    return reader.take(record).error().is(Errc::malformed_response);
  };
  EXPECT_TRUE(refused(encode_last(6, 0, {}))) << "to another request";
  EXPECT_TRUE(refused(encode_part(5, 0, {}))) << "a part of what does not list";
  EXPECT_TRUE(refused(encode_last(5, 1, {}))) << "an item is missing";
  EXPECT_TRUE(refused(encode_last(5, 0, Writer().uint(1).view()))) << "one item too many";
  EXPECT_TRUE(refused(Writer().array(2).uint(5).uint(3).view())) << "another kind";
  EXPECT_TRUE(refused(Writer().array(3).uint(5).uint(1).text("x").view())) << "half a failure";
  EXPECT_TRUE(refused({}));
}

// Who asks was admitted by a real handshake.
class AdminServerTest : public testing::Test {
 protected:
  AdminServerTest() {
    world_.edit_policy = [this](std::string text) {
      text = test::replaced(std::move(text), "\"purposes\": {",
                            "\"purposes\": {\"audit\": {\"initiator\": [], \"responder\": "
                            "[\"custodian\"]},");
      return test::with_operator(std::move(text), "dana", dana_.public_key(),
                                 "\"admin\", \"audit\"");
    };
  }
  policy::AdmittedOperator admitted(const std::string& purpose = "admin") {
    peer::Dialogue d(world_, dana_, custodian_);
    d.purpose = purpose;
    d.run();
    return std::get<policy::AdmittedOperator>(std::move(d.responder()).take_established().peer);
  }
  // The last record, or the failure's code.
  std::string ask(const policy::AdmittedOperator& who, BytesView request,
                  std::uint64_t serial = 1) {
    ServedAdmin served = server_.serve(*world_.policy(serial), who, request);
    const AdminReply reply = decode_admin_reply(served.answer->next().value()).value();
    EXPECT_FALSE(served.answer->next()) << "one record";
    EXPECT_EQ(served.outcome.has_value(), reply.kind == AdminReplyKind::last);
    if (reply.kind == AdminReplyKind::failure) return reply.failure.code;
    return decode_custodian_status(reply.items).value().enclave.module_id;
  }

  policy::SigningKey dana_ = test::operator_key();
  test::TestWorld world_;
  test::TestEnclave custodian_{world_, "custodian-1", "custodian"};
  AdminServer server_{[] { return base::Result<CustodianStatus>(sample_status()); }};
};

TEST_F(AdminServerTest, AnswersAnOperatorOfItsPurpose) {
  const Bytes request = encode(AdminRequest{1, StatusRequest{}});
  EXPECT_EQ(ask(admitted(), request), "i-0123-enc4567");
}

TEST_F(AdminServerTest, AChannelOfAnotherPurposeOrPolicyIsServedNothing) {
  const Bytes request = encode(AdminRequest{1, StatusRequest{}});
  EXPECT_EQ(ask(admitted("audit"), request), "not_ready");
  EXPECT_EQ(ask(admitted(), request, 2), "not_ready");
}

TEST_F(AdminServerTest, EveryRefusalIsAnsweredUnderItsId) {
  const Bytes unknown = std::move(Writer().array(2).uint(77).text("keys")).take();
  EXPECT_EQ(ask(admitted(), unknown), "unknown_operation");
  ServedAdmin served = server_.serve(*world_.policy(1), admitted(), unknown);
  EXPECT_EQ(decode_admin_reply(served.answer->next().value()).value().id, 77u);
  EXPECT_EQ(ask(admitted(), Bytes{0xff}), "malformed_request");
  server_ = AdminServer([] { return base::Result<CustodianStatus>(base::Error(Errc::not_ready)); });
  EXPECT_EQ(ask(admitted(), encode(AdminRequest{1, StatusRequest{}})), "not_ready");
}

}  // namespace
}  // namespace concordat::keyservice

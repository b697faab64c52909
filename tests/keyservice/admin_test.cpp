// Operators' requests: every message strictly read, responses in parts, who is answered what.
#include <gtest/gtest.h>

#include <set>

#include "attest/base/cbor.hpp"
#include "policy/recovery_order.hpp"
#include "tests/keyring/keys.hpp"
#include "tests/keyservice/admin_fixture.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::BytesView;
using base::cbor::Writer;

TEST(CustodianStatusTest, RoundTrips) {
  CustodianStatus status = sample_status();
  const CustodianStatus back = decode_custodian_status(encode(status)).value();
  EXPECT_EQ(encode(back), encode(status));
  EXPECT_EQ(back.enclave.pcrs, status.enclave.pcrs);
  EXPECT_EQ(back.channels, status.channels);
  EXPECT_EQ(back.root->generation, 2u);
  EXPECT_EQ(back.keyring->keys, 12u);
  EXPECT_EQ(back.keyring->head, status.keyring->head);
  EXPECT_TRUE(back.audit_log.takes_entries);
  EXPECT_EQ(back.audit_log.size, 1234u);
  EXPECT_EQ(back.audit_log.last, test::kNow);
  status.keyring->is_loaded = false;
  status.trouble = "rolled_back";
  EXPECT_EQ(decode_custodian_status(encode(status)).value().trouble, "rolled_back");
  EXPECT_FALSE(decode_custodian_status(encode(status)).value().keyring->is_loaded);
  status.root.reset();
  status.keyring.reset();
  const CustodianStatus without = decode_custodian_status(encode(status)).value();
  EXPECT_FALSE(without.root || without.keyring);
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
  // The head of a map of 24 entries: two bytes.
  ASSERT_EQ(whole.at(0), 0xb8);
  ASSERT_EQ(whole.at(1), 24);
  Bytes more = whole;
  more[1] = 25;
  base::append(more, Writer().text("a new one").array(1).uint(1).view());
  EXPECT_EQ(encode(decode_custodian_status(more).value()), whole);
  Bytes twice = whole;
  twice[1] = 25;
  base::append(twice, Writer().text("version").text("x").view());
  EXPECT_TRUE(decode_custodian_status(twice).error().is(Errc::malformed_response));
  EXPECT_TRUE(decode_custodian_status(Writer().map(0).view()).error().is(Errc::malformed_response));
}

// Every request that there is.
std::vector<AdminBody> every_request() {
  std::vector<AdminBody> out;
  out.emplace_back(StatusRequest{});
  out.emplace_back(ListKeysRequest{"payments/*"});
  out.emplace_back(DescribeKeyRequest{"payments/card"});
  out.emplace_back(CreateKeyRequest{"payments/card", KeyType::p256, true});
  out.emplace_back(ImportKeyRequest{"payments/card", KeyType::hmac, true, 7, KeyFormat::pkcs8,
                                    secret(Bytes{1, 2, 3})});
  out.emplace_back(RotateKeyRequest{"payments/card", 7, true});
  for (const VersionState state :
       {VersionState::enabled, VersionState::disabled, VersionState::destroyed}) {
    out.emplace_back(SetKeyStateRequest{state, "payments/card", 3, true});
  }
  out.emplace_back(SetMinimumVersionRequest{"payments/card", 3, true});
  out.emplace_back(RewrapRequest{{4, 5}, {6, 7, 8}});
  out.emplace_back(MakeRecoverySetRequest{{1, 2}});
  out.emplace_back(AttestRestoringRequest{Bytes(32, 3), true});
  out.emplace_back(StartRestoringRequest{{4}, {5, 6}});
  out.emplace_back(ContributeShareRequest{{7}});
  out.emplace_back(RestoringStatusRequest{});
  return out;
}

Bytes encoded(std::uint64_t id, AdminBody body) {
  return base::to_bytes(encode(AdminRequest{id, std::move(body)}).expose(base::SecretAccess{}));
}

TEST(AdminMessages, RequestsComeAsTheyWereSent) {
  std::set<std::string> operations;
  for (AdminBody& body : every_request()) {
    const std::size_t index = body.index();
    const Bytes whole = encoded(9, std::move(body));
    AdminRequest back = decode_admin_request(whole).value();
    EXPECT_EQ(back.id, 9u);
    EXPECT_EQ(back.body.index(), index);
    operations.emplace(back.operation());
    EXPECT_EQ(encoded(9, std::move(back.body)), whole);
  }
  EXPECT_EQ(operations.size(), 16u);
  AdminBody import = std::move(every_request().at(4));
  const AdminRequest back = decode_admin_request(encoded(1, std::move(import))).value();
  const auto& read = std::get<ImportKeyRequest>(back.body);
  EXPECT_EQ(back.key_name(), "payments/card");
  EXPECT_EQ(read.type, KeyType::hmac);
  EXPECT_TRUE(read.exportable);
  EXPECT_EQ(read.newest_version, 7u);
  EXPECT_EQ(read.format, KeyFormat::pkcs8);
  EXPECT_EQ(read.material, secret(Bytes{1, 2, 3}));
}

TEST(AdminMessages, RequestsAreStrict) {
  for (AdminBody& body : every_request()) {
    const Bytes whole = encoded(9, std::move(body));
    for (std::size_t n = 0; n < whole.size(); ++n)
      EXPECT_FALSE(decode_admin_request(BytesView(whole).first(n))) << n;
    Bytes longer = whole;
    longer.push_back(0);
    EXPECT_TRUE(decode_admin_request(longer).error().is(Errc::malformed_request));
    ++longer[0];  // one item more
    EXPECT_FALSE(decode_admin_request(longer));
    // Whatever is read is the one encoding of what it says.
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const std::uint8_t byte : Bytes{0x00, 0x17, 0x18, 0x40, 0x60, 0xf4, 0xf5, 0xf6, 0xff}) {
        Bytes changed = whole;
        changed[at] = byte;
        auto read = decode_admin_request(changed);
        if (!read) continue;
        EXPECT_EQ(encoded(read->id, std::move(read->body)), changed) << at;
      }
    }
  }
  const Bytes other = std::move(Writer().array(2).uint(1).text("get")).take();
  EXPECT_TRUE(decode_admin_request(other).error().is(Errc::unknown_operation));
  const Bytes argument = std::move(Writer().array(3).uint(1).text("status").uint(1)).take();
  EXPECT_TRUE(decode_admin_request(argument).error().is(Errc::unknown_operation));
  EXPECT_TRUE(decode_admin_request(Bytes(kMaxRequest + 1)).error().is(Errc::message_too_large));
  const auto named = [](std::size_t size) {
    return std::move(Writer().array(2).uint(1).text(std::string(size, 'o'))).take();
  };
  EXPECT_TRUE(decode_admin_request(named(kMaxAdminOperation)).error().is(Errc::unknown_operation));
  EXPECT_TRUE(
      decode_admin_request(named(kMaxAdminOperation + 1)).error().is(Errc::malformed_request));
}

TEST(AdminMessages, WhatARequestHoldsIsBounded) {
  const auto taken = [](AdminBody body) {
    return decode_admin_request(encoded(1, std::move(body))).has_value();
  };
  const Bytes order(policy::limits::kOrderEnvelopeBytes), set(recovery::kMaxSet);
  EXPECT_TRUE(taken(StartRestoringRequest{order, set}));
  EXPECT_FALSE(taken(StartRestoringRequest{order, Bytes(set.size() + 1)}));
  EXPECT_FALSE(taken(MakeRecoverySetRequest{Bytes(order.size() + 1)}));
  EXPECT_FALSE(taken(AttestRestoringRequest{Bytes(33), false}));
  EXPECT_TRUE(taken(ContributeShareRequest{Bytes(recovery::kMaxContribution)}));
  EXPECT_FALSE(taken(ContributeShareRequest{Bytes(recovery::kMaxContribution + 1)}));
  const auto name = [](std::size_t size) { return std::string(size, 'k'); };
  EXPECT_TRUE(taken(DescribeKeyRequest{name(kMaxKeyName)}));
  EXPECT_FALSE(taken(DescribeKeyRequest{name(kMaxKeyName + 1)}));
  EXPECT_TRUE(taken(ListKeysRequest{name(kMaxKeyName) + "/*"}));
  EXPECT_FALSE(taken(ListKeysRequest{name(kMaxKeyName + 1) + "/*"}));
  const auto import = [](std::size_t size) {
    return ImportKeyRequest{"k", KeyType::hmac, false, 0, KeyFormat::raw, secret(Bytes(size, 1))};
  };
  EXPECT_TRUE(taken(import(kMaxPkcs8)));
  EXPECT_FALSE(taken(import(kMaxPkcs8 + 1)));
  EXPECT_TRUE(taken(RewrapRequest{Bytes(kMaxAssociatedData), Bytes(kMaxEnvelope)}));
  EXPECT_FALSE(taken(RewrapRequest{Bytes(kMaxAssociatedData + 1), Bytes(1)}));
  EXPECT_FALSE(taken(RewrapRequest{Bytes(1), Bytes(kMaxEnvelope + 1)}));
  const auto with_numbers = [](std::uint64_t type, std::uint64_t newest, std::uint64_t format) {
    Writer out;
    out.array(8).uint(1).text("import").text("k").uint(type).boolean(false).uint(newest);
    out.uint(format).bytes(Bytes(32, 1));
    return decode_admin_request(out.view()).has_value();
  };
  EXPECT_TRUE(with_numbers(7, UINT32_MAX, 2));
  EXPECT_FALSE(with_numbers(8, 1, 2)) << "no such type";
  EXPECT_FALSE(with_numbers(0, 1, 2));
  EXPECT_FALSE(with_numbers(7, std::uint64_t{UINT32_MAX} + 1, 2));
  EXPECT_FALSE(with_numbers(7, 1, 3)) << "no such format";
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

TEST(AdminMessages, WhatAPartHoldsIsBounded) {
  const auto taken = [](std::size_t items) {
    std::size_t seen = 0;
    AdminResponseReader reader(5, [&](const AdminReply& part) {
      seen = part.count;
      return base::Status();
    });
    Writer out;
    for (std::size_t i = 0; i < items; ++i)
      out.uint(1);
    const auto last = reader.take(encode_part(5, items, out.view()));
    EXPECT_EQ(seen, last ? items : 0u);
    return last.has_value();
  };
  constexpr std::size_t kHead = 2;  // id and kind, before the items
  EXPECT_TRUE(taken(kMaxAdminItems - kHead));
  EXPECT_FALSE(taken(kMaxAdminItems - kHead + 1));
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

class AdminServerTest : public AdminFixture {
 protected:
  // The module that the status is of, or the failure's code.
  std::string status(const policy::AdmittedOperator& who, std::uint64_t serial = 1) {
    const Answer answer = ask_encoded(who, encoded(1, StatusRequest{}), serial);
    EXPECT_EQ(answer.served.outcome.has_value(), answer.code().empty());
    if (!answer.code().empty()) return answer.code();
    return decode_custodian_status(answer.last.items).value().enclave.module_id;
  }
};

TEST_F(AdminServerTest, AnswersAnOperatorOfItsPurpose) {
  EXPECT_EQ(status(admitted()), "i-0123-enc4567");
}

TEST_F(AdminServerTest, AChannelOfAnotherPurposeOrPolicyIsServedNothing) {
  EXPECT_EQ(status(admitted("audit")), "not_ready");
  EXPECT_EQ(status(admitted(), 2), "not_ready");
  for (AdminBody& body : every_request()) {
    const Answer answer = ask_encoded(admitted("audit"), encoded(1, std::move(body)));
    EXPECT_EQ(answer.code(), "not_ready") << answer.served.operation;
    EXPECT_TRUE(answer.parts.empty());
  }
}

TEST_F(AdminServerTest, EveryRefusalIsAnsweredUnderItsId) {
  const Bytes unknown = std::move(Writer().array(2).uint(77).text("keys")).take();
  const Answer refused = ask_encoded(admitted(), unknown);
  EXPECT_EQ(refused.code(), "unknown_operation");
  EXPECT_EQ(refused.last.id, 77u);
  EXPECT_EQ(ask_encoded(admitted(), Bytes{0xff}).code(), "malformed_request");
  status_ = base::Error(Errc::not_ready);
  EXPECT_EQ(status(admitted()), "not_ready");
}

}  // namespace
}  // namespace concordat::keyservice

// Receipts verify offline, by whoever has the authorities' descriptors, and nothing in them can be
// changed.
#include <gmock/gmock.h>

#include "session/receipt.hpp"
#include "tests/session_forming/session_world.hpp"

namespace concordat::session {
namespace {

using base::Bytes;

class Receipts : public testing::Test {
 protected:
  std::deque<Instance>& formed(std::uint64_t seed, const std::string& id = "sums/2026-01") {
    net_ = std::make_unique<RelayNet>(world_, seed);
    const auto descriptor = world_.descriptor(id);
    for (PartyIndex index = 1; index <= 3; ++index)
      net_->start(index, descriptor);
    net_->run();
    for (const Instance& instance : net_->instances())
      EXPECT_TRUE(instance.formed);
    return net_->instances();
  }
  [[nodiscard]] auto verify(base::BytesView receipt) const {
    return verify_receipt(receipt, world_.authorities(), world_.anchors);
  }
  // With confirmations by whoever sits now, whatever the session was made to say.
  [[nodiscard]] Bytes made(const FormedSession& session, base::BytesView result,
                           base::UnixMillis time) const {
    const auto confirmations = confirm(net_->instances(), session.run, result);
    return make_receipt(session, session.key, result, confirmations, time).value();
  }

  SessionWorld world_{3};
  std::unique_ptr<RelayNet> net_;
};

TEST_F(Receipts, OfEveryPartyVerify) {
  const auto& instances = formed(1);
  for (std::size_t i = 0; i < instances.size(); ++i) {
    const Instance& instance = instances[i];
    const Bytes receipt = receipt_of(instances, i, base::as_bytes("42"), world_.wall).value();
    const auto verified = verify(receipt);
    ASSERT_TRUE(verified) << verified.error().to_string();
    EXPECT_EQ(verified->party, instance.index);
    EXPECT_EQ(verified->run, instance.formed->run);
    EXPECT_EQ(verified->result, base::sha256({base::as_bytes("42")}));
    EXPECT_EQ(verified->time, world_.wall);
    EXPECT_EQ(verified->claims.size(), 3u);
    EXPECT_EQ(verified->claims.at(2).module_id(), verified->roster.seat(2)->module_id);
  }
}

TEST_F(Receipts, NoByteCanBeChanged) {
  const Bytes receipt = receipt_of(formed(2), 0, base::as_bytes("42"), world_.wall).value();
  std::size_t accepted = 0;
  for (std::size_t i = 0; i < receipt.size(); i += 23) {
    Bytes changed = receipt;
    changed[i] ^= 0x01;
    accepted += verify(changed) ? 1 : 0;
  }
  EXPECT_EQ(accepted, 0u);
  EXPECT_TRUE(verify(base::BytesView(receipt).first(receipt.size() - 1))
                  .error()
                  .is(ReceiptErrc::malformed));
}

TEST_F(Receipts, NothingOfAnotherRunFits) {
  auto& older = formed(3);
  FormedSession old = std::move(*older[0].formed);
  auto& newer = formed(4);
  FormedSession& session = *newer[0].formed;
  const auto with = [&](auto change) {
    // Shown by the parts that a maker of receipts holds; each is put back.
    const auto evidence = session.evidence;
    const auto roster = session.encoded_roster;
    const auto run = session.run;
    change();
    const auto receipt = made(session, base::as_bytes("42"), world_.wall);
    session.evidence = evidence;
    session.encoded_roster = roster;
    session.run = run;
    return verify(receipt);
  };
  EXPECT_TRUE(with([] {}));
  EXPECT_TRUE(with([&] { session.evidence.at(2).document = old.evidence.at(2).document; })
                  .error()
                  .is(ReceiptErrc::document_differs));
  EXPECT_TRUE(with([&] { session.evidence.at(2).signature = old.evidence.at(2).signature; })
                  .error()
                  .is(ReceiptErrc::not_signed));
  EXPECT_TRUE(with([&] { session.evidence.at(2).document = session.evidence.at(3).document; })
                  .error()
                  .is(ReceiptErrc::document_differs));
  // A whole older group, signed by a key of the newer one.
  EXPECT_TRUE(with([&] {
                session.evidence = old.evidence;
                session.encoded_roster = old.encoded_roster;
                session.run = old.run;
              })
                  .error()
                  .is(ReceiptErrc::not_confirmed));
  EXPECT_TRUE(with([&] { session.evidence.erase(3); }).error().is(ReceiptErrc::malformed));
}

// A receipt is every party's word about the result, and not its maker's alone.
TEST_F(Receipts, HoldTheConfirmationOfEveryParty) {
  const auto& instances = formed(6);
  const FormedSession& session = *instances[0].formed;
  const auto result = base::as_bytes("42");
  const auto make = [&](const Confirmations& confirmations) {
    return make_receipt(session, session.key, result, confirmations, world_.wall);
  };
  const auto refused = [&](const Confirmations& confirmations, const std::string& words) {
    const auto made = make(confirmations);
    return !made && made.error().is(ReceiptErrc::not_confirmed) &&
           made.error().detail().find(words) != std::string::npos;
  };
  const Confirmations all = confirm(instances, session.run, result);
  const Bytes receipt = make(all).value();
  Confirmations changed = all;
  changed.erase(3);
  EXPECT_TRUE(refused(changed, "none of party 3"));
  // Of another result, of another run, of another party.
  changed = all;
  changed[2] = confirm(instances, session.run, base::as_bytes("43")).at(2);
  EXPECT_TRUE(refused(changed, "by party 2"));
  changed[2] = confirm(instances, RunId(), result).at(2);
  EXPECT_TRUE(refused(changed, "by party 2"));
  changed[2] = all.at(3);
  EXPECT_TRUE(refused(changed, "by party 2"));
  changed = all;
  changed[4] = all.at(1);
  EXPECT_TRUE(refused(changed, "by who has no seat"));
  // And whoever verifies does not rely on who made it: one confirmation for another.
  const auto& good = all.at(2).view();
  const auto at = std::ranges::search(receipt, good);
  ASSERT_FALSE(at.empty());
  Bytes forged = receipt;
  std::ranges::copy(confirm(instances, session.run, base::as_bytes("43")).at(2).view(),
                    forged.begin() + (at.begin() - receipt.begin()));
  const auto verified = verify(forged);
  ASSERT_FALSE(verified);
  EXPECT_TRUE(verified.error().is(ReceiptErrc::not_confirmed)) << verified.error().to_string();
  EXPECT_NE(verified.error().detail().find("party 2"), std::string::npos);
}

TEST_F(Receipts, OfAnotherSessionOrTimeOrAuthorityAreRefused) {
  auto& instances = formed(5);
  FormedSession& session = *instances[0].formed;
  const auto other = world_.descriptor("sums/other");
  const auto own = session.descriptor;
  session.descriptor = other;
  EXPECT_TRUE(verify(made(session, {}, world_.wall)).error().is(ReceiptErrc::other_session));
  session.descriptor = own;
  EXPECT_TRUE(verify(made(session, {}, world_.wall + std::chrono::hours(2)))
                  .error()
                  .is(ReceiptErrc::outside_session));
  const Bytes receipt = made(session, {}, world_.wall);
  EXPECT_TRUE(verify(receipt));
  EXPECT_TRUE(
      verify_receipt(receipt, {}, world_.anchors).error().is(DescriptorErrc::authority_missing));
  const SessionWorld elsewhere(3);
  EXPECT_FALSE(verify_receipt(receipt, world_.authorities(), elsewhere.anchors));
}

}  // namespace
}  // namespace concordat::session

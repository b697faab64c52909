#include "attest/mint.hpp"

#include <gtest/gtest.h>

#include "attest/base/cbor.hpp"
#include "tests/nsm/fake_nsm.hpp"

namespace concordat::attest {
namespace {

using base::Bytes;
using base::BytesView;
using base::cbor::Writer;

constexpr std::array kPurposes{Purpose::handshake_initiator,
                               Purpose::handshake_responder,
                               Purpose::kms_recipient,
                               Purpose::genesis,
                               Purpose::application,
                               Purpose::audit,
                               Purpose::recovery_set,
                               Purpose::recovery_target,
                               Purpose::session_initiator,
                               Purpose::session_responder,
                               Purpose::clock};

UserDataItems two_items() {
  Writer writer;
  writer.uint(5).map(1).text("k").bytes(Bytes{1});
  return {std::move(writer).take(), 2};
}

// A request that the purpose's row allows.
MintRequest good_request(Purpose purpose) {
  MintRequest request{purpose, {}, {}, {}};
  if (!domain_of(purpose).empty()) request.items = two_items();
  if (purpose == Purpose::handshake_initiator || purpose == Purpose::handshake_responder ||
      purpose == Purpose::session_initiator || purpose == Purpose::session_responder) {
    request.nonce = Bytes(32, 7);
    request.public_key = Bytes(44, 8);
  }
  if (purpose == Purpose::kms_recipient) request.public_key = Bytes(294, 9);
  if (purpose == Purpose::recovery_set) request.nonce = Bytes(32, 11);
  if (purpose == Purpose::recovery_target) {
    request.nonce = Bytes(32, 12);
    request.public_key = Bytes(44, 13);
  }
  if (purpose == Purpose::audit) request.public_key = Bytes(44, 10);
  return request;
}

ChosenFields chosen(const nsm::AttestationRequest& r) {
  const auto view = [](const std::optional<Bytes>& field) {
    return field ? std::optional<BytesView>(*field) : std::nullopt;
  };
  return {view(r.user_data), view(r.nonce), view(r.public_key)};
}

nsm::AttestationRequest minted(Purpose purpose) {
  FakeNsm nsm;
  const auto document = mint(nsm, good_request(purpose));
  EXPECT_TRUE(document) << to_string(purpose);
  return nsm.last_attestation;
}

TEST(Mint, UserDataBeginsWithTheDomain) {
  const auto request = minted(Purpose::handshake_initiator);
  Writer expected;
  expected.array(3).text("concordat/1/initiator").raw(two_items().encoded);
  EXPECT_TRUE(base::equal(request.user_data.value(), expected.view()));
  EXPECT_EQ(request.nonce, Bytes(32, 7));
  EXPECT_EQ(request.public_key, Bytes(44, 8));
}

TEST(Mint, NullWhereTheTableSaysNull) {
  const auto kms = minted(Purpose::kms_recipient);
  EXPECT_FALSE(kms.user_data);
  EXPECT_FALSE(kms.nonce);
  const auto application = minted(Purpose::application);
  EXPECT_FALSE(application.public_key);
  const auto clock = minted(Purpose::clock);
  EXPECT_FALSE(clock.user_data || clock.nonce || clock.public_key);
}

TEST(Mint, ADocumentServesItsOwnPurposeAndNoOther) {
  for (const Purpose made : kPurposes) {
    const auto request = minted(made);
    for (const Purpose wanted : kPurposes) {
      const auto checked = check_purpose(wanted, chosen(request));
      EXPECT_EQ(checked.has_value(), made == wanted)
          << to_string(made) << " taken as " << to_string(wanted);
    }
  }
}

TEST(Mint, CheckReturnsWhatFollowsTheDomain) {
  const auto request = minted(Purpose::genesis);
  const auto items = check_purpose(Purpose::genesis, chosen(request));
  ASSERT_TRUE(items);
  EXPECT_EQ(items->count, 2u);
  EXPECT_EQ(items->encoded, two_items().encoded);
  EXPECT_EQ(check_purpose(Purpose::kms_recipient, chosen(minted(Purpose::kms_recipient)))->count,
            0u);
}

TEST(Mint, AsksNothingThatTheTableForbids) {
  const auto refuse = [](MintRequest request, PurposeErrc code) {
    FakeNsm nsm;
    const auto document = mint(nsm, request);
    ASSERT_FALSE(document);
    EXPECT_TRUE(document.error().is(code)) << document.error().to_string();
    EXPECT_EQ(nsm.calls, 0);
  };
  MintRequest application = good_request(Purpose::application);
  application.public_key = Bytes(44);
  refuse(application, PurposeErrc::field_forbidden);
  MintRequest no_nonce = good_request(Purpose::handshake_responder);
  no_nonce.nonce.reset();
  refuse(no_nonce, PurposeErrc::field_missing);
  MintRequest short_key = good_request(Purpose::handshake_responder);
  short_key.public_key = Bytes(43);
  refuse(short_key, PurposeErrc::field_size);
  MintRequest kms = good_request(Purpose::kms_recipient);
  kms.items = two_items();
  refuse(kms, PurposeErrc::field_forbidden);
  MintRequest keyless = good_request(Purpose::kms_recipient);
  keyless.public_key = Bytes();
  refuse(keyless, PurposeErrc::field_size);
  MintRequest miscounted = good_request(Purpose::genesis);
  miscounted.items.count = 1;
  refuse(miscounted, PurposeErrc::user_data_malformed);
}

TEST(Mint, UserDataFillsTheDocumentsLimitAndNoMore) {
  const auto with_size = [](std::size_t size) {
    Writer writer;
    writer.bytes(Bytes(size, 1));
    return MintRequest{Purpose::application, {std::move(writer).take(), 1}, {}, {}};
  };
  FakeNsm nsm;
  // Heads of the array (1), of the domain (1, up to 23 characters) and of the byte string (3).
  const std::size_t overhead = 1 + 1 + domain_of(Purpose::application).size() + 3;
  EXPECT_TRUE(mint(nsm, with_size(1024 - overhead)));
  EXPECT_EQ(nsm.last_attestation.user_data->size(), 1024u);
  EXPECT_TRUE(mint(nsm, with_size(1025 - overhead)).error().is(PurposeErrc::user_data_too_large));
  EXPECT_EQ(nsm.calls, 1);
}

TEST(CheckPurpose, RefusesUserDataThatIsNotTheArray) {
  const auto code = [](std::string_view hex) {
    const Bytes user_data = base::from_hex(hex).value();
    const auto items = check_purpose(Purpose::genesis, {user_data, {}, {}});
    EXPECT_FALSE(items) << hex;
    return items ? base::Error() : items.error();
  };
  const std::string domain = "73636f6e636f726461742f67656e657369732f31";  // text(19)
  for (const std::string& bad :
       {std::string(""), std::string("80"), "80" + domain, domain, "81" + domain + "00",
        "82" + domain, "9f" + domain + "ff", "9801" + domain}) {
    EXPECT_TRUE(code(bad).is(PurposeErrc::user_data_malformed)) << bad;
  }
  EXPECT_TRUE(code("817363").is(PurposeErrc::user_data_malformed));
  EXPECT_TRUE(code("8161"
                   "61")
                  .is(PurposeErrc::other_purpose));
  const Bytes good = base::from_hex("81" + domain).value();
  EXPECT_TRUE(check_purpose(Purpose::genesis, {good, {}, {}}));
}

TEST(CheckPurpose, AnEmptyFieldIsNotNull) {
  const Bytes key(294);
  const Bytes empty;
  EXPECT_TRUE(check_purpose(Purpose::kms_recipient, {{}, {}, key}));
  EXPECT_FALSE(check_purpose(Purpose::kms_recipient, {empty, {}, key}));
  EXPECT_FALSE(check_purpose(Purpose::kms_recipient, {{}, empty, key}));
}

}  // namespace
}  // namespace concordat::attest

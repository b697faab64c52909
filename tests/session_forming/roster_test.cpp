// Rosters and the small texts of forming: one encoding each, and every difference is named.
#include <gmock/gmock.h>

#include "tests/session_forming/session_world.hpp"

namespace concordat::session {
namespace {

using base::Bytes;

template <class Fixed>
Fixed filled(std::uint8_t byte) {
  return Fixed::from(Bytes(Fixed::kSize, byte)).value();
}

class Rosters : public testing::Test {
 protected:
  Rosters() {
    roster_.descriptor = filled<DescriptorDigest>(9);
    for (PartyIndex index = 1; index <= 3; ++index) {
      const auto byte = static_cast<std::uint8_t>(index);
      roster_.seats.push_back({index, filled<SessionPublicKey>(byte), filled<RunNonce>(byte),
                               world_.fields().party(index)->pcr16(), filled<attest::PcrValue>(7),
                               "i-0-enc" + std::to_string(index)});
    }
  }
  SessionWorld world_{3};
  Roster roster_;
};

TEST_F(Rosters, ReadBackAsWritten) {
  const Bytes encoded = encode(roster_);
  const Roster read = decode_roster(encoded).value();
  EXPECT_EQ(read.seats, roster_.seats);
  EXPECT_EQ(read.descriptor, roster_.descriptor);
  EXPECT_TRUE(check_roster(read, world_.fields()));
  for (std::size_t size = 0; size < encoded.size(); ++size) {
    EXPECT_TRUE(decode_roster(base::BytesView(encoded).first(size))
                    .error()
                    .is(FormingErrc::malformed_roster));
  }
  Bytes longer = encoded;
  longer.push_back(0);
  EXPECT_TRUE(decode_roster(longer).error().is(FormingErrc::malformed_roster));
  std::swap(roster_.seats[0], roster_.seats[1]);
  EXPECT_TRUE(decode_roster(encode(roster_)).error().is(FormingErrc::malformed_roster));
}

TEST_F(Rosters, NobodyIsThereTwiceOrMissing) {
  const auto expect = [&](FormingErrc code, const char* words, auto change) {
    Roster changed = roster_;
    change(changed.seats);
    const auto checked = check_roster(changed, world_.fields());
    ASSERT_FALSE(checked);
    EXPECT_TRUE(checked.error().is(code)) << checked.error().to_string();
    EXPECT_THAT(checked.error().detail(), testing::HasSubstr(words));
  };
  expect(FormingErrc::seat_taken, "module id of party 1 (party-1) is that of party 3 (party-3)",
         [](auto& seats) { seats[0].module_id = seats[2].module_id; });
  expect(FormingErrc::seat_taken, "session key", [](auto& seats) { seats[0].key = seats[2].key; });
  expect(FormingErrc::seat_taken, "run nonce",
         [](auto& seats) { seats[1].nonce = seats[2].nonce; });
  expect(FormingErrc::malformed_roster, "2 seats of 3", [](auto& seats) { seats.pop_back(); });
  expect(FormingErrc::malformed_roster, "PCR16",
         [](auto& seats) { seats[1].pcr16 = seats[0].pcr16; });
}

TEST_F(Rosters, TheFieldThatDiffersIsNamed) {
  const auto differs = [&](auto change) {
    Roster there = roster_;
    change(there);
    EXPECT_NE(encode(there), encode(roster_));
    return difference(roster_, there, world_.fields());
  };
  EXPECT_EQ(difference(roster_, roster_, world_.fields()), "");
  EXPECT_EQ(differs([](Roster& r) { r.seats[2].key = filled<SessionPublicKey>(0xcd); }),
            "session key of party 3 (party-3): 0303030303030303.. here, cdcdcdcdcdcdcdcd.. there");
  EXPECT_THAT(differs([](Roster& r) { r.seats[1].nonce = filled<RunNonce>(5); }),
              testing::StartsWith("run nonce of party 2"));
  EXPECT_THAT(differs([](Roster& r) { r.seats[1].pcr16 = filled<attest::PcrValue>(5); }),
              testing::StartsWith("PCR16 of party 2"));
  EXPECT_THAT(differs([](Roster& r) { r.seats[1].pcr0 = filled<attest::PcrValue>(5); }),
              testing::StartsWith("PCR0 of party 2"));
  EXPECT_THAT(differs([](Roster& r) { r.seats[0].module_id = "x\n"; }),
              testing::StartsWith("module id of party 1 (party-1): \"i-0-enc1\" here, \"x\\x0a\""));
  EXPECT_EQ(differs([](Roster& r) { r.seats.pop_back(); }),
            "party 3 (party-3) sits here, not there");
  EXPECT_THAT(differs([](Roster& r) { r.descriptor = filled<DescriptorDigest>(1); }),
              testing::StartsWith("session descriptor: "));
}

TEST_F(Rosters, SeatsAndPairsHaveOneSpelling) {
  const SeatClaim claim{3, filled<SessionPublicKey>(1), filled<RunNonce>(2)};
  EXPECT_EQ(read_seat(seat_extensions(claim)).value().nonce, claim.nonce);
  for (const char* key : {kPartyExtension, kKeyExtension, kNonceExtension}) {
    auto extensions = seat_extensions(claim);
    extensions.at(key).push_back(0);
    EXPECT_TRUE(read_seat(extensions).error().is(FormingErrc::malformed_statement)) << key;
    extensions.erase(key);
    EXPECT_TRUE(read_seat(extensions).error().is(FormingErrc::malformed_statement)) << key;
  }
  auto more = seat_extensions(claim);
  more["x"] = {};
  EXPECT_FALSE(read_seat(more));
  EXPECT_EQ(handshake_purpose(1, 12), "session/1/12");
  EXPECT_EQ(read_purpose("session/1/12").value().responder, 12u);
  for (const char* text : {"session", "session/", "session/1", "session/1/", "session/0/1",
                           "session/01/2", "session/1/2/3", "session/1/123", "session/a/b", "keys"})
    EXPECT_TRUE(read_purpose(text).error().is(FormingErrc::not_for_us)) << text;
}

}  // namespace
}  // namespace concordat::session

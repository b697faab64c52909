#include "keyservice/keyring/state/change.hpp"

#include <gtest/gtest.h>

#include "attest/base/cbor.hpp"
#include "attest/base/secret_access.hpp"
#include "keyservice/keyring/state/errc.hpp"
#include "tests/keyring/custodian.hpp"

namespace concordat::test {
namespace {

using namespace keyservice;

std::vector<Change> one_of_each() {
  std::vector<Change> out;
  out.emplace_back(new_key("payments/cards", 7));
  out.emplace_back(AddVersion{"payments/cards", 0, 2, kNow, generated(8)});
  out.emplace_back(AddVersion{"payments/other", 1, 2, kNow, derived()});
  out.emplace_back(SetState{"payments/cards", 0, 1, VersionState::disabled});
  out.emplace_back(SetMinimum{"payments/cards", 0, 2});
  ReserveUses uses{{}, 10, 20};
  uses.grant.mutable_view()[0] = 9;
  out.emplace_back(uses);
  out.emplace_back(TakeOver{2, 1});
  out.emplace_back(MoveImplicit{1, 2});
  out.emplace_back(AdoptKey{"payments/other", 1});
  out.emplace_back(handed_log(2, 300));
  out.emplace_back(CountRun{run_of_input(7, 8), 3});
  return out;
}

TEST(Changes, RoundTrip) {
  for (const Change& change : one_of_each()) {
    const SecretBytes encoded = encode(change);
    const Change back = decode_change(encoded).value();
    EXPECT_EQ(back.index(), change.index());
    EXPECT_TRUE(encode(back) == encoded);
  }
  const Change back = decode_change(encode(one_of_each()[1])).value();
  const auto& add = std::get<AddVersion>(back);
  EXPECT_EQ(add.name, "payments/cards");
  EXPECT_EQ(add.version, 2u);
  EXPECT_EQ(add.at, kNow);
  EXPECT_TRUE(add.made.material == material_of(8));
}

TEST(Changes, EveryTruncationAndExtensionIsRefused) {
  for (const Change& change : one_of_each()) {
    const Bytes whole = base::to_bytes(encode(change).expose(SecretAccess{}));
    for (std::size_t size = 0; size <= whole.size() + 1; ++size) {
      if (size == whole.size()) continue;
      Bytes cut = whole;
      cut.resize(size);
      EXPECT_TRUE(decode_change(SecretBytes::take(cut)).error().is(KeyStateErrc::malformed_change))
          << size;
    }
  }
}

TEST(Changes, NumbersThatMeanNothingAreRefused) {
  const auto refused = [](base::cbor::Writer& writer) {
    Bytes bytes = base::to_bytes(writer.view());
    return decode_change(SecretBytes::take(bytes)).error().is(KeyStateErrc::malformed_change);
  };
  const auto state = [](std::uint64_t kind, std::uint64_t version, std::uint64_t to) {
    base::cbor::Writer out;
    out.array(5).uint(kind).text("a").uint(0).uint(version).uint(to);
    return out;
  };
  auto good = state(3, 1, 2);
  EXPECT_FALSE(refused(good));
  for (auto bad : {state(0, 1, 2), state(6, 1, 2), state(2, 1, 2), state(3, 1, 0), state(3, 1, 4),
                   state(3, std::uint64_t{1} << 32, 2)}) {
    EXPECT_TRUE(refused(bad));
  }
  base::cbor::Writer large;
  large.array(8).uint(1).text("a").uint(7).boolean(false).uint(1).uint(2).uint(0);
  large.bytes(Bytes(65, 1));
  EXPECT_TRUE(refused(large));
}

}  // namespace
}  // namespace concordat::test

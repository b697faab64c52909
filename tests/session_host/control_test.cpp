// What operators and parties' enclaves say to one another: one encoding each, nothing else.
#include "session/host/control.hpp"

#include <gtest/gtest.h>

#include "attest/base/secret_access.hpp"
#include "session/host/errc.hpp"

namespace concordat::session::host {
namespace {

base::Bytes bytes_of(const base::SecretBytes& secret) {
  return base::to_bytes(secret.expose(base::SecretAccess{}));
}
base::SecretBytes secret_of(base::Bytes bytes) {
  return base::SecretBytes::take(bytes);
}

std::vector<base::SecretBytes> all_orders() {
  std::vector<base::SecretBytes> out;
  out.push_back(encode(DescriptorPiece{{1, 2, 3}}));
  out.push_back(encode(OrderedRun{2, 60'000, {{4, 5}, {6}}, {7, 8}}));
  out.push_back(encode(InputPiece{secret_of({9, 10})}));
  out.push_back(encode(BeginRun{}));
  out.push_back(encode(KeptStored{}));
  out.push_back(encode(ResumeRun{}));
  out.push_back(encode(EndFetched{}));
  return out;
}
std::vector<base::Bytes> all_reports() {
  return {encode(StageReached{"forming", "party 2 did not come"}),
          encode(ResultPiece{{1}}),
          encode(ReceiptPiece{{2}}),
          encode(KeptPiece{{3}}),
          encode(EvidencePiece{3, {4}}),
          encode(RunEnded{"run_stopped", "why", RunId{}, {{1, "unreachable"}}}),
          encode(RunEnded{"", "", {}, {}})};
}

TEST(SessionControl, EveryOrderAndReportIsReadBackAsItWas) {
  for (const base::SecretBytes& record : all_orders()) {
    auto order = decode_order(record);
    ASSERT_TRUE(order) << order.error().to_string();
    EXPECT_EQ(bytes_of(encode(*order)), bytes_of(record));
  }
  for (const base::Bytes& record : all_reports()) {
    const auto report = decode_report(secret_of(record));
    ASSERT_TRUE(report) << report.error().to_string();
    EXPECT_EQ(encode(*report), record);
  }
}

TEST(SessionControl, NothingShorterLongerOrOfTheOtherDirectionIsTaken) {
  for (const base::SecretBytes& record : all_orders()) {
    const base::Bytes whole = bytes_of(record);
    EXPECT_FALSE(decode_report(secret_of(whole)));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto cut = decode_order(secret_of(base::to_bytes(base::BytesView(whole).first(size))));
      ASSERT_FALSE(cut);
      EXPECT_TRUE(cut.error().is(Errc::malformed_order));
    }
    base::Bytes longer = whole;
    longer.push_back(0);
    EXPECT_FALSE(decode_order(secret_of(longer)));
  }
  for (const base::Bytes& record : all_reports())
    EXPECT_FALSE(decode_order(secret_of(record)));
}

TEST(SessionControl, TextsAreCutAndPiecesBounded) {
  const auto stage =
      decode_report(secret_of(encode(StageReached{std::string(2 * kControlText, 'a'), {}})));
  ASSERT_TRUE(stage);
  EXPECT_EQ(std::get<StageReached>(*stage).stage.size(), kControlText);
  EXPECT_FALSE(decode_order(encode(DescriptorPiece{base::Bytes(kControlPiece + 1)})));
  EXPECT_FALSE(decode_order(encode(OrderedRun{0, 1, {}, {}})));
}

}  // namespace
}  // namespace concordat::session::host

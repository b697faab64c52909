// Two parties' runs of psi_size.
#pragma once

#include <gtest/gtest.h>

#include <random>

#include "session/protocols/psi_size/kind.hpp"
#include "tests/session/lockstep.hpp"

namespace concordat::session::psi_size {

[[nodiscard]] inline base::Result<std::unique_ptr<Intake>> taken(std::string_view parameters,
                                                                 std::size_t parties = 2) {
  return kind().take(base::as_bytes(parameters), parties, 0);
}

// Pieces of random sizes, an empty one now and then.
[[nodiscard]] inline base::Status feed_in_pieces(Intake& intake, base::BytesView text,
                                                 std::mt19937_64& random) {
  while (!text.empty()) {
    const std::size_t size = std::min<std::size_t>(random() % 40, text.size());
    CONCORDAT_CHECK(intake.feed(text.first(size)));
    text = text.subspan(size);
  }
  return {};
}

[[nodiscard]] inline test::LockstepResult run(std::string_view parameters,
                                              const std::array<std::string, 2>& inputs,
                                              const test::Lockstep::Hooks& hooks = {},
                                              std::uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::vector<std::unique_ptr<Protocol>> parties;
  const auto seats = test::seats(2);
  for (std::size_t i = 0; i < 2; ++i) {
    auto intake = taken(parameters).value();
    EXPECT_TRUE(feed_in_pieces(*intake, base::as_bytes(inputs[i]), random));
    parties.push_back(intake->begin(seats[i]).value());
  }
  test::Lockstep lockstep({1, 2}, std::move(parties));
  lockstep.watch_with(
      kind().watch(base::as_bytes(parameters), test::watching(seats.front())).value());
  return lockstep.run(hooks);
}

[[nodiscard]] inline std::string result_of(const test::LockstepResult& result) {
  EXPECT_EQ(result.what(), "ended well");
  if (result.outputs.size() != 2) return {};
  EXPECT_TRUE(result.outputs[0].kept.empty());
  return std::string(base::as_text(result.outputs[0].result));
}

[[nodiscard]] inline std::string size_text(std::size_t size) {
  return R"({"protocol":"psi_size/1","size":)" + std::to_string(size) + "}";
}

}  // namespace concordat::session::psi_size

// Runs of aggregate/1 in lockstep.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "session/protocols/aggregate/kind.hpp"
#include "tests/session/lockstep.hpp"

namespace concordat::session::aggregate {

using Json = nlohmann::ordered_json;
// Of an opening, before its words.
inline constexpr std::size_t kSalt = 32;

[[nodiscard]] inline base::Result<std::unique_ptr<Intake>> taken(const std::string& parameters,
                                                                 std::size_t parties) {
  return kind().take(base::as_bytes(parameters), parties, 0);
}

// Pieces of random sizes, an empty one now and then.
[[nodiscard]] inline base::Status feed_in_pieces(Intake& intake, std::string_view text,
                                                 std::mt19937_64& random) {
  const std::size_t largest = 1 + random() % 100;
  while (!text.empty()) {
    const std::size_t size = std::min<std::size_t>(random() % (largest + 1), text.size());
    CONCORDAT_CHECK(intake.feed(base::as_bytes(std::string(text.substr(0, size)))));
    text = text.substr(size);
  }
  return {};
}

// A table each; a run among as many parties.
[[nodiscard]] inline test::LockstepResult run(const std::string& parameters,
                                              const std::vector<std::string>& tables,
                                              const test::Lockstep::Hooks& hooks = {},
                                              std::uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::vector<std::unique_ptr<Protocol>> parties;
  const auto seats = test::seats(tables.size());
  for (std::size_t i = 0; i < tables.size(); ++i) {
    auto intake = taken(parameters, tables.size()).value();
    if (const auto fed = feed_in_pieces(*intake, tables[i], random); !fed)
      return {{}, {}, fed.error()};
    auto begun = intake->begin(seats[i]);
    if (!begun) return {{}, {}, begun.error()};
    parties.push_back(*std::move(begun));
  }
  test::Lockstep lockstep(seats.front().parties, std::move(parties));
  lockstep.watch_with(
      kind().watch(base::as_bytes(parameters), test::watching(seats.front())).value());
  return lockstep.run(hooks);
}

[[nodiscard]] inline std::string text_of(const test::LockstepResult& result) {
  if (result.outputs.empty()) return result.what();
  EXPECT_TRUE(result.outputs.front().kept.empty());
  return std::string(base::as_text(result.outputs.front().result));
}

// The groups of the first result.
[[nodiscard]] inline Json groups_of(const test::LockstepResult& result) {
  EXPECT_EQ(result.what(), "ended well");
  if (result.outputs.empty()) return Json::array();
  return Json::parse(text_of(result))["results"][0]["groups"];
}

}  // namespace concordat::session::aggregate

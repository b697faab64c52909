// What `concordat attest` prints: one JSON object a run, or lines for people.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "attest/claims.hpp"
#include "attest/refusal.hpp"

namespace concordat::cli {

// An outcome's error is always one that attest::find_refusal knows; others are no verdicts.
struct Verdict {
  attest::RootKind root = attest::RootKind::aws;  // the root under which it was judged
  // When certificates had to be valid; absent when that was for the document to say and it did not.
  std::optional<base::UnixMillis> at;
  base::Result<attest::VerifiedClaims> outcome;
};

// {"verdict", "root", "verified_at", "step", "code", "message", "detail", "claims"}: step, code,
// message and detail are null on acceptance, claims is absent on refusal.
[[nodiscard]] nlohmann::ordered_json to_json(const Verdict& verdict);
[[nodiscard]] std::string to_text(const Verdict& verdict);

inline constexpr std::string_view kUnverifiedWarning =
    "UNVERIFIED: nothing in this document has been checked; anyone can make one like it";

// The fields as the document states them, certificates included, under "verified": false.
[[nodiscard]] nlohmann::ordered_json to_json(const attest::DocumentFields& unverified);
[[nodiscard]] std::string to_text(const attest::DocumentFields& unverified);

// One refused document, for `show`: the same keys as a refusing verdict, without a root. `error` is
// one that attest::find_refusal knows.
[[nodiscard]] nlohmann::ordered_json refusal_json(const base::Error& error);
[[nodiscard]] std::string refusal_text(const base::Error& error);

}  // namespace concordat::cli

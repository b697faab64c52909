// Freshness statements: the word of a policy's freshness key that this policy was still the newest
// at a time, so that withholding a newer one works for minutes only. The key is online and can do
// nothing else: its signature counts under this payload type alone.
//
// A statement is a DSSE envelope with exactly one signature over the payload
//   {"format": "concordat/freshness/1", "realm": .., "serial": .., "digest": 64 hex digits,
//    "time": RFC 3339}
#pragma once

#include "policy/dsse.hpp"
#include "policy/policy.hpp"
#include "policy/signer.hpp"

namespace concordat::policy {

inline constexpr std::string_view kFreshnessPayloadType =
    "application/vnd.concordat.freshness.v1+json";
inline constexpr std::string_view kFreshnessFormat = "concordat/freshness/1";

// What a statement says, unverified.
struct FreshnessFields {
  std::string realm;
  std::uint64_t serial = 0;
  PolicyDigest digest;
  base::UnixMillis time;
};
[[nodiscard]] std::string encode_freshness(const FreshnessFields& fields);
// freshness_malformed with the place.
[[nodiscard]] base::Result<FreshnessFields> parse_freshness(std::string_view payload);
// The fields of an envelope whose signature nobody has looked at: for those who only carry it.
[[nodiscard]] base::Result<FreshnessFields> peek_freshness(base::BytesView envelope);

// The statement of `policy` at `time`, signed.
[[nodiscard]] base::Result<Envelope> sign_freshness(const Policy& policy, base::UnixMillis time,
                                                    const Signer& key);

class FreshnessStatement {
 public:
  // That the key which `policy` names signed it, for exactly this policy, not later than `now`
  // (by more than limits::kFreshnessFuture), and not longer ago than the policy allows.
  [[nodiscard]] static base::Result<FreshnessStatement> verify(base::BytesView envelope,
                                                               const Policy& policy,
                                                               base::UnixMillis now);
  [[nodiscard]] base::UnixMillis time() const noexcept { return time_; }

 private:
  explicit FreshnessStatement(base::UnixMillis time) : time_(time) {}
  base::UnixMillis time_;
};

// Whether `policy` may be obeyed at `now`: within its validity and, where it names a freshness key,
// confirmed by a statement (of `confirmed`) that is young enough. not_yet_valid, expired,
// freshness_missing, freshness_too_old.
[[nodiscard]] base::Status usable_at(const Policy& policy,
                                     const std::optional<base::UnixMillis>& confirmed,
                                     base::UnixMillis now);

}  // namespace concordat::policy

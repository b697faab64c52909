// What the signers of an authority order about recovery shares: that a set of them is made, and
// that a set is used to restore the root in one attested enclave. A DSSE envelope of a payload type
// of its own, signed as a policy is, over one JSON object:
//
//   make      {"format": "concordat/recovery-make/1", "realm", "policy", "set", "generation",
//              "replaces", "challenge", "not_after"}
//   restore   {"format": "concordat/recovery-restore/1", "realm", "policy", "set", "set_digest",
//              "generation", "target", "challenge", "not_after"}
//
// policy: digest of the policy in force, which names the holders; set: 16 bytes that name it;
// replaces: the set whose shares are to be destroyed once the new ones are there, or "none";
// set_digest: SHA-256 of the set; target: the X25519 key that the restoring enclave attests to;
// challenge: 32 bytes that its document, or that of the set's maker, answers; not_after: RFC 3339.
// Bytes are lower-case hex.
#pragma once

#include <chrono>

#include "policy/dsse.hpp"
#include "policy/policy.hpp"

namespace concordat::policy {

namespace limits {
// The payload, and in base64 with its signatures.
inline constexpr std::size_t kOrderBytes = 2048;
inline constexpr std::size_t kOrderEnvelopeBytes = 12 * 1024;
// Signers and holders need days to come together, and no order should lie about for longer.
inline constexpr std::chrono::hours kOrderLife{24 * 7};
}  // namespace limits

enum class OrderErrc {
  malformed = 1,
  other_realm,
  other_policy,
  expired,
  too_far_ahead,
};
[[nodiscard]] base::CodeInfo describe(OrderErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(OrderErrc) {
  return "recovery_order";
}
[[nodiscard]] inline boost::system::error_code make_error_code(OrderErrc e) {
  return base::enum_code(e);
}

inline constexpr std::string_view kRecoveryMakePayloadType =
    "application/vnd.concordat.recovery-make.v1+json";
inline constexpr std::string_view kRecoveryRestorePayloadType =
    "application/vnd.concordat.recovery-restore.v1+json";

using RecoverySetId = base::FixedBytes<struct RecoverySetIdTag, 16>;
using RecoveryChallenge = base::FixedBytes<struct RecoveryChallengeTag, 32>;
// Of the payload: names one order.
using OrderDigest = base::FixedBytes<struct OrderDigestTag, 32>;

struct MakeOrder {
  std::string realm;
  PolicyDigest policy;
  RecoverySetId set;
  std::uint32_t generation = 0;
  std::optional<RecoverySetId> replaces;
  RecoveryChallenge challenge;
  base::UnixMillis not_after;

  static constexpr std::string_view kPayloadType = kRecoveryMakePayloadType;
};

struct RestoreOrder {
  std::string realm;
  PolicyDigest policy;
  RecoverySetId set;
  base::Sha256Digest set_digest;
  std::uint32_t generation = 0;
  HolderKey target;
  RecoveryChallenge challenge;
  base::UnixMillis not_after;

  static constexpr std::string_view kPayloadType = kRecoveryRestorePayloadType;
};

[[nodiscard]] std::string encode(const MakeOrder& order);
[[nodiscard]] std::string encode(const RestoreOrder& order);
// What an order says, unverified. order_malformed with the place.
template <class Order>
[[nodiscard]] base::Result<Order> parse_order(std::string_view payload);

// An order that the authority's signers gave, as many as its threshold, for the policy in force.
template <class Order>
struct SignedOrder {
  Order order;
  OrderDigest digest;
};
// In this order: size, envelope, payload type, signatures, and then the payload is read; it must be
// for exactly this policy, not have ended, and end within limits::kOrderLife.
template <class Order>
[[nodiscard]] base::Result<SignedOrder<Order>> verify_order(
    base::BytesView envelope, const attest::AuthorityDescriptor& authority, const Policy& policy,
    base::UnixMillis now);
// The last part of it alone, for orders that wait.
template <class Order>
[[nodiscard]] base::Status check_order(const Order& order, const Policy& policy,
                                       base::UnixMillis now);

}  // namespace concordat::policy

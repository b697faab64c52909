// One enclave as its handshakes see it: who it is, what it trusts, what time it is.
#pragma once

#include <functional>

#include "peer/handshake.hpp"
#include "policy/signed_policy.hpp"

namespace concordat::peer {

// Everything outlives the streams that use it. One thread.
struct Party {
  std::string role;
  // Of an operator, who has no role; the rest is an operator's machine's.
  std::optional<policy::SignerKey> operator_key{};
  attest::PcrValue own_pcr16;
  const attest::TrustAnchors* anchors = nullptr;
  attest::ChainCache* chain_cache = nullptr;
  base::RandomSource* random = nullptr;
  // Shared by all handshakes that others begin (PROTOCOL.md section 7).
  std::shared_ptr<TokenBucket> envelope_bytes = std::make_shared<TokenBucket>(
      kEnvelopeBytesPerSecond, kEnvelopeByteBurst, base::MonotonicMillis{});
  policy::PolicyInForce* policies = nullptr;
  // The trusted clock: fails when there is no anchor (attest/trusted_clock.hpp), and then nothing
  // is admitted.
  std::function<base::Result<Now>()> clock;
  // Asked last of all for each peer that policy admits (HandshakeContext::also_admit); may be
  // empty.
  std::function<base::Status(const policy::AdmittedPeer&)> also_admit;
  std::function<base::Status(const policy::AdmittedOperator&)> also_admit_operator{};
  // Told after a newer policy was installed from a peer's envelope.
  std::function<void()> policy_changed;

  // A snapshot for one handshake; fails without any policy. One that is not usable any more admits
  // nobody, but a handshake under it can bring a newer one (PROTOCOL.md section 6).
  [[nodiscard]] base::Result<HandshakeContext> context() const;
  // Offers an envelope that a peer handed over. Whatever is wrong with it changes nothing.
  [[nodiscard]] base::Status offer_policy(base::BytesView envelope);
};

}  // namespace concordat::peer

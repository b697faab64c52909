#include "keyservice/enclave_runtime_io.hpp"

#include "attest/document.hpp"

namespace concordat::keyservice {
namespace {

constexpr std::chrono::milliseconds kTick = std::chrono::seconds(5);

base::Status anchor_with(attest::TrustedClock& clock, const base::Result<base::Bytes>& document,
                         base::MonotonicMillis asked, base::MonotonicMillis answered) {
  if (!document) return document.error();
  CONCORDAT_TRY(const auto parsed, attest::UnverifiedDocument::parse(*document));
  return clock.anchor(parsed.unverified().timestamp, asked, answered);
}

}  // namespace

EnclaveRuntime::EnclaveRuntime(boost::asio::io_context& io, Enclave& enclave,
                               const attest::TrustAnchors& anchors, std::string role,
                               base::Logger& log)
    : io_(io),
      enclave_(enclave),
      log_(log),
      ticker_(io),
      nsm_(enclave.nsm, io, peer::kMaxHalfOpen) {
  party_.role = std::move(role);
  party_.own_pcr16 = enclave.policies.authority().pcr16();
  party_.anchors = &anchors;
  party_.chain_cache = &chain_cache_;
  party_.random = &random_;
  party_.policies = &enclave.policies;
  party_.clock = [&enclave]() -> base::Result<peer::Now> {
    const base::MonotonicMillis monotonic = enclave.monotonic();
    CONCORDAT_TRY(const base::UnixMillis wall, enclave.clock.now(monotonic));
    return peer::Now{wall, monotonic};
  };
}

void EnclaveRuntime::on_policy_changed(std::function<void()> handler) {
  party_.policy_changed = std::move(handler);
}

void EnclaveRuntime::start() {
  tick();
}

void EnclaveRuntime::stop() {
  ticker_.cancel();
}

void EnclaveRuntime::tick() {
  if (!anchoring_ && enclave_.clock.wants_anchor(enclave_.monotonic())) renew_anchor();
  ticker_.expires_after(kTick);
  ticker_.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
}

void EnclaveRuntime::renew_anchor() {
  const base::MonotonicMillis asked = enclave_.monotonic();
  anchoring_ = true;
  const base::Status queued =
      nsm_.mint({attest::Purpose::clock, {}, {}, {}}, peer::MintPriority::own,
                [this, asked](const base::Result<base::Bytes>& document) {
                  anchoring_ = false;
                  const base::Status done =
                      anchor_with(enclave_.clock, document, asked, enclave_.monotonic());
                  if (!done) log_.error("clock_not_anchored", done.error());
                });
  if (!queued) anchoring_ = false;
}

}  // namespace concordat::keyservice

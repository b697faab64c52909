#include "keyservice/enclave_runtime_io.hpp"

#include <boost/asio/post.hpp>

#include "attest/document.hpp"

namespace concordat::keyservice {
namespace {

constexpr std::chrono::milliseconds kTick = std::chrono::seconds(5);
// Revocation waits for nobody's restart; the parent serves a file of some kilobytes.
constexpr std::chrono::milliseconds kPolicyWatch = std::chrono::seconds(10);

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
  watch_ = std::thread([this] { watch_policy(); });
}

void EnclaveRuntime::stop() {
  stopped_ = true;
  ticker_.cancel();
  {
    const std::lock_guard lock(watch_mutex_);
    watch_ends_ = true;
  }
  watch_wake_.notify_one();
}

EnclaveRuntime::~EnclaveRuntime() {
  stop();
  if (watch_.joinable()) watch_.join();
}

void EnclaveRuntime::watch_policy() {
  std::unique_lock lock(watch_mutex_);
  while (!watch_wake_.wait_for(lock, kPolicyWatch, [this] { return watch_ends_; })) {
    lock.unlock();
    if (auto envelope = enclave_.parent.policy()) {
      boost::asio::post(io_, [this, envelope = *std::move(envelope)] { offer(envelope); });
    }
    lock.lock();
  }
}

void EnclaveRuntime::offer(const base::Bytes& envelope) {
  const auto& latest = enclave_.policies.latest();
  if (stopped_ || (latest && base::equal(latest->envelope(), envelope))) return;
  const base::Status taken = party_.offer_policy(envelope);
  if (!taken) log_.error("policy_not_taken", taken.error());
}

void EnclaveRuntime::tick() {
  if (!anchoring_ && enclave_.clock.wants_anchor(enclave_.monotonic())) renew_anchor();
  ticker_.expires_after(kTick);
  ticker_.async_wait([this](boost::system::error_code error) {
    if (!error && !stopped_) tick();
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

#include "keyservice/enclave_runtime_io.hpp"

#include "attest/document.hpp"

namespace concordat::keyservice {
namespace {

// A policy that ends, by its validity or for want of freshness, ends its channels within a second.
constexpr std::chrono::milliseconds kPolicyTick = std::chrono::milliseconds(250);

base::Status anchor_with(attest::TrustedClock& clock, const base::Result<base::Bytes>& document,
                         base::MonotonicMillis asked, base::MonotonicMillis answered) {
  if (!document) return document.error();
  CONCORDAT_TRY(const auto parsed, attest::UnverifiedDocument::parse(*document));
  return clock.anchor(parsed.unverified().timestamp, asked, answered);
}

}  // namespace

EnclaveRuntime::EnclaveRuntime(boost::asio::io_context& io, Enclave& enclave,
                               const attest::TrustAnchors& anchors, const peer::Endpoint& relay,
                               std::string role, base::Logger& log)
    : io_(io),
      enclave_(enclave),
      log_(log),
      ticker_(io),
      policy_watch_(io, relay, "/v1/policy",
                    [this](const base::Bytes& envelope) { return offer_policy(envelope); }),
      freshness_watch_(io, relay, "/v1/freshness",
                       [this](const base::Bytes& envelope) { return offer_freshness(envelope); }),
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
  party_.policy_changed = [this] { policy_changed(); };
}

void EnclaveRuntime::start() {
  told_of_ = enclave_.policies.latest();
  look_at_standing();
  tick();
  policy_watch_.start(enclave_.policies.latest()->envelope());
  freshness_watch_.start({});
}

void EnclaveRuntime::stop() {
  stopped_ = true;
  ticker_.cancel();
  policy_watch_.stop();
  freshness_watch_.stop();
}

bool EnclaveRuntime::offer_policy(const base::Bytes& envelope) {
  const policy::PolicyPtr before = enclave_.policies.latest();
  const base::Status taken = party_.offer_policy(envelope);
  if (!taken) {
    log_.error("policy_not_taken", taken.error(),
               {{"from", "parent"}, {"in_force", before->serial()}});
  }
  return enclave_.policies.latest() != before;
}

bool EnclaveRuntime::offer_freshness(const base::Bytes& envelope) {
  const auto now = party_.clock();
  const auto taken = now ? enclave_.policies.install_freshness(envelope, now->wall)
                         : base::Result<policy::Installation>(now.error());
  if (!taken) {
    log_.error("freshness_not_taken", taken.error(), {{"from", "parent"}});
  } else {
    look_at_standing();
  }
  return taken && *taken == policy::Installation::replaced;
}

void EnclaveRuntime::policy_changed() {
  const auto& latest = enclave_.policies.latest();
  log_.info("policy_in_force", {{"serial", latest->serial()}, {"digest", latest->digest().hex()}});
  if (policy_changed_) policy_changed_();
  look_at_standing();
  told_of_ = latest;
}

void EnclaveRuntime::look_at_standing() {
  const auto now = party_.clock();
  const auto policy =
      now ? enclave_.policies.at(now->wall) : base::Result<policy::PolicyPtr>(now.error());
  const base::Status standing = policy ? base::Status() : base::Status(policy.error());
  const bool same = standing.has_value() == standing_.has_value() &&
                    standing.error().code() == standing_.error().code();
  if (same && is_standing_told_) return;
  standing_ = standing;
  is_standing_told_ = false;  // until all were: who runs out of memory is told again
  if (!stopped_) tell_standing();
  is_standing_told_ = true;
}

void EnclaveRuntime::tell_standing() {
  if (standing_) {
    log_.info("policy_usable_again", {{"serial", enclave_.policies.latest()->serial()}});
  } else {
    log_.error("policy_not_usable", standing_.error());
  }
  if (standing_changed_) standing_changed_(standing_);
}

void EnclaveRuntime::tick() {
  // First of all, and in memory that is there: whatever is lacking now, there is a next time.
  ticker_.expires_after(kPolicyTick);
  ticker_.async_wait(peer::with(tick_memory_, [this](boost::system::error_code error) {
    if (!error && !stopped_) tick();
  }));
  if (told_of_ != enclave_.policies.latest()) policy_changed();  // there was no memory for it
  look_at_standing();
  if (!anchoring_ && enclave_.clock.wants_anchor(enclave_.monotonic())) renew_anchor();
}

void EnclaveRuntime::renew_anchor() {
  const base::MonotonicMillis asked = enclave_.monotonic();
  const base::Status queued =
      nsm_.mint({attest::Purpose::clock, {}, {}, {}}, peer::MintPriority::own,
                [this, asked](const base::Result<base::Bytes>& document) {
                  anchoring_ = false;
                  const base::Status done =
                      anchor_with(enclave_.clock, document, asked, enclave_.monotonic());
                  if (!done) log_.error("clock_not_anchored", done.error());
                });
  anchoring_ = queued.has_value();
}

}  // namespace concordat::keyservice

#include "keyservice/agent/agent_state_io.hpp"

#include <algorithm>

#include "attest/document.hpp"
#include "keyservice/agent/limits.hpp"
#include "keyservice/agent/process_facts_io.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;
using base::Status;

namespace {

// The device is trusted, so that its document is read and not verified.
Result<agent::NsmFacts> facts_in(const Result<base::Bytes>& document) {
  if (!document) return document.error();
  CONCORDAT_TRY(const auto parsed, attest::UnverifiedDocument::parse(*document));
  const auto& fields = parsed.unverified();
  const bool debug = std::ranges::any_of(std::initializer_list<std::uint8_t>{0, 1, 2}, [&](auto i) {
    const auto found = fields.pcrs.find(i);
    return found == fields.pcrs.end() || found->second.is_zero();
  });
  return agent::NsmFacts{debug, fields.module_id};
}

}  // namespace

AgentServer::State::State(AgentParts agent_parts)
    : parts(std::move(agent_parts)),
      keys(agent::kMaxCachedKeys),
      expiry_(parts.io),
      nsm_(Error(Errc::not_ready, "the NSM has not been asked yet")) {}

const ReleasedKey* AgentServer::State::cached(const std::string& name, std::uint32_t version) {
  const auto now = parts.party.clock();
  if (!now || !parts.party.policies->at(now->wall)) {
    keys.wipe();
    return nullptr;
  }
  return keys.find(name, version, now->wall);
}

Status AgentServer::State::keep(const std::string& name, std::uint32_t version,
                                const ReleasedKey& key, std::uint64_t epoch) {
  CONCORDAT_TRY(const peer::Now now, parts.party.clock());
  if (key.expires <= now.wall) return Error(Errc::not_ready, "the key expired on its way");
  keys.keep(name, version, key, epoch, now.wall);
  arm_expiry();
  return {};
}

void AgentServer::State::wipe_keys() {
  keys.wipe();
  expiry_.cancel();
}

// The timer says when to look, the trusted clock whether it is time.
void AgentServer::State::arm_expiry() {
  const auto next = keys.next_expiry();
  if (!next || stopped) return;
  const auto now = parts.party.clock();
  if (!now) return wipe_keys();
  expiry_.expires_after(std::max(*next - now->wall, std::chrono::milliseconds(1)));
  expiry_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (error || !self) return;
    const auto then = self->parts.party.clock();
    if (!then) return self->wipe_keys();
    self->keys.expire(then->wall);
    self->arm_expiry();
  });
}

agent::Facts AgentServer::State::facts() {
  agent::Facts out;
  const auto now = parts.party.clock();
  out.version = parts.version;
  out.nsm = nsm_;
  out.process = agent::process_facts();
  if (parts.application_user) out.application_user = parts.application_user();
  for (const std::string& path : socket_paths)
    out.sockets.push_back(agent::socket_facts(path));
  out.memory = base::secret_memory_status();
  out.now = now ? Result<base::UnixMillis>(now->wall) : Result<base::UnixMillis>(now.error());
  const auto anchored = parts.anchored_at ? parts.anchored_at() : std::nullopt;
  if (now && anchored) out.anchor_age = now->monotonic - *anchored;
  out.policy = now ? parts.party.policies->at(now->wall) : Result<policy::PolicyPtr>(now.error());
  out.latest = parts.party.policies->latest();
  out.confirmed = parts.party.policies->snapshot().confirmed;
  out.custodian = parts.link.state();
  out.handshakes = parts.link.handshakes();
  out.cached_keys = keys.size();
  return out;
}

void AgentServer::State::check_enclave() {
  const auto now = base::system_monotonic_clock();
  if (asked_nsm_ && now - *asked_nsm_ < agent::kSelfCheckAge) return;
  asked_nsm_ = now;
  attest::MintRequest order;
  order.purpose = attest::Purpose::application;
  const Status queued =
      parts.nsm.mint(std::move(order), peer::MintPriority::stranger,
                     [weak = weak_from_this()](const Result<base::Bytes>& document) {
                       if (const auto self = weak.lock()) self->nsm_ = facts_in(document);
                     });
  if (!queued) asked_nsm_.reset();
}

Result<std::optional<std::uint64_t>> AgentServer::State::wait_for_ready(
    std::chrono::seconds time, std::function<void()> done) {
  if (stopped || ready()) {
    done();
    return std::optional<std::uint64_t>();
  }
  if (waiters_.size() >= agent::kMaxReadyWaiters) {
    return Error(Errc::overloaded, std::to_string(agent::kMaxReadyWaiters) + " wait already");
  }
  const std::uint64_t id = next_waiter_++;
  auto& waiter = waiters_.emplace(id, Waiter{boost::asio::steady_timer(parts.io), std::move(done)})
                     .first->second;
  waiter.timer.expires_after(time);
  waiter.timer.async_wait([weak = weak_from_this(), id](boost::system::error_code error) {
    const auto self = weak.lock();
    if (!error && self) self->end_wait(id);
  });
  return std::optional(id);
}

void AgentServer::State::end_wait(std::uint64_t id) {
  const auto node = waiters_.extract(id);
  if (!node.empty()) node.mapped().done();
}

void AgentServer::State::look_at_readiness() {
  if (waiters_.empty() || !ready()) return;
  for (auto& [id, waiter] : std::exchange(waiters_, {}))
    waiter.done();
}

void AgentServer::State::stop() {
  stopped = true;
  wipe_keys();
  for (auto& [id, waiter] : std::exchange(waiters_, {}))
    waiter.done();
}

}  // namespace concordat::keyservice

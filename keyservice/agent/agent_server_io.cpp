#include "keyservice/agent/agent_server_io.hpp"

#include "keyservice/agent/connection_io.hpp"
#include "keyservice/agent/limits.hpp"

namespace concordat::keyservice {

AgentServer::AgentServer(AgentParts parts) : state_(std::make_shared<State>(std::move(parts))) {
  state_->parts.link.on_change([weak = std::weak_ptr(state_)] {
    if (const auto state = weak.lock()) state->look_at_readiness();
  });
}

AgentServer::~AgentServer() {
  state_->stop();
  state_->parts.link.on_change({});
}

void AgentServer::serve(std::unique_ptr<peer::Listener> listener) {
  const bool is_tcp = std::holds_alternative<peer::TcpEndpoint>(listener->local());
  if (const auto* path = std::get_if<peer::UnixEndpoint>(&listener->local())) {
    state_->socket_paths.push_back(path->path);
  }
  listener->start([state = state_, is_tcp](peer::StreamSocket stream, const peer::PeerAddress&) {
    if (state->stopped || state->connections >= agent::kMaxConnections) return;
    std::make_shared<agent::Connection>(std::move(stream), is_tcp, state)->read();
  });
  listeners_.push_back(std::move(listener));
  state_->check_enclave();
}

void AgentServer::stop() {
  state_->stop();
  for (const auto& listener : listeners_)
    listener->close();
}

void AgentServer::policy_changed() {
  state_->wipe_keys();
  state_->look_at_readiness();
}
void AgentServer::policy_lapsed() {
  state_->wipe_keys();
}
void AgentServer::policy_usable() {
  state_->look_at_readiness();
}

std::size_t AgentServer::cached_keys() const noexcept {
  return state_->keys.size();
}

}  // namespace concordat::keyservice

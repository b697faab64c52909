#include "deploy/lab/nsm_server.hpp"

#include "deploy/lab/error.hpp"
#include "deploy/lab/unix_socket.hpp"

namespace concordat::lab {
namespace {

constexpr std::size_t kMaxNsmClients = 32;

}  // namespace

NsmServer::NsmServer(Reactor& reactor, base::Descriptor listener, attest::NsmTransport& device)
    : reactor_(reactor), listener_(std::move(listener)), device_(device) {
  reactor_.watch(listener_.get(), POLLIN, [this](short) { on_connect(); });
}

NsmServer::~NsmServer() {
  reactor_.forget(listener_.get());
  for (const auto& [fd, client] : clients_)
    reactor_.forget(fd);
}

void NsmServer::on_connect() {
  auto accepted = accept_unix(listener_.get());
  if (!accepted || !*accepted || clients_.size() == kMaxNsmClients) return;
  const int fd = (*accepted)->get();
  clients_[fd].socket = *std::move(*accepted);
  reactor_.watch(fd, POLLIN, [this, fd](short) { on_client(fd); });
}

void NsmServer::on_client(int fd) {
  Client& client = clients_.at(fd);
  if (!serve(client)) {
    reactor_.forget(fd);
    clients_.erase(fd);
    return;
  }
  // Nothing more is read until the answers are gone: a client that does not read holds one frame.
  reactor_.set_events(fd, client.unsent.empty() ? POLLIN : POLLOUT);
}

base::Status NsmServer::serve(Client& client) {
  if (client.unsent.empty()) {
    constexpr std::size_t kMost = kFrameHead + attest::nsm::kMaxRequest;
    const std::size_t have = client.received.size();
    client.received.resize(kMost);
    const auto n = receive_some(client.socket.get(), std::span(client.received).subspan(have));
    client.received.resize(have + (n ? n->value_or(0) : 0));
    if (!n) return n.error();
    if (*n == std::optional<std::size_t>(0)) return base::Error(LabErrc::peer_closed);
  }
  for (;;) {
    if (!client.unsent.empty()) {
      CONCORDAT_TRY(const auto n, send_some(client.socket.get(), client.unsent));
      client.unsent.erase(client.unsent.begin(),
                          client.unsent.begin() + static_cast<std::ptrdiff_t>(n.value_or(0)));
      if (!client.unsent.empty()) return {};
    }
    CONCORDAT_CHECK(answer_next(client));
    if (client.unsent.empty()) return {};
  }
}

// Puts the answer to the first whole request into `unsent`; leaves it empty where there is none.
base::Status NsmServer::answer_next(Client& client) {
  CONCORDAT_TRY(const auto request, peek_frame(client.received, attest::nsm::kMaxRequest));
  if (!request) return {};
  CONCORDAT_TRY(const base::Bytes response, device_.exchange(*request));
  append_frame(client.unsent, response);
  const auto used = static_cast<std::ptrdiff_t>(kFrameHead + request->size());
  client.received.erase(client.received.begin(), client.received.begin() + used);
  return {};
}

}  // namespace concordat::lab

#include "deploy/lab/forwarder.hpp"

#include <sys/socket.h>

#include "deploy/lab/unix_socket.hpp"

namespace concordat::lab {
namespace {

constexpr std::size_t kMaxLinks = 256;
constexpr std::size_t kMaxBuffered = 64 * 1024;

}  // namespace

Forwarder::Forwarder(Reactor& reactor, base::Descriptor listener, Dial dial)
    : reactor_(reactor), listener_(std::move(listener)), dial_(std::move(dial)) {
  reactor_.watch(listener_.get(), POLLIN, [this](short) { on_connect(); });
}

Forwarder::~Forwarder() {
  reactor_.forget(listener_.get());
  for (auto& [id, link] : links_)
    forget(link);
}

void Forwarder::on_connect() {
  auto accepted = accept_unix(listener_.get());
  if (!accepted || !*accepted || links_.size() == kMaxLinks) return;
  auto dialled = dial_();
  if (!dialled) return;
  const std::uint64_t id = next_id_++;
  Link& link = links_[id];
  link.sides[0].socket = *std::move(*accepted);
  link.sides[1].socket = *std::move(dialled);
  watch(id, link);
}

void Forwarder::watch(std::uint64_t id, Link& link) {
  for (int i = 0; i < 2; ++i) {
    const Side& side = link.sides[i];
    const bool may_read = !side.finished && link.sides[1 - i].unsent.size() < kMaxBuffered;
    const int events = (may_read ? POLLIN : 0) | (side.unsent.empty() ? 0 : POLLOUT);
    // Without interest a closed socket would still report its hang-up, again and again.
    if (events == 0) {
      reactor_.forget(side.socket.get());
    } else {
      reactor_.watch(side.socket.get(), static_cast<short>(events),
                     [this, id](short) { on_event(id); });
    }
  }
}

void Forwarder::forget(Link& link) {
  for (const Side& side : link.sides)
    reactor_.forget(side.socket.get());
}

void Forwarder::on_event(std::uint64_t id) {
  Link& link = links_.at(id);
  const bool alive = pump(link.sides[0], link.sides[1]) && pump(link.sides[1], link.sides[0]);
  if (alive && !(link.sides[0].told && link.sides[1].told)) {
    watch(id, link);
    return;
  }
  forget(link);
  links_.erase(id);
}

bool Forwarder::pump(Side& from, Side& to) {
  if (!from.finished && to.unsent.size() < kMaxBuffered) {
    const std::size_t have = to.unsent.size();
    to.unsent.resize(kMaxBuffered);
    const auto n = receive_some(from.socket.get(), std::span(to.unsent).subspan(have));
    to.unsent.resize(have + (n ? n->value_or(0) : 0));
    if (!n) return false;
    from.finished = *n == std::optional<std::size_t>(0);
  }
  if (!to.unsent.empty()) {
    const auto n = send_some(to.socket.get(), to.unsent);
    if (!n) return false;
    to.unsent.erase(to.unsent.begin(),
                    to.unsent.begin() + static_cast<std::ptrdiff_t>(n->value_or(0)));
  }
  if (from.finished && to.unsent.empty() && !to.told) {
    ::shutdown(to.socket.get(), SHUT_WR);
    to.told = true;
  }
  return true;
}

}  // namespace concordat::lab

#include "deploy/lab/reactor.hpp"

#include <cerrno>
#include <vector>

#include "deploy/lab/error.hpp"

namespace concordat::lab {

void Reactor::watch(int fd, short events, Handler handler) {
  watches_[fd] = std::make_shared<Watch>(Watch{events, std::move(handler)});
}

void Reactor::set_events(int fd, short events) {
  const auto found = watches_.find(fd);
  if (found != watches_.end()) found->second->events = events;
}

base::Status Reactor::run() {
  stopping_ = false;
  while (!stopping_)
    CONCORDAT_CHECK(turn());
  return {};
}

base::Status Reactor::turn() {
  std::vector<pollfd> polled;
  std::vector<std::shared_ptr<Watch>> asked;
  for (const auto& [fd, watch] : watches_) {
    polled.push_back({fd, watch->events, 0});
    asked.push_back(watch);
  }
  if (::poll(polled.data(), polled.size(), -1) < 0) {
    if (errno == EINTR) return {};
    return system_error("poll");
  }
  for (std::size_t i = 0; i < polled.size() && !stopping_; ++i) {
    if (polled[i].revents == 0) continue;
    // An earlier handler may have closed this descriptor, and a new one may bear its number.
    const auto current = watches_.find(polled[i].fd);
    if (current == watches_.end() || current->second != asked[i]) continue;
    asked[i]->handler(polled[i].revents);
  }
  return {};
}

}  // namespace concordat::lab

// One thread that waits on many descriptors (poll).
#pragma once

#include <poll.h>

#include <functional>
#include <map>
#include <memory>

#include "attest/base/result.hpp"

namespace concordat::lab {

class Reactor {
 public:
  // Called with poll's revents; may watch and forget any descriptor, its own included.
  using Handler = std::function<void(short events)>;

  // `fd` stays its owner's, who forgets it before closing. Hang-up and error are always reported.
  void watch(int fd, short events, Handler handler);
  void set_events(int fd, short events);
  void forget(int fd) { watches_.erase(fd); }

  // Until stop().
  [[nodiscard]] base::Status run();
  void stop() noexcept { stopping_ = true; }

 private:
  struct Watch {
    short events = 0;
    Handler handler;
  };
  [[nodiscard]] base::Status turn();

  std::map<int, std::shared_ptr<Watch>> watches_;
  bool stopping_ = false;
};

}  // namespace concordat::lab

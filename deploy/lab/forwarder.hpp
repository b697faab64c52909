// Carries byte streams between an enclave and its parent, as the hypervisor carries vsock: whoever
// connects on one side is joined to a fresh connection on the other.
#pragma once

#include <cstdint>
#include <map>

#include "attest/base/bytes.hpp"
#include "attest/base/descriptor.hpp"
#include "deploy/lab/reactor.hpp"

namespace concordat::lab {

class Forwarder {
 public:
  // A connected, non-blocking socket to the other side.
  using Dial = std::function<base::Result<base::Descriptor>()>;

  // `reactor` outlives the forwarder, which owns the listening socket. Where dialling fails or too
  // many streams are open, the caller is disconnected.
  Forwarder(Reactor& reactor, base::Descriptor listener, Dial dial);
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

 private:
  struct Side {
    base::Descriptor socket;
    base::Bytes unsent;     // towards this side, at most kMaxBuffered
    bool finished = false;  // this side has sent all that it will
    bool told = false;      // this side knows that the other has finished
  };
  struct Link {
    Side sides[2];
  };

  void on_connect();
  void on_event(std::uint64_t id);
  // False: the link is over.
  [[nodiscard]] static bool pump(Side& from, Side& to);
  void watch(std::uint64_t id, Link& link);
  void forget(Link& link);

  Reactor& reactor_;
  base::Descriptor listener_;
  Dial dial_;
  std::uint64_t next_id_ = 0;
  std::map<std::uint64_t, Link> links_;
};

}  // namespace concordat::lab

// One enclave's NSM on a Unix socket.
#pragma once

#include <map>

#include "attest/base/descriptor.hpp"
#include "attest/nsm.hpp"
#include "deploy/lab/reactor.hpp"

namespace concordat::lab {

// Serves `device` to whoever connects to the listening socket, until destroyed. A client that sends
// what is no frame, or too many clients, are disconnected; none can hold up another enclave.
class NsmServer {
 public:
  // All three outlive the server, which owns the listening socket.
  NsmServer(Reactor& reactor, base::Descriptor listener, attest::NsmTransport& device);
  ~NsmServer();
  NsmServer(const NsmServer&) = delete;
  NsmServer& operator=(const NsmServer&) = delete;

 private:
  struct Client {
    base::Descriptor socket;
    base::Bytes received;
    base::Bytes unsent;
  };

  void on_connect();
  void on_client(int fd);
  [[nodiscard]] base::Status serve(Client& client);
  [[nodiscard]] base::Status answer_next(Client& client);

  Reactor& reactor_;
  base::Descriptor listener_;
  attest::NsmTransport& device_;
  std::map<int, Client> clients_;
};

}  // namespace concordat::lab

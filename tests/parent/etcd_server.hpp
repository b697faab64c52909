// An etcd of the test's own: on loopback, with its own folder, gone with the test.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "peer/endpoint.hpp"

namespace concordat::test {

// Of TCP on loopback, free a moment ago.
std::uint16_t free_port();

class EtcdServer {
 public:
  // False: no etcd on this machine; the test says so and is skipped.
  static bool installed();

  // `options` go behind its own. Ready to serve when this returns.
  explicit EtcdServer(std::vector<std::string> options = {}, std::string scheme = "http");
  ~EtcdServer();
  EtcdServer(const EtcdServer&) = delete;
  EtcdServer& operator=(const EtcdServer&) = delete;

  void stop();
  // Again, with what it held, at the same place.
  void start();
  void set_options(std::vector<std::string> options) { options_ = std::move(options); }

  [[nodiscard]] const peer::TcpEndpoint& endpoint() const { return client_; }
  // Body of the answer to a call to its gateway, by hand.
  [[nodiscard]] std::string ask(const std::string& path, const std::string& body) const;

 private:
  void wait_until_it_serves() const;

  std::filesystem::path folder_;
  std::vector<std::string> options_;
  std::string scheme_;
  peer::TcpEndpoint client_, peer_;
  pid_t pid_ = -1;
};

}  // namespace concordat::test

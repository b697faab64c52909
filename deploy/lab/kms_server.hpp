// The sockets of the local KMS: HTTPS and, on loopback or Unix sockets, plain HTTP.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "attest/base/clock.hpp"
#include "deploy/lab/certificate.hpp"
#include "keyservice/http_message.hpp"
#include "peer/endpoint.hpp"

namespace concordat::lab {

// Answers one request; called from the thread that runs the server.
using KmsHandler = std::function<keyservice::HttpReply(const keyservice::HttpRequest&)>;

struct KmsListeners {
  std::optional<peer::Endpoint> https;
  std::optional<peer::Endpoint> http;  // TCP only on loopback
};

// HTTP/1.1 with keep-alive; requests up to 512 KiB (a Recipient's document may have 256 KiB).
class KmsServer {
 public:
  // Listens at once, answers from run() on. Fails with LabErrc bad_name for plain HTTP that others
  // could reach, and with peer::StreamErrc.
  [[nodiscard]] static base::Result<std::unique_ptr<KmsServer>> open(const KmsListeners& listeners,
                                                                     const Credential& identity,
                                                                     KmsHandler handler);
  ~KmsServer();

  // Where it listens, with the real ports.
  [[nodiscard]] std::optional<peer::Endpoint> https() const;
  [[nodiscard]] std::optional<peer::Endpoint> http() const;

  // Until stop(), SIGTERM or SIGINT.
  void run();
  // From any thread.
  void stop();

 private:
  class Impl;
  explicit KmsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace concordat::lab

// The base of an application of one's own beside a worker's agent: handlers by name, over HTTP with
// JSON on one listening socket, with request ids, stable errors (router.hpp) and limits; and the
// agent at hand. The same program in the lab and in an enclave: only its arguments differ, and
// those are part of the measured image.
//
//   application::Application app({.listen = "vsock:any:8443"});
//   app.handle("sign-order", [&](const application::Request& request) { ... app.agent() ... });
//   return app.run();
//
// Who can reach the socket reaches the handlers: whatever connects on the parent's side of it is
// the parent, trusted with nothing. A handler gives to its caller what the parent may see, or seals
// it.
#pragma once

#include <memory>
#include <string>

#include "application/router.hpp"

namespace concordat::application {

struct Options {
  // vsock:any:PORT in an enclave; unix:PATH or tcp:ADDRESS:PORT in the lab.
  std::string listen;
  client::Options agent{};
  Limits limits{};
  unsigned unix_mode = 0600;         // of a Unix socket's file
  std::string name = "application";  // in log lines
};

class Application {
 public:
  explicit Application(Options options);
  ~Application();
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  // Before run(). See Router::add; an error is told by run().
  void handle(std::string name, Handler handler);
  // For handlers, on any thread; valid once run() has begun.
  [[nodiscard]] const client::Agent& agent() const;

  // Listens, waits for the agent to be ready (until then handlers are not called: not_ready), and
  // serves until SIGTERM, SIGINT or stop(). Logs one JSON object a line on standard error. 0, or 1
  // where it could not begin. Ignores SIGPIPE.
  [[nodiscard]] int run();
  // From any thread. Handlers that run are waited for.
  void stop();

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace concordat::application

// Connections of an application's callers: HTTP read into guarded memory, handlers on their
// threads, answers written from where they are.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <list>

#include "application/router.hpp"
#include "attest/base/log.hpp"
#include "peer/stream_io.hpp"

namespace concordat::application {

// What connections share. References outlive it; one thread runs the io_context.
struct Serving {
  Serving(boost::asio::io_context& the_io, boost::asio::thread_pool& the_workers,
          Router& the_router, base::Logger& the_log)
      : io(the_io), workers(the_workers), router(the_router), log(the_log) {}

  // Connections end; a handler that runs finishes for nobody.
  void stop() {
    stopped = true;
    const auto open = closers;
    for (const auto& close : open)
      close();
  }

  boost::asio::io_context& io;
  boost::asio::thread_pool& workers;
  Router& router;
  base::Logger& log;
  std::list<std::function<void()>> closers;  // of the connections that are open
  bool stopped = false;
};

// Ends at once where there are as many connections as are allowed.
void serve_connection(peer::StreamSocket stream, std::shared_ptr<Serving> serving);

}  // namespace concordat::application

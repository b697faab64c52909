#include <netinet/in.h>
#include <netinet/tcp.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <vector>

#include "peer/socket_address.hpp"
#include "peer/stream_io.hpp"

namespace concordat::peer {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using base::Error;
using boost::system::error_code;

// One attempt to connect: resolve, then each address in turn, until one answers or time is up.
class Connector : public std::enable_shared_from_this<Connector> {
 public:
  Connector(asio::io_context& io, const Endpoint& endpoint, ConnectHandler handler)
      : endpoint_(endpoint), socket_(io), timer_(io), resolver_(io), handler_(std::move(handler)) {}

  void start(std::chrono::milliseconds timeout) {
    timer_.expires_after(timeout);
    timer_.async_wait([self = shared_from_this()](error_code failure) {
      if (!failure) self->finish(Error(StreamErrc::timed_out, to_string(self->endpoint_)));
    });
    if (const auto address = address_of(endpoint_)) {
      addresses_.push_back(*address);
      return try_next(Error(StreamErrc::cannot_connect, to_string(endpoint_)));
    }
    const auto& tcp_endpoint = std::get<TcpEndpoint>(endpoint_);
    resolver_.async_resolve(
        tcp_endpoint.host, std::to_string(tcp_endpoint.port), tcp::resolver::numeric_service,
        [self = shared_from_this()](error_code failure, const tcp::resolver::results_type& found) {
          self->on_resolved(failure, found);
        });
  }

 private:
  Error failed(StreamErrc code, error_code why) const {
    return Error(code, to_string(endpoint_) + ": " + why.message());
  }

  void on_resolved(error_code failure, const tcp::resolver::results_type& found) {
    if (!handler_) return;
    if (failure) return finish(failed(StreamErrc::cannot_resolve, failure));
    for (const auto& entry : found)
      addresses_.emplace_back(entry.endpoint());
    try_next(Error(StreamErrc::cannot_resolve, to_string(endpoint_)));
  }

  // `last` is why the address before failed, reported when none is left.
  void try_next(Error last) {
    if (next_ == addresses_.size()) return finish(std::move(last));
    const SocketAddress& address = addresses_[next_++];
    error_code ignored;
    socket_.close(ignored);
    socket_.async_connect(address, [self = shared_from_this()](error_code failure) {
      if (!self->handler_) return;
      if (failure) return self->try_next(self->failed(StreamErrc::cannot_connect, failure));
      if (std::holds_alternative<TcpEndpoint>(self->endpoint_)) {
        error_code without;  // a socket without the option is slower, not wrong
        self->socket_.set_option(tcp::no_delay(true), without);
      }
      self->finish(std::move(self->socket_));
    });
  }

  void finish(base::Result<StreamSocket> result) {
    if (!handler_) return;
    timer_.cancel();
    resolver_.cancel();
    error_code ignored;
    if (!result) socket_.close(ignored);
    std::exchange(handler_, nullptr)(std::move(result));
  }

  Endpoint endpoint_;
  StreamSocket socket_;
  asio::steady_timer timer_;
  tcp::resolver resolver_;
  std::vector<SocketAddress> addresses_;
  std::size_t next_ = 0;
  ConnectHandler handler_;
};

}  // namespace

base::CodeInfo describe(StreamErrc code) noexcept {
  switch (code) {
    case StreamErrc::cannot_resolve:
      return {"cannot_resolve", "cannot resolve the name"};
    case StreamErrc::cannot_connect:
      return {"cannot_connect", "cannot connect"};
    case StreamErrc::cannot_listen:
      return {"cannot_listen", "cannot listen"};
    case StreamErrc::timed_out:
      return {"timed_out", "no answer in time"};
    case StreamErrc::ended:
      return {"ended", "the other side ended the stream"};
    case StreamErrc::broken:
      return {"broken", "the stream broke"};
  }
  return {"unknown", "unknown stream error"};
}

void async_connect(asio::io_context& io, const Endpoint& endpoint,
                   std::chrono::milliseconds timeout, ConnectHandler handler) {
  std::make_shared<Connector>(io, endpoint, std::move(handler))->start(timeout);
}

}  // namespace concordat::peer

// Byte streams over any endpoint: Unix, TCP and AF_VSOCK by one code path (Boost.Asio's generic
// stream protocol). Everything belongs to one io_context run by one thread. Handlers are called
// once, from the io_context, never from inside the call that took them.
//
// Programs that use streams ignore SIGPIPE: the kernel raises it on writes to a closed stream, and
// splice has no flag against that.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "attest/base/result.hpp"
#include "peer/endpoint.hpp"

namespace concordat::peer {

enum class StreamErrc {
  cannot_resolve = 1,
  cannot_connect,
  cannot_listen,
  timed_out,
  ended,
  broken
};
[[nodiscard]] base::CodeInfo describe(StreamErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(StreamErrc) {
  return "stream";
}
[[nodiscard]] inline boost::system::error_code make_error_code(StreamErrc e) {
  return base::enum_code(e);
}

using StreamSocket = boost::asio::generic::stream_protocol::socket;

using ConnectHandler = std::function<void(base::Result<StreamSocket>)>;
// Connects within `timeout`, name resolution included; tries each address of a name in turn.
// Errors: cannot_resolve, cannot_connect, timed_out, with the endpoint in the detail.
void async_connect(boost::asio::io_context& io, const Endpoint& endpoint,
                   std::chrono::milliseconds timeout, ConnectHandler handler);

// Who connected, as far as the kernel knows: the context id of a vsock peer is the hypervisor's
// word (but ids are used again after an enclave ends); `text` is for logs.
struct PeerAddress {
  std::optional<std::uint32_t> context_id;
  std::optional<std::string> network;  // socket_address.hpp
  std::string text;
};

struct ListenOptions {
  unsigned unix_mode = 0600;  // of a Unix socket's file
  int backlog = 1024;
};

// Accepts until closed or destroyed. When descriptors run out it waits a little and goes on.
class Listener {
 public:
  using AcceptHandler = std::function<void(StreamSocket, PeerAddress)>;

  // A Unix socket's file that nobody listens on is replaced; one that answers, or anything that is
  // not a socket, is cannot_listen. TCP port 0 picks a free port.
  [[nodiscard]] static base::Result<std::unique_ptr<Listener>> open(boost::asio::io_context& io,
                                                                    const Endpoint& endpoint,
                                                                    ListenOptions options = {});
  ~Listener();

  // Called for each stream from now on.
  void start(AcceptHandler handler);
  // Stops accepting and removes a Unix socket's file. Streams already accepted live on.
  void close();
  // With the real port.
  [[nodiscard]] const Endpoint& local() const noexcept;

 private:
  class Impl;
  explicit Listener(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace concordat::peer

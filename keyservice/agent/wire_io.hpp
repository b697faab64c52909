// One connection as its requests see it: the socket, what was read from it, and the request that is
// being read. All that is read lies in guarded memory, for the length of a request; a connection
// that waits holds none.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_static_buffer.hpp>
#include <boost/beast/http.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "attest/base/secret.hpp"
#include "keyservice/agent/patience.hpp"
#include "peer/stream_io.hpp"

namespace concordat::keyservice::agent {

namespace http = boost::beast::http;

class Wire : public std::enable_shared_from_this<Wire> {
 public:
  using Handler = std::function<void(boost::system::error_code)>;
  // How much came; the whole body has come when `parser().is_done()`.
  using BodyHandler = std::function<void(boost::system::error_code, std::size_t)>;

  Wire(peer::StreamSocket socket, bool is_tcp, std::chrono::milliseconds patience);

  // Waits for the next request and reads its header.
  void read_header(Handler done);
  [[nodiscard]] http::request_parser<http::buffer_body>& parser() noexcept { return *parser_; }
  // Reads some of the body into `room`, which outlives the reading.
  void read_body(std::span<std::uint8_t> room, BodyHandler done);
  // Once, when the caller sends more or ends its side, or is gone; whichever is read next tells
  // which. Beside it, nothing is read.
  void on_more(std::function<void()> handler);
  // Lets a caller that waits for it send its body (RFC 9110 section 10.1.1).
  void ask_for_body(Handler done);
  // `bytes` outlive the writing.
  void write(base::BytesView bytes, Handler done);
  void write_chunk(base::BytesView bytes, Handler done);
  void write_last_chunk(Handler done);
  template <class Serializer>
  void write_message(Serializer& serializer, Handler done) {
    expect_progress();
    http::async_write(socket_, serializer, finished(std::move(done)));
  }
  template <class Serializer>
  void write_message_header(Serializer& serializer, Handler done) {
    expect_progress();
    http::async_write_header(socket_, serializer, finished(std::move(done)));
  }
  // Says that nothing more comes and throws away what still arrives, so that the other side reads
  // the answer before the end.
  void end();
  // At once: a transfer under way is broken.
  void close();
  [[nodiscard]] bool is_tcp() const noexcept { return is_tcp_; }

  std::string request_id;
  bool keep_alive = true;

 private:
  // Closes unless what begins now is done before patience ends.
  void expect_progress();
  void progressed(std::size_t size);
  void drain(std::size_t left);
  // What was read of the last request is wiped.
  void forget_read();
  [[nodiscard]] std::function<void(boost::system::error_code, std::size_t)> finished(Handler done);

  peer::StreamSocket socket_;
  boost::asio::steady_timer idle_;
  Patience patience_;
  base::SecretBytes storage_;
  std::optional<boost::beast::flat_static_buffer_base> buffer_;
  std::optional<http::request_parser<http::buffer_body>> parser_;
  bool is_tcp_;
};
using WirePtr = std::shared_ptr<Wire>;

}  // namespace concordat::keyservice::agent

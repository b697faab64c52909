// One HTTP exchange with the parent through its relay, without waiting for it. What comes back is
// the parent's word: whoever uses it checks it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "keyservice/http_message.hpp"
#include "peer/endpoint.hpp"

namespace concordat::keyservice {

class ParentExchange;
using ParentReply = std::function<void(base::Result<HttpReply>)>;

// A call under way, for whoever may lose interest in it.
class ParentCall {
 public:
  ParentCall() = default;  // of none
  explicit ParentCall(std::weak_ptr<ParentExchange> exchange) : exchange_(std::move(exchange)) {}
  // Its handler, unless it ran, never does, and its connection ends; one that the relay has not
  // made yet, as soon as that answers or is late.
  void cancel();

 private:
  std::weak_ptr<ParentExchange> exchange_;
};

// Streams that one exchange leaves to the next, so that not each of many asks the relay for one.
// Copies are the same line.
class ParentLine {
 public:
  ParentLine(boost::asio::io_context& io, peer::Endpoint relay, std::chrono::milliseconds timeout);
  // As async_parent_call. A few streams are kept; exchanges that are under way at once have streams
  // of their own. A request that a kept stream, which the parent may close at any time,
  // did not answer is sent again over a new one: it must be one that may be repeated.
  ParentCall call(HttpRequest request, ParentReply handler) const;

 private:
  friend class ParentExchange;
  struct Kept;

  boost::asio::io_context& io_;
  peer::Endpoint relay_;
  std::chrono::milliseconds timeout_;
  std::shared_ptr<Kept> kept_;
};

// `timeout` is for the whole, 5 s of it at most for the relay to connect. Errors: of the relay and
// its streams, parent_failed, timed_out. The handler runs once, on `io`; a reply has at most 2 MiB.
ParentCall async_parent_call(boost::asio::io_context& io, const peer::Endpoint& relay,
                             HttpRequest request, std::chrono::milliseconds timeout,
                             ParentReply handler);

}  // namespace concordat::keyservice

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

// `timeout` is for the whole, 5 s of it at most for the relay to connect. Errors: of the relay and
// its streams, parent_failed, timed_out. The handler runs once, on `io`; a reply has at most 2 MiB.
ParentCall async_parent_call(boost::asio::io_context& io, const peer::Endpoint& relay,
                             HttpRequest request, std::chrono::milliseconds timeout,
                             ParentReply handler);

}  // namespace concordat::keyservice

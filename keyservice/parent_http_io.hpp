// One HTTP exchange with the parent through its relay, without waiting for it. What comes back is
// the parent's word: whoever uses it checks it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>

#include "keyservice/http_message.hpp"
#include "peer/endpoint.hpp"

namespace concordat::keyservice {

using ParentReply = std::function<void(base::Result<HttpReply>)>;

// `timeout` is for the whole. Errors: of the relay and its streams, parent_failed, timed_out. The
// handler runs once, on `io`; a reply has at most 2 MiB.
void async_parent_call(boost::asio::io_context& io, const peer::Endpoint& relay,
                       HttpRequest request, std::chrono::milliseconds timeout, ParentReply handler);

}  // namespace concordat::keyservice

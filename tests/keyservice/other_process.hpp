// Answers of what is another process: they come by the event loop, after the call.
#pragma once

#include <boost/asio/post.hpp>
#include <functional>
#include <memory>

namespace concordat::test {

// `done`, called with what it is called with, later on `io`.
template <class Answer, class Done>
std::function<void(Answer)> later(boost::asio::io_context& io, Done done) {
  return [&io, done = std::make_shared<Done>(std::move(done))](Answer answer) {
    boost::asio::post(io, [done, answer = std::make_shared<Answer>(std::move(answer))] {
      (*done)(std::move(*answer));
    });
  };
}

}  // namespace concordat::test

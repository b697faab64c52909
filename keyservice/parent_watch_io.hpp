// Learns at once when the parent has something new: asks GET PATH?after=VERSION, which the parent
// answers when it has another version than that (deploy/parent/services.hpp). A parent that is gone
// is asked again with jittered back-off, and so is one that answers at once with what changes
// nothing: it may withhold and flood, and gains nothing by it.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "attest/base/bytes.hpp"
#include "attest/base/clock.hpp"
#include "keyservice/backoff.hpp"
#include "keyservice/parent_http_io.hpp"
#include "peer/reserved_memory_io.hpp"

namespace concordat::keyservice {

class ParentWatch {
 public:
  // Whether what came changed anything; called on the io_context.
  using Take = std::function<bool(const base::Bytes&)>;

  ParentWatch(boost::asio::io_context& io, peer::Endpoint relay, std::string path, Take take);
  ~ParentWatch();
  ParentWatch(const ParentWatch&) = delete;
  ParentWatch& operator=(const ParentWatch&) = delete;

  // `have`: what is at hand already; empty for nothing.
  void start(base::BytesView have);
  // Also ends the question under way.
  void stop();

 private:
  void ask();
  void on_reply(const base::Result<HttpReply>& reply);
  void ask_later();
  [[nodiscard]] bool is_of_use(const std::string& content);

  boost::asio::io_context& io_;
  peer::Endpoint relay_;
  std::string path_;
  Take take_;
  std::string after_ = "none";
  base::MonotonicMillis asked_at_;
  ParentCall question_;
  boost::asio::steady_timer later_;
  peer::ReservedMemoryPtr memory_ = std::make_shared<peer::ReservedMemory>();
  base::SystemRandom random_;
  Backoff backoff_{std::chrono::milliseconds(100), std::chrono::seconds(5)};
  bool stopped_ = true;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::keyservice

// Puts an enclave's report where its operators can read it: at the parent, soon after it changed
// and at most once a second. The parent may drop it.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "keyservice/backoff.hpp"
#include "peer/endpoint.hpp"
#include "peer/reserved_memory_io.hpp"

namespace concordat::keyservice {

class ReportSender {
 public:
  // `render` makes the report as it is when it is sent.
  ReportSender(boost::asio::io_context& io, peer::Endpoint relay,
               std::function<std::string()> render);
  ~ReportSender();
  ReportSender(const ReportSender&) = delete;
  ReportSender& operator=(const ReportSender&) = delete;

  void changed();
  void stop();

 private:
  void send_after(std::chrono::milliseconds wait);
  void send();

  boost::asio::io_context& io_;
  peer::Endpoint relay_;
  std::function<std::string()> render_;
  boost::asio::steady_timer timer_;
  peer::ReservedMemoryPtr memory_ = std::make_shared<peer::ReservedMemory>();
  base::SystemRandom random_;
  Backoff backoff_{std::chrono::seconds(1), std::chrono::seconds(60)};
  bool dirty_ = false;    // changed since it was last sent
  bool pending_ = false;  // waiting or under way
  bool stopped_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::keyservice

#include "keyservice/report_sender_io.hpp"

#include "keyservice/parent_http_io.hpp"

namespace concordat::keyservice {
namespace {

constexpr std::chrono::milliseconds kGather = std::chrono::seconds(1);
constexpr std::chrono::milliseconds kTimeout = std::chrono::seconds(10);
constexpr unsigned kNoContent = 204;

}  // namespace

ReportSender::ReportSender(boost::asio::io_context& io, peer::Endpoint relay,
                           std::function<std::string()> render)
    : io_(io), relay_(std::move(relay)), render_(std::move(render)), timer_(io) {}

ReportSender::~ReportSender() {
  *alive_ = false;
}

void ReportSender::changed() {
  dirty_ = true;
  if (!pending_ && !stopped_) send_after(kGather);
}

void ReportSender::stop() {
  stopped_ = true;
  timer_.cancel();
  // What is under way is forgotten.
  *std::exchange(alive_, std::make_shared<bool>(true)) = false;
}

void ReportSender::send_after(std::chrono::milliseconds wait) {
  pending_ = true;
  timer_.expires_after(wait);
  timer_.async_wait(peer::with(memory_, [this, alive = alive_](boost::system::error_code error) {
    if (!error && *alive) send();
  }));
}

void ReportSender::send() {
  dirty_ = false;
  try {
    async_parent_call(io_, relay_, {"PUT", "/v1/report", {}, render_()}, kTimeout,
                      [this, alive = alive_](const base::Result<HttpReply>& reply) {
                        if (!*alive) return;
                        pending_ = false;
                        if (!reply || reply->status != kNoContent)
                          return send_after(backoff_.next(random_));
                        backoff_.reset();
                        if (dirty_) send_after(kGather);
                      });
  } catch (const std::bad_alloc&) {
    send_after(backoff_.next(random_));
  }
}

}  // namespace concordat::keyservice

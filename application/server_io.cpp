#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

#include "application/application.hpp"
#include "application/connection_io.hpp"
#include "attest/base/log.hpp"

namespace concordat::application {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// How long one question for the agent's readiness waits; between them the application can stop.
constexpr std::chrono::milliseconds kReadinessQuestion = std::chrono::seconds(2);

}  // namespace

class Application::Server {
 public:
  explicit Server(Options options)
      : options_(std::move(options)),
        log_(options_.name),
        router_(options_.limits),
        workers_(std::max<std::size_t>(options_.limits.concurrent, 1)) {}

  void handle(std::string name, Handler handler) {
    auto added = router_.add(std::move(name), std::move(handler));
    if (!added && begun_) begun_ = std::move(added);
  }

  [[nodiscard]] const client::Agent& agent() const { return *agent_; }

  int run() {
    std::signal(SIGPIPE, SIG_IGN);
    if (begun_) begun_ = begin();
    if (!begun_) {
      const Error& why = begun_.error();
      log_.warn("cannot_begin", {{"code", why.code}, {"detail", why.message}});
      return 1;
    }
    std::thread readiness([this] { wait_until_ready(); });
    io_.run();
    readiness.join();
    workers_.join();
    return 0;
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    stop_asked_.notify_all();
    asio::post(io_, [this] { end(); });
  }

 private:
  Status begin() {
    auto agent = client::Agent::open(options_.agent);
    if (!agent) return agent.error();
    agent_.emplace(*std::move(agent));
    const auto endpoint = peer::parse_endpoint(options_.listen);
    if (!endpoint)
      return Error("bad_argument", options_.listen + ": " + endpoint.error().to_string());
    auto listener = peer::Listener::open(io_, *endpoint, {options_.unix_mode});
    if (!listener) return Error("cannot_listen", listener.error().to_string());
    listener_ = *std::move(listener);
    signals_.async_wait([this](error_code error, int) {
      if (!error) stop();
    });
    listener_->start([this](peer::StreamSocket stream, const peer::PeerAddress&) {
      serve_connection(std::move(stream), serving_);
    });
    log_.info("listening", {{"endpoint", peer::to_string(listener_->local())}});
    return {};
  }

  void end() {
    if (listener_) listener_->close();
    signals_.cancel();
    serving_->stop();
  }

  // On a thread of its own: the agent's answer takes as long as its way to the custodian.
  void wait_until_ready() {
    std::string last;
    while (!stopping_) {
      const auto ready = agent_->wait_for_ready(kReadinessQuestion);
      std::optional<std::string> why_not;
      if (!ready) why_not = ready.error().code;
      asio::post(io_, [this, why_not] { router_.set_readiness(why_not); });
      if (ready) return log_.info("ready");
      if (std::exchange(last, *why_not) != *why_not) {
        log_.info("waiting_for_agent",
                  {{"code", ready.error().code}, {"detail", ready.error().message}});
      }
      // An error that came at once, and not at the end of the question's time.
      if (!ready.error().is("not_ready")) pause();
    }
  }

  // Until the next question, or the end.
  void pause() {
    std::unique_lock lock(mutex_);
    stop_asked_.wait_for(lock, kReadinessQuestion, [this] { return stopping_.load(); });
  }

  Options options_;
  base::Logger log_;
  Router router_;
  std::optional<client::Agent> agent_;
  Status begun_;
  asio::io_context io_{1};
  asio::thread_pool workers_;
  asio::signal_set signals_{io_, SIGTERM, SIGINT};
  std::unique_ptr<peer::Listener> listener_;
  std::shared_ptr<Serving> serving_ = std::make_shared<Serving>(io_, workers_, router_, log_);
  std::mutex mutex_;
  std::condition_variable stop_asked_;
  std::atomic<bool> stopping_ = false;
};

Application::Application(Options options) : server_(std::make_unique<Server>(std::move(options))) {}
Application::~Application() = default;

void Application::handle(std::string name, Handler handler) {
  server_->handle(std::move(name), std::move(handler));
}
const client::Agent& Application::agent() const {
  return server_->agent();
}
int Application::run() {
  return server_->run();
}
void Application::stop() {
  server_->stop();
}

}  // namespace concordat::application

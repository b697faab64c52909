#include "deploy/parent/parent_io.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "deploy/parent/announcer_io.hpp"
#include "deploy/parent/credentials_io.hpp"
#include "deploy/parent/http_io.hpp"
#include "deploy/parent/operator_service.hpp"
#include "deploy/parent/status_io.hpp"
#include "deploy/parent/store/open_store_io.hpp"

namespace concordat::parent {
namespace {

namespace asio = boost::asio;
using base::Result;
using base::Status;
using peer::Source;
using peer::StreamSocket;
using peer::Target;
using peer::relay::Route;

constexpr std::string_view kEnclavePrefix = "enclave/";
constexpr std::string_view kOperatorPrefix = "operator/";
// Connections to the operator's endpoint at once: a scraper, a person, their retries.
constexpr std::size_t kMaxOperatorConnections = 32;
// How often those who wait for news are looked through.
constexpr std::chrono::milliseconds kNewsTick = std::chrono::seconds(5);

std::string_view enclave_of(const Source& source) {
  return std::string_view(source.text).substr(kEnclavePrefix.size());
}

// What the configuration says goes before what was announced.
std::optional<Route> find_enclave(const Config& config, const Announcer* announced,
                                  const std::string& name) {
  const auto local = config.enclaves.find(name);
  if (local != config.enclaves.end()) return Route{Route::Kind::enclave, local->second.dial};
  const auto remote = config.peers.enclaves.find(name);
  if (remote != config.peers.enclaves.end()) return Route{Route::Kind::parent, remote->second};
  const auto found = announced != nullptr ? announced->find(name) : std::nullopt;
  if (found) return Route{Route::Kind::parent, *found};
  return {};
}

// Other parents may ask for local enclaves and for nothing else: no egress, and no way through.
std::optional<Route> route_for_parent(const Config& config, const Target& target) {
  const auto* enclave = std::get_if<peer::EnclaveTarget>(&target);
  if (enclave == nullptr || !config.enclaves.contains(enclave->name)) return {};
  return find_enclave(config, nullptr, enclave->name);
}

std::optional<Route> route_for_enclave(const Config& config, const Announcer* announced,
                                       const std::string& caller, const Target& target) {
  if (const auto* enclave = std::get_if<peer::EnclaveTarget>(&target)) {
    return find_enclave(config, announced, enclave->name);
  }
  if (std::holds_alternative<peer::ParentHttpTarget>(target))
    return Route{Route::Kind::service, {}};
  const std::string name = to_string(target).substr(std::string_view("egress/").size());
  if (!config.enclaves.at(caller).egress.contains(name)) return {};
  return Route{Route::Kind::egress, config.egress.at(name)};
}

// Enclaves here and beyond other parents, and nothing else: the handshake decides the rest.
std::optional<Route> route_for_operator(const Config& config, const Announcer* announced,
                                        const Target& target) {
  const auto* enclave = std::get_if<peer::EnclaveTarget>(&target);
  return enclave != nullptr ? find_enclave(config, announced, enclave->name) : std::nullopt;
}

// One caller a machine, not one a connection.
Source source_of_parent(const peer::PeerAddress& from) {
  return Source{"parent/" + from.network.value_or(from.text)};
}

Source source_of_operator(const peer::PeerAddress& from) {
  return Source{std::string(kOperatorPrefix) + from.network.value_or("local")};
}

}  // namespace

class Parent::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, Config config, base::Logger& log)
      : io_(io),
        config_(std::move(config)),
        log_(log),
        started_(base::system_wall_clock()),
        ticker_(io) {}

  Status open() {
    CONCORDAT_CHECK(files_.reload(config_));
    if (config_.store) {
      CONCORDAT_TRY(store_, open_store(io_, *config_.store, log_));
      announcer_ = std::make_shared<Announcer>(io_, config_, *store_, log_);
    }
    if (config_.credentials) credentials_.emplace(io_, *config_.credentials);
    services_ = std::make_unique<Services>(service_parts());
    operators_ = std::make_unique<OperatorService>(operator_parts());
    relay_ = std::make_unique<peer::relay::Relay>(io_, config_.limits, relay_parts());
    CONCORDAT_CHECK(listen_for_enclaves());
    CONCORDAT_CHECK(listen_for_parents());
    CONCORDAT_CHECK(listen_for_operators());
    if (announcer_) announcer_->start();
    tick();
    return {};
  }

  void reload();

  void stop(std::function<void()> done) {
    ticker_.cancel();
    operator_listener_.reset();
    if (services_) services_->dismiss_waiting();
    if (relay_) relay_->stop();
    disk_.join();
    if (!announcer_) return done();
    std::exchange(announcer_, {})->stop(std::move(done));
  }

 private:
  ServiceParts service_parts();
  OperatorParts operator_parts();
  peer::relay::Parts relay_parts();
  Status listen_for_enclaves();
  Status listen_for_parents();
  Status listen_for_operators();
  Status listen(std::string_view what, const peer::Endpoint& endpoint,
                peer::relay::IdentifyCaller who);
  void offload(std::function<HttpResponse()> work, const Respond& respond);
  void serve_enclave(StreamSocket stream, const Source& caller, peer::relay::Slot slot);
  void tick();
  [[nodiscard]] StatusInput status() const;

  asio::io_context& io_;
  Config config_;
  base::Logger& log_;
  base::UnixMillis started_;
  Published files_;
  Reports reports_;
  std::optional<CredentialsSource> credentials_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<OperatorService> operators_;
  std::unique_ptr<peer::relay::Relay> relay_;
  std::unique_ptr<peer::Listener> operator_listener_;
  std::size_t operator_connections_ = 0;
  std::uint64_t reloads_ = 0, failed_reloads_ = 0;
  asio::steady_timer ticker_;
  // One thread: what operators push is written in order, and the relay never waits for the disk.
  asio::thread_pool disk_{1};
  // Ends before those to whom it answers.
  std::unique_ptr<Store> store_;
  std::shared_ptr<Announcer> announcer_;
};

ServiceParts Parent::Impl::service_parts() {
  ServiceParts parts;
  parts.config = &config_;
  parts.files = &files_;
  parts.store = store_.get();
  parts.reports = &reports_;
  parts.log = &log_;
  parts.clock = base::system_monotonic_clock;
  parts.discovered = [this] {
    return announcer_ ? announcer_->names() : std::vector<std::string>();
  };
  if (credentials_) {
    parts.credentials = [this](auto handler) { credentials_->get(std::move(handler)); };
  }
  return parts;
}

OperatorParts Parent::Impl::operator_parts() {
  OperatorParts parts;
  parts.files = &files_;
  parts.reports = &reports_;
  parts.store = store_.get();
  parts.log = &log_;
  parts.offload = [this](std::function<HttpResponse()> work, const Respond& respond) {
    offload(std::move(work), respond);
  };
  parts.tell_news = [this] { return services_->tell_news(); };
  parts.metrics = [this] { return render_metrics(status()); };
  parts.status = [this] { return render_status(status()); };
  return parts;
}

peer::relay::Parts Parent::Impl::relay_parts() {
  peer::relay::Parts parts;
  parts.log = &log_;
  parts.route = [this](const Source& caller, const Target& target) {
    if (caller.text.starts_with(kOperatorPrefix)) {
      return route_for_operator(config_, announcer_.get(), target);
    }
    if (!caller.text.starts_with(kEnclavePrefix)) return route_for_parent(config_, target);
    return route_for_enclave(config_, announcer_.get(), std::string(enclave_of(caller)), target);
  };
  parts.serve = [this](StreamSocket stream, const Source& caller, peer::relay::Slot slot) {
    serve_enclave(std::move(stream), caller, std::move(slot));
  };
  return parts;
}

Status Parent::Impl::listen(std::string_view what, const peer::Endpoint& endpoint,
                            peer::relay::IdentifyCaller who) {
  peer::ListenOptions options;
  options.unix_mode = config_.unix_mode;
  CONCORDAT_TRY(const peer::Endpoint at, relay_->listen(endpoint, options, std::move(who)));
  log_.info("listening", {{"for", what}, {"endpoint", to_string(at)}});
  return {};
}

Status Parent::Impl::listen_for_enclaves() {
  for (const auto& [name, enclave] : config_.enclaves) {
    if (!enclave.listen) continue;
    const Source source{std::string(kEnclavePrefix) + name};
    CONCORDAT_CHECK(listen(source.text, *enclave.listen,
                           [source](const peer::PeerAddress&) { return source; }));
  }
  for (const peer::Endpoint& endpoint : config_.relay_listen) {
    CONCORDAT_CHECK(listen("enclaves", endpoint, [this](const peer::PeerAddress& from) {
      const auto name = enclave_with_context_id(config_, from.context_id.value_or(0));
      return name ? std::optional(Source{*name}) : std::nullopt;
    }));
  }
  return {};
}

Status Parent::Impl::listen_for_parents() {
  if (!config_.peers.listen) return {};
  return listen("parents", *config_.peers.listen, source_of_parent);
}

Status Parent::Impl::listen_for_operators() {
  if (!config_.operator_listen) return {};
  CONCORDAT_TRY(operator_listener_, peer::Listener::open(io_, *config_.operator_listen));
  operator_listener_->start([this](StreamSocket stream, const peer::PeerAddress& from) {
    if (operator_connections_ >= kMaxOperatorConnections) return;
    ++operator_connections_;
    std::shared_ptr<void> slot(nullptr, [weak = weak_from_this()](void*) {
      if (const auto self = weak.lock()) --self->operator_connections_;
    });
    HttpLimits limits;
    limits.max_body = kMaxPublishedFile;
    serve_http(
        std::move(stream),
        [weak = weak_from_this()](const HttpRequest& request, const Respond& respond) {
          if (const auto self = weak.lock()) self->operators_->handle(request, respond);
        },
        limits, std::move(slot),
        HttpUpgrade{kOperatorRelayPath, kOperatorRelayProtocol,
                    [weak = weak_from_this(), from](StreamSocket upgraded) {
                      const auto self = weak.lock();
                      if (self) self->relay_->adopt(std::move(upgraded), source_of_operator(from));
                    }});
  });
  log_.info("listening",
            {{"for", "operators"}, {"endpoint", to_string(operator_listener_->local())}});
  return {};
}

void Parent::Impl::offload(std::function<HttpResponse()> work, const Respond& respond) {
  asio::post(disk_, [this, work = std::move(work), respond] {
    asio::post(io_, [respond, response = work()] { respond(response); });
  });
}

void Parent::Impl::serve_enclave(StreamSocket stream, const Source& caller,
                                 peer::relay::Slot slot) {
  HttpLimits limits;
  if (config_.store) {
    limits.max_body = config_.store->limits.max_bytes;
    limits.max_body_of["/v1/store"] = keyservice::kMaxStoreBatch;
  }
  limits.max_body_of["/v1/report"] = kMaxReport;
  serve_http(
      std::move(stream),
      [this, name = std::string(enclave_of(caller))](const HttpRequest& request,
                                                     const Respond& respond) {
        services_->handle(name, request, respond);
      },
      limits, std::move(slot));
}

StatusInput Parent::Impl::status() const {
  return {config_,  files_,         services_->counters(), services_->waiting(),
          reports_, store_.get(),   relay_->snapshot(),    started_,
          reloads_, failed_reloads_};
}

void Parent::Impl::tick() {
  ticker_.expires_after(kNewsTick);
  ticker_.async_wait([weak = weak_from_this()](const boost::system::error_code& failure) {
    const auto self = weak.lock();
    if (failure || !self) return;
    self->services_->expire();
    self->tick();
  });
}

void Parent::Impl::reload() {
  const Status read = files_.reload(config_);
  if (!read) {
    ++failed_reloads_;
    log_.error("reload_failed", read.error());
    return;
  }
  ++reloads_;
  log_.info("reloaded", {{"policy", files_.policy() ? files_.policy()->version : "none"},
                         {"told", services_->tell_news()}});
}

Parent::Parent(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Parent::~Parent() {
  impl_->stop([] {});
}

Result<std::unique_ptr<Parent>> Parent::start(asio::io_context& io, Config config,
                                              base::Logger& log) {
  auto impl = std::make_shared<Impl>(io, std::move(config), log);
  CONCORDAT_CHECK(impl->open());
  return std::unique_ptr<Parent>(new Parent(std::move(impl)));
}
void Parent::reload() {
  impl_->reload();
}
void Parent::stop(std::function<void()> done) {
  impl_->stop(std::move(done));
}

Status check_surroundings(const Config& config) {
  CONCORDAT_CHECK(Published().reload(config));
  return config.store ? check_store(*config.store) : Status();
}

}  // namespace concordat::parent

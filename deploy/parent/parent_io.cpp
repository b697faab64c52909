#include "deploy/parent/parent_io.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "deploy/parent/credentials_io.hpp"
#include "deploy/parent/http_io.hpp"
#include "deploy/parent/status_io.hpp"

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
// Connections to the operator's endpoint at once: a scraper, a person, their retries.
constexpr std::size_t kMaxOperatorConnections = 32;

std::string_view enclave_of(const Source& source) {
  return std::string_view(source.text).substr(kEnclavePrefix.size());
}

std::optional<Route> find_enclave(const Config& config, const std::string& name) {
  const auto local = config.enclaves.find(name);
  if (local != config.enclaves.end()) return Route{Route::Kind::enclave, local->second.dial};
  const auto remote = config.peers.enclaves.find(name);
  if (remote != config.peers.enclaves.end()) return Route{Route::Kind::parent, remote->second};
  return {};
}

// Other parents may ask for local enclaves and for nothing else: no egress, and no way through.
std::optional<Route> route_for_parent(const Config& config, const Target& target) {
  const auto* enclave = std::get_if<peer::EnclaveTarget>(&target);
  if (enclave == nullptr || !config.enclaves.contains(enclave->name)) return {};
  return find_enclave(config, enclave->name);
}

std::optional<Route> route_for_enclave(const Config& config, const Target& target) {
  if (const auto* enclave = std::get_if<peer::EnclaveTarget>(&target)) {
    return find_enclave(config, enclave->name);
  }
  if (std::holds_alternative<peer::ParentHttpTarget>(target))
    return Route{Route::Kind::service, {}};
  const std::string name = to_string(target).substr(std::string_view("egress/").size());
  const auto found = config.egress.find(name);
  if (found == config.egress.end()) return {};
  return Route{Route::Kind::egress, found->second};
}

// The address without its port: one caller a parent, not one a connection.
Source source_of_parent(const peer::PeerAddress& from) {
  constexpr std::string_view kTcp = "tcp:";
  std::string_view text = from.text;
  if (text.starts_with(kTcp)) text = text.substr(kTcp.size(), text.rfind(':') - kTcp.size());
  return Source{"parent/" + std::string(text)};
}

}  // namespace

class Parent::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, Config config, base::Logger& log)
      : io_(io), config_(std::move(config)), log_(log), started_(base::system_wall_clock()) {}

  Status open() {
    CONCORDAT_CHECK(files_.reload(config_));
    if (config_.store) {
      CONCORDAT_TRY(Store store, Store::open(*config_.store));
      store_.emplace(std::move(store));
    }
    if (config_.credentials) credentials_.emplace(io_, *config_.credentials);
    services_ = std::make_unique<Services>(service_parts());
    relay_ = std::make_unique<peer::relay::Relay>(io_, config_.limits, relay_parts());
    CONCORDAT_CHECK(listen_for_enclaves());
    CONCORDAT_CHECK(listen_for_parents());
    return listen_for_operators();
  }

  void reload();

  void stop() {
    operator_listener_.reset();
    if (relay_) relay_->stop();
    disk_.join();
  }

 private:
  ServiceParts service_parts();
  peer::relay::Parts relay_parts();
  Status listen_for_enclaves();
  Status listen_for_parents();
  Status listen_for_operators();
  Status listen(std::string_view what, const peer::Endpoint& endpoint,
                peer::relay::IdentifyCaller who);
  void offload(std::function<HttpResponse()> work, const Respond& respond);
  void serve_enclave(StreamSocket stream, const Source& caller, peer::relay::Slot slot);
  void answer_operator(const HttpRequest& request, const Respond& respond) const;
  [[nodiscard]] StatusInput status() const;

  asio::io_context& io_;
  Config config_;
  base::Logger& log_;
  base::UnixMillis started_;
  PublishedFiles files_;
  std::optional<Store> store_;
  std::optional<CredentialsSource> credentials_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<peer::relay::Relay> relay_;
  std::unique_ptr<peer::Listener> operator_listener_;
  std::size_t operator_connections_ = 0;
  std::uint64_t reloads_ = 0, failed_reloads_ = 0;
  // One thread: writes to the store stay in order, and the relay never waits for the disk.
  asio::thread_pool disk_{1};
};

ServiceParts Parent::Impl::service_parts() {
  ServiceParts parts;
  parts.config = &config_;
  parts.files = &files_;
  parts.store = store_ ? &*store_ : nullptr;
  parts.log = &log_;
  parts.offload = [this](std::function<HttpResponse()> work, const Respond& respond) {
    offload(std::move(work), respond);
  };
  if (credentials_) {
    parts.credentials = [this](auto handler) { credentials_->get(std::move(handler)); };
  }
  return parts;
}

peer::relay::Parts Parent::Impl::relay_parts() {
  peer::relay::Parts parts;
  parts.log = &log_;
  parts.route = [this](const Source& caller, const Target& target) {
    return caller.text.starts_with(kEnclavePrefix) ? route_for_enclave(config_, target)
                                                   : route_for_parent(config_, target);
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
  operator_listener_->start([this](StreamSocket stream, const peer::PeerAddress&) {
    if (operator_connections_ >= kMaxOperatorConnections) return;
    ++operator_connections_;
    std::shared_ptr<void> slot(nullptr, [weak = weak_from_this()](void*) {
      if (const auto self = weak.lock()) --self->operator_connections_;
    });
    serve_http(
        std::move(stream),
        [weak = weak_from_this()](const HttpRequest& request, const Respond& respond) {
          if (const auto self = weak.lock()) self->answer_operator(request, respond);
        },
        {}, std::move(slot));
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
  if (config_.store) limits.max_body = config_.store->max_bytes;
  serve_http(
      std::move(stream),
      [this, name = std::string(enclave_of(caller))](const HttpRequest& request,
                                                     const Respond& respond) {
        services_->handle(name, request, respond);
      },
      limits, std::move(slot));
}

StatusInput Parent::Impl::status() const {
  return {config_,  files_,   services_->counters(), relay_->snapshot(),
          started_, reloads_, failed_reloads_};
}

void Parent::Impl::answer_operator(const HttpRequest& request, const Respond& respond) const {
  if (request.method != "GET") {
    return respond(http_error(405, "method_not_allowed", "only GET is answered here"));
  }
  if (request.path == "/metrics") {
    return respond({200, "text/plain; version=0.0.4", render_metrics(status()), {}});
  }
  if (request.path == "/v1/status") {
    return respond({200, "application/json", render_status(status()), {}});
  }
  respond(http_error(404, "not_found", "there are /metrics and /v1/status"));
}

void Parent::Impl::reload() {
  const Status read = files_.reload(config_);
  if (!read) {
    ++failed_reloads_;
    log_.error("reload_failed", read.error());
    return;
  }
  ++reloads_;
  log_.info("reloaded", {{"policy", files_.policy() ? files_.policy()->version : "none"}});
}

Parent::Parent(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Parent::~Parent() {
  impl_->stop();
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
void Parent::stop() {
  impl_->stop();
}

Status check_surroundings(const Config& config) {
  CONCORDAT_CHECK(PublishedFiles().reload(config));
  if (config.store) {
    const auto store = Store::open(*config.store);
    // A store that is in use is in order: the parent that uses it may be running.
    if (!store && !store.error().is(StoreErrc::in_use)) return store.error();
  }
  return {};
}

}  // namespace concordat::parent

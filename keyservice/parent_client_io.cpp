#include "keyservice/parent_client_io.hpp"

#include <nlohmann/json.hpp>

#include "attest/base/json.hpp"
#include "keyservice/announced_io.hpp"
#include "keyservice/error.hpp"
#include "keyservice/parent_http_io.hpp"
#include "peer/preface_io.hpp"

namespace concordat::keyservice {
namespace {

namespace asio = boost::asio;
using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

constexpr std::chrono::milliseconds kEgressDialTimeout = std::chrono::seconds(10);

// Gives `work` an io_context of its own. That takes descriptors, and Asio throws where none is
// left: those who ask the parent from a thread have nobody above them who would catch it.
template <class Work>
auto with_io_context(const Work& work) -> decltype(work(std::declval<asio::io_context&>())) {
  try {
    asio::io_context io(1);
    return work(io);
  } catch (const boost::system::system_error& error) {
    return Error(Errc::parent_failed, std::string("not asked: ") + error.what());
  }
}

// Runs `io` until `answer` is there or the time is over.
template <class T>
Result<T> wait_for(asio::io_context& io, std::optional<Result<T>>& answer,
                   std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!answer && io.run_one_until(deadline) != 0) {
  }
  if (!answer) return Error(Errc::timed_out, "the parent");
  return *std::move(answer);
}

Result<peer::StreamSocket> dial(asio::io_context& io, const peer::Endpoint& relay,
                                const peer::Target& target, std::chrono::milliseconds timeout) {
  auto answer = std::make_shared<std::optional<Result<peer::StreamSocket>>>();
  peer::async_dial_target(io, relay, target, timeout, [answer](Result<peer::StreamSocket> socket) {
    answer->emplace(std::move(socket));
  });
  return wait_for(io, *answer, timeout);
}

Error unexpected_status(const HttpReply& reply, const std::string& target) {
  return Error(Errc::parent_failed, target + " answered " + std::to_string(reply.status));
}

// A relay that has no such target, and a certificate that is not KMS's, will be the same next time.
bool may_pass(const Error& error) {
  using peer::RelayErrc;
  using peer::StreamErrc;
  return error.is(RelayErrc::unreachable) || error.is(RelayErrc::refused_by_limit) ||
         error.is(RelayErrc::timed_out) || error.is(StreamErrc::cannot_connect) ||
         error.is(StreamErrc::timed_out) || error.is(StreamErrc::ended) ||
         error.is(StreamErrc::broken) || error.is(HttpsErrc::connection_lost) ||
         error.is(HttpsErrc::tls_failed) || error.is(HttpsErrc::timed_out) ||
         error.is(Errc::timed_out);
}

}  // namespace

Result<HttpReply> ParentClient::call(const HttpRequest& request) {
  auto answer = with_io_context([&](asio::io_context& io) -> Result<HttpReply> {
    std::optional<Result<HttpReply>> reply;
    async_parent_call(io, relay_, request, timeout_,
                      [&reply](Result<HttpReply> found) { reply.emplace(std::move(found)); });
    io.run();
    return *std::move(reply);
  });
  if (answer || answer.error().is(Errc::timed_out)) return answer;
  // Whatever failed on the way: not to be taken for a failure of what the parent leads to.
  return Error(Errc::parent_failed, answer.error().to_string());
}

Result<Bytes> ParentClient::get(const std::string& path) {
  CONCORDAT_TRY(const HttpReply reply, call({"GET", path, {}, {}}));
  if (reply.status != 200) return unexpected_status(reply, path);
  return base::to_bytes(base::as_bytes(reply.body));
}

Result<ParentConfig> ParentClient::config() {
  CONCORDAT_TRY(const Bytes body, get("/v1/config"));
  const auto json = base::parse_strict_json(base::as_text(body));
  if (!json) return Error(Errc::parent_failed, "/v1/config: " + json.error().to_string());
  const auto role = json->is_object() ? json->find("role") : json->end();
  if (role == json->end() || !role->is_string() || role->get<std::string>().empty()) {
    return Error(Errc::parent_failed, "/v1/config names no role");
  }
  ParentConfig config{role->get<std::string>(), {}, {}};
  const auto enclave = json->find("enclave");
  if (enclave != json->end() && enclave->is_string()) config.enclave = enclave->get<std::string>();
  const auto settings = json->find("settings");
  if (settings != json->end() && settings->is_object()) {
    for (const auto& [key, value] : settings->items()) {
      if (value.is_string()) config.settings.emplace(key, value.get<std::string>());
    }
  }
  return config;
}

Result<Bytes> ParentClient::authority() {
  return get("/v1/authority");
}
Result<Bytes> ParentClient::policy() {
  return get("/v1/policy");
}

Result<AwsCredentials> ParentClient::credentials() {
  CONCORDAT_TRY(const Bytes body, get("/v1/credentials"));
  return parse_imds_credentials(body);
}

Result<std::optional<Bytes>> ParentClient::freshness() {
  return find("/v1/freshness");
}

Result<std::optional<Bytes>> ParentClient::load(const std::string& name) {
  CONCORDAT_TRY(const HttpReply reply, call(store_get(name)));
  auto found = read_store_get(reply);
  if (!found) return Error(Errc::parent_failed, name + ": " + found.error().to_string());
  return found;
}

Result<std::optional<Bytes>> ParentClient::find(const std::string& path) {
  CONCORDAT_TRY(const HttpReply reply, call({"GET", path, {}, {}}));
  if (reply.status == 404) return std::optional<Bytes>();
  if (reply.status != 200) return unexpected_status(reply, path);
  return std::optional(base::to_bytes(base::as_bytes(reply.body)));
}

Status ParentClient::store_new(const std::string& name, BytesView content) {
  CONCORDAT_TRY(const HttpReply reply, call(store_put(name, content, std::nullopt)));
  const Status stored = read_store_write(reply);
  if (stored) return {};
  if (stored.error().is(ParentStoreErrc::conflict)) {
    return Error(Errc::store_failed, "'" + name + "' is there already");
  }
  return Error(Errc::parent_failed, name + ": " + stored.error().to_string());
}

Status ParentClient::store(const std::string& name, BytesView content,
                           const std::optional<std::string>& expected) {
  CONCORDAT_TRY(const HttpReply reply, call(store_put(name, content, expected)));
  return read_store_write(reply);
}

Status ParentClient::remove(const std::string& name, const std::string& version) {
  CONCORDAT_TRY(const HttpReply reply, call(store_remove(name, version)));
  return read_store_write(reply);
}

Result<StorePage> ParentClient::list(const std::string& prefix, const std::string& after) {
  CONCORDAT_TRY(const HttpReply reply, call(store_list(prefix, after)));
  return read_store_list(reply);
}

Result<std::vector<std::string>> ParentClient::announced(std::string_view own) {
  CONCORDAT_TRY(const HttpReply reply, call(list_custodians()));
  return announced_names(reply, own);
}

Result<HttpReply> KmsThroughRelay::exchange(const std::string& host, const HttpRequest& request,
                                            base::UnixMillis now) {
  auto reply = exchange_once(host, request, now);
  if (reply || !may_pass(reply.error())) return reply;
  return Error(KmsErrc::unreachable, host + ": " + reply.error().to_string());
}

Result<HttpReply> KmsThroughRelay::exchange_once(const std::string& host,
                                                 const HttpRequest& request, base::UnixMillis now) {
  CONCORDAT_TRY(base::Descriptor stream, dial_egress(host));
  HttpsCall call;
  call.host = host;
  call.now = now;
  call.max_body = kMaxKmsReply;
  return https_exchange(std::move(stream), trust_, call, request);
}

Result<base::Descriptor> KmsThroughRelay::dial_egress(const std::string& host) const {
  return with_io_context([&](asio::io_context& io) -> Result<base::Descriptor> {
    CONCORDAT_TRY(peer::StreamSocket stream,
                  dial(io, relay_, peer::EgressTarget{{host, 443}}, kEgressDialTimeout));
    boost::system::error_code error;
    stream.native_non_blocking(false, error);
    base::Descriptor descriptor(stream.release(error));
    if (error) return Error(Errc::parent_failed, error.message());
    return descriptor;
  });
}

}  // namespace concordat::keyservice

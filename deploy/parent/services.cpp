#include "deploy/parent/services.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attest/base/log.hpp"
#include "deploy/parent/store_service.hpp"

namespace concordat::parent {
namespace {

using base::Result;
using nlohmann::ordered_json;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kCbor = "application/cbor";
constexpr std::string_view kStore = "/v1/store";
constexpr std::string_view kStorePrefix = "/v1/store/";

HttpResponse json_response(const ordered_json& value) {
  return {200, std::string(kJson), value.dump() + "\n", {}};
}

HttpResponse file_response(const std::optional<Published::File>& file, std::string_view type,
                           std::string_view what) {
  if (!file) {
    return http_error(404, "not_found", "the parent has no " + std::string(what));
  }
  return {200, std::string(type), std::string(base::as_text(file->content)), file->version};
}

// VERSION of "after=VERSION": a version as file_response says it, or "none". nullopt: no question
// for news; empty: not understood.
std::optional<std::string> after_of(const std::string& query) {
  constexpr std::string_view kAfter = "after=";
  if (query.empty()) return std::nullopt;
  const std::string version = query.starts_with(kAfter) ? query.substr(kAfter.size()) : "";
  return is_version(version) || version == "none" ? version : "";
}

std::string_view version_or_none(const std::optional<Published::File>& file) {
  return file ? std::string_view(file->version) : "none";
}

HttpResponse publication_response(const Published& files, Publication what) {
  return file_response(files.get(what), kJson,
                       what == Publication::policy ? "policy" : "freshness statement");
}

std::string route_of(const HttpRequest& request) {
  static const std::set<std::string, std::less<>> kRoutes{
      "/v1/config",      "/v1/policy", "/v1/freshness", "/v1/authority",
      "/v1/credentials", "/v1/report", "/v1/store",     "/v1/custodians"};
  if (kRoutes.contains(request.path)) return request.path;
  return request.path.starts_with(kStorePrefix) ? "/v1/store/{name}" : "other";
}

}  // namespace

HttpResponse http_error(unsigned status, std::string_view code, std::string_view message) {
  const ordered_json body = {{"error", {{"code", code}, {"message", message}}}};
  return {status,
          std::string(kJson),
          body.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n",
          {}};
}

void Services::handle(const std::string& caller, const HttpRequest& request,
                      const Respond& respond) {
  const Respond counted = [this, route = route_of(request), respond](HttpResponse response) {
    ++counters_[{route, response.status}];
    respond(std::move(response));
  };
  if (request.path == kStore || request.path.starts_with(kStorePrefix)) {
    return use_store(caller, request, counted);
  }
  if (route_of(request) == "other") {
    return counted(http_error(404, "not_found", "there is no such path"));
  }
  if (request.path == "/v1/report" && request.method == "PUT") {
    parts_.reports->keep(caller, base::system_wall_clock(), request.body);
    return counted({204, {}, {}, {}});
  }
  if (request.method != "GET" || request.path == "/v1/report") {
    return counted(http_error(405, "method_not_allowed", "another method is needed here"));
  }
  if (request.path == "/v1/config") return counted(describe_caller(caller));
  if (request.path == "/v1/credentials") return hand_out_credentials(caller, counted);
  if (request.path == "/v1/custodians") {
    if (parts_.store != nullptr) return serve_custodians(*parts_.store, counted);
    return counted(json_response({{"custodians", ordered_json::array()}}));
  }
  if (request.path == "/v1/policy") {
    return hand_out(caller, Publication::policy, request, counted);
  }
  if (request.path == "/v1/freshness") {
    return hand_out(caller, Publication::freshness, request, counted);
  }
  counted(file_response(parts_.files->authority(), kCbor, "authority descriptor"));
}

void Services::hand_out(const std::string& caller, Publication what, const HttpRequest& request,
                        const Respond& respond) {
  const auto after = after_of(request.query);
  if (after && after->empty()) {
    return respond(http_error(400, "bad_request", "want ?after=VERSION or ?after=none"));
  }
  if (!after || *after != version_or_none(parts_.files->get(what))) {
    return respond(publication_response(*parts_.files, what));
  }
  const auto held = std::ranges::count(waiting_, caller, &Waiting::caller);
  if (static_cast<std::size_t>(held) >= kMaxWaiting) {
    return respond(http_error(429, "too_many_waiting", "this enclave waits for news already"));
  }
  waiting_.push_back({caller, what, *after, parts_.clock(), respond});
}

std::size_t Services::tell_news() {
  // Moved out first: whoever is answered may ask again at once.
  std::list<Waiting> told;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const auto next = std::next(at);
    if (at->after != version_or_none(parts_.files->get(at->what))) {
      told.splice(told.end(), waiting_, at);
    }
    at = next;
  }
  for (const Waiting& waiting : told)
    waiting.respond(publication_response(*parts_.files, waiting.what));
  return told.size();
}

void Services::expire() {
  const base::MonotonicMillis now = parts_.clock();
  std::list<Waiting> late;
  while (!waiting_.empty() && now - waiting_.front().since >= kNewsPatience)
    late.splice(late.end(), waiting_, waiting_.begin());
  for (const Waiting& waiting : late)
    waiting.respond({304, {}, {}, {}});
}

std::map<std::string, std::size_t> Services::waiting() const {
  std::map<std::string, std::size_t> counts;
  for (const Waiting& waiting : waiting_)
    ++counts[waiting.caller];
  return counts;
}

HttpResponse Services::describe_caller(const std::string& caller) const {
  const Config& config = *parts_.config;
  const EnclaveConfig& enclave = config.enclaves.at(caller);
  ordered_json targets = ordered_json::array();
  for (const auto& [name, other] : config.enclaves) {
    if (name != caller) targets.push_back("enclave/" + name);
  }
  for (const auto& [name, parent] : config.peers.enclaves)
    targets.push_back("enclave/" + name);
  for (const std::string& name : parts_.discovered()) {
    if (config.enclaves.contains(name) || config.peers.enclaves.contains(name)) continue;
    targets.push_back("enclave/" + name);
  }
  for (const std::string& name : enclave.egress)
    targets.push_back("egress/" + name);
  return json_response({{"enclave", caller},
                        {"role", enclave.role},
                        {"targets", std::move(targets)},
                        {"settings", ordered_json(enclave.settings)}});
}

void Services::hand_out_credentials(const std::string& caller, const Respond& respond) {
  if (!parts_.config->enclaves.at(caller).credentials) {
    return respond(http_error(403, "no_credentials",
                              "the parent's configuration gives this enclave no credentials"));
  }
  parts_.credentials([this, respond](const Result<Credentials>& found) {
    if (!found) {
      parts_.log->error("credentials_unavailable", found.error());
      return respond(http_error(503, found.error().name(), found.error().to_string()));
    }
    const auto or_null = [](const std::optional<std::string>& text) {
      return text ? ordered_json(*text) : ordered_json();
    };
    respond(json_response({{"AccessKeyId", found->access_key_id},
                           {"SecretAccessKey", found->secret_access_key},
                           {"Token", or_null(found->session_token)},
                           {"Expiration", or_null(found->expires_at)}}));
  });
}

void Services::use_store(const std::string& caller, const HttpRequest& request,
                         const Respond& respond) {
  const auto& folder = parts_.config->enclaves.at(caller).store;
  if (!folder || parts_.store == nullptr) {
    return respond(http_error(403, "no_store",
                              "the parent's configuration gives this enclave no "
                              "folder of the store"));
  }
  const bool named = request.path != kStore;
  serve_store(*parts_.store, *folder,
              named ? std::optional(request.path.substr(kStorePrefix.size())) : std::nullopt,
              request, respond);
}

}  // namespace concordat::parent

#include "deploy/parent/services.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attest/base/log.hpp"

namespace concordat::parent {
namespace {

using base::Result;
using base::Status;
using nlohmann::ordered_json;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kCbor = "application/cbor";
constexpr std::string_view kBytes = "application/octet-stream";
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

unsigned status_of(const base::Error& error) {
  if (error.is(StoreErrc::bad_name)) return 400;
  if (error.is(StoreErrc::not_found)) return 404;
  if (error.is(StoreErrc::version_differs)) return 412;
  if (error.is(StoreErrc::condition_missing)) return 428;
  if (error.is(StoreErrc::too_large)) return 413;
  if (error.is(StoreErrc::full)) return 507;
  return 500;
}

HttpResponse store_error(const base::Error& error) {
  return http_error(status_of(error), error.name(), error.to_string());
}

// If-Match takes one version as the store gave it; lists and weak tags have no meaning here.
Result<WriteCondition> condition_of(const HttpRequest& request) {
  if (request.if_match.has_value() == request.if_none_match.has_value()) {
    return StoreErrc::condition_missing;
  }
  if (request.if_none_match) {
    if (*request.if_none_match != "*") return StoreErrc::condition_missing;
    return WriteCondition{};
  }
  const std::string& tag = *request.if_match;
  if (tag.size() < 2 || tag.front() != '"' || tag.back() != '"') {
    return StoreErrc::condition_missing;
  }
  return WriteCondition{tag.substr(1, tag.size() - 2)};
}

HttpResponse read_entry(const Store& store, const std::string& folder, const std::string& name) {
  const auto entry = store.get(folder, name);
  if (!entry) return store_error(entry.error());
  return {200, std::string(kBytes), std::string(base::as_text(entry->content)), entry->version};
}

HttpResponse write_entry(Store& store, const std::string& folder, const std::string& name,
                         const HttpRequest& request) {
  const auto condition = condition_of(request);
  if (!condition) return store_error(condition.error());
  const auto version = store.put(folder, name, base::as_bytes(request.body), *condition);
  if (!version) return store_error(version.error());
  return {204, {}, {}, *version};
}

// VERSION of "after=VERSION": a version as file_response says it, or "none". nullopt: no question
// for news; empty: not understood.
std::optional<std::string> after_of(const std::string& query) {
  constexpr std::string_view kAfter = "after=";
  if (query.empty()) return std::nullopt;
  const std::string version = query.starts_with(kAfter) ? query.substr(kAfter.size()) : "";
  const bool hex = version.size() == 2 * base::Sha256Digest::kSize &&
                   version.find_first_not_of("0123456789abcdef") == std::string::npos;
  return hex || version == "none" ? version : "";
}

std::string_view version_or_none(const std::optional<Published::File>& file) {
  return file ? std::string_view(file->version) : "none";
}

HttpResponse publication_response(const Published& files, Publication what) {
  return file_response(files.get(what), kJson,
                       what == Publication::policy ? "policy" : "freshness statement");
}

std::string route_of(const HttpRequest& request) {
  static const std::set<std::string, std::less<>> kRoutes{"/v1/config",      "/v1/policy",
                                                          "/v1/freshness",   "/v1/authority",
                                                          "/v1/credentials", "/v1/report"};
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
  if (request.path.starts_with(kStorePrefix)) return use_store(caller, request, counted);
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
  if (request.method != "GET" && request.method != "PUT") {
    return respond(http_error(405, "method_not_allowed", "only GET and PUT are answered here"));
  }
  parts_.offload(
      [store = parts_.store, folder = *folder, request] {
        const std::string name = request.path.substr(kStorePrefix.size());
        return request.method == "GET" ? read_entry(*store, folder, name)
                                       : write_entry(*store, folder, name, request);
      },
      respond);
}

}  // namespace concordat::parent

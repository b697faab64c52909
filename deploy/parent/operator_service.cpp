#include "deploy/parent/operator_service.hpp"

#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "attest/base/log.hpp"
#include "deploy/parent/store_service.hpp"

namespace concordat::parent {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kReportsPrefix = "/v1/reports/";
constexpr std::string_view kOperatorStorePrefix = "/v1/store/";
constexpr std::string_view kForce = "force=true";

HttpResponse json_response(std::string text) {
  return {200, "application/json", std::move(text), {}};
}

std::string_view name_of(Publication what) {
  return what == Publication::policy ? "policy" : "freshness";
}

std::optional<Publication> publication_at(std::string_view path) {
  if (path == "/v1/policy") return Publication::policy;
  if (path == "/v1/freshness") return Publication::freshness;
  return std::nullopt;
}

HttpResponse refusal(const base::Error& error) {
  const bool ours = error.code().category() == base::enum_category<PublishErrc>();
  const unsigned status = error.is(PublishErrc::not_configured) ? 404 : ours ? 409 : 400;
  return http_error(status, error.name(), error.to_string());
}

}  // namespace

void OperatorService::handle(const HttpRequest& request, const Respond& respond) {
  const auto what = publication_at(request.path);
  if (request.method == "PUT" && what) return push(*what, request, respond);
  if (request.path.starts_with(kOperatorStorePrefix)) return use_store(request, respond);
  if (request.method != "GET") {
    return respond(
        http_error(405, "method_not_allowed",
                   what ? "only GET and PUT are answered here" : "only GET is answered here"));
  }
  if (request.path == "/v1/custodians" && parts_.store != nullptr) {
    return serve_custodians(*parts_.store, respond);
  }
  respond(read(request));
}

void OperatorService::use_store(const HttpRequest& request, const Respond& respond) {
  if (parts_.store == nullptr) {
    return respond(http_error(404, "no_store", "the parent's configuration has no \"store\""));
  }
  const std::string place = request.path.substr(kOperatorStorePrefix.size());
  const std::size_t slash = place.find('/');
  serve_store(*parts_.store, place.substr(0, slash),
              slash == std::string::npos ? std::nullopt : std::optional(place.substr(slash + 1)),
              request, respond);
}

HttpResponse OperatorService::read(const HttpRequest& request) const {
  if (request.path == "/metrics") {
    return {200, "text/plain; version=0.0.4", parts_.metrics(), {}};
  }
  if (request.path == "/v1/status") return json_response(parts_.status());
  if (const auto what = publication_at(request.path)) {
    const auto& file = parts_.files->get(*what);
    if (!file) return http_error(404, "not_found", "there is none");
    return {200, "application/json", std::string(base::as_text(file->content)), file->version};
  }
  if (request.path.starts_with(kReportsPrefix)) {
    const auto* report = parts_.reports->find(request.path.substr(kReportsPrefix.size()));
    if (report == nullptr) return http_error(404, "not_found", "no such enclave has reported");
    return json_response(report->body);
  }
  return http_error(404, "not_found",
                    "there are /metrics, /v1/status, /v1/policy, /v1/freshness, "
                    "/v1/reports/NAME, /v1/custodians and /v1/store/FOLDER");
}

void OperatorService::push(Publication what, const HttpRequest& request, const Respond& respond) {
  if (!request.query.empty() && request.query != kForce) {
    return respond(http_error(400, "bad_request", "want no query, or ?force=true"));
  }
  if (writing_) {
    return respond(http_error(503, "busy", "another push is being written; try again"));
  }
  const base::BytesView content = base::as_bytes(request.body);
  if (const auto fits = parts_.files->check(what, content, !request.query.empty()); !fits) {
    parts_.log->error("push_refused", fits.error(), {{"what", name_of(what)}});
    return respond(refusal(fits.error()));
  }
  writing_ = true;
  parts_.offload(
      [file = parts_.files->file_of(what), body = request.body] {
        const auto written = base::write_file(file, base::as_bytes(body));
        return written ? HttpResponse{204, {}, {}, {}}
                       : http_error(500, written.error().name(), written.error().to_string());
      },
      [this, what, body = request.body, respond](HttpResponse written) {
        writing_ = false;
        respond(written.status == 204 ? published(what, body) : std::move(written));
      });
}

HttpResponse OperatorService::published(Publication what, const std::string& body) {
  parts_.files->publish(what, base::to_bytes(base::as_bytes(body)));
  const std::size_t told = parts_.tell_news();
  ordered_json out = {{"version", version_of(base::as_bytes(body))}};
  if (const auto& summary = parts_.files->policy_summary()) {
    out["serial"] = summary->serial;
    out["digest"] = summary->digest.hex();
  }
  if (const auto time = parts_.files->freshness_time(); time && what == Publication::freshness) {
    out["time"] = base::format_rfc3339(*time);
  }
  out["told"] = told;
  parts_.log->info("pushed", {{"what", name_of(what)}, {"told", told}});
  return json_response(out.dump() + "\n");
}

}  // namespace concordat::parent

#include "deploy/parent/store_service.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

namespace concordat::parent {
namespace {

using base::Error;
using base::Result;
using base::Status;
using nlohmann::ordered_json;

unsigned status_of(const Error& error) {
  if (error.is(StoreErrc::bad_name)) return 400;
  if (error.is(StoreErrc::not_found)) return 404;
  if (error.is(StoreErrc::version_differs)) return 412;
  if (error.is(StoreErrc::condition_missing)) return 428;
  if (error.is(StoreErrc::too_large)) return 413;
  if (error.is(StoreErrc::folder_full) || error.is(StoreErrc::full)) return 507;
  if (error.is(StoreErrc::busy) || error.is(StoreErrc::unreachable)) return 503;
  return 500;
}

HttpResponse store_error(const Error& error) {
  return http_error(status_of(error), error.name(), error.to_string());
}

// One version as the store gave it; lists and weak tags have no meaning here.
Result<std::string> version_in(const std::string& tag) {
  const bool quoted = tag.size() > 2 && tag.front() == '"' && tag.back() == '"';
  if (!quoted || !is_version(std::string_view(tag).substr(1, tag.size() - 2))) {
    return StoreErrc::condition_missing;
  }
  return tag.substr(1, tag.size() - 2);
}

Result<WriteCondition> condition_of(const HttpRequest& request) {
  if (request.if_match.has_value() == request.if_none_match.has_value()) {
    return StoreErrc::condition_missing;
  }
  if (request.if_none_match) {
    if (*request.if_none_match != "*") return StoreErrc::condition_missing;
    return WriteCondition{};
  }
  CONCORDAT_TRY(std::string version, version_in(*request.if_match));
  return WriteCondition{std::move(version)};
}

HttpResponse bad_query(const std::string& what) {
  return http_error(400, "bad_request",
                    what + "; want ?prefix=NAME&after=NAME&max_bytes=NUMBER, each at most once");
}

// Nothing where it is not understood. Names need no escapes.
std::optional<ListQuery> query_of(const std::string& folder, std::string_view text) {
  ListQuery out;
  out.folder = folder;
  std::set<std::string_view> seen;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) return {};
    const std::string_view key = part.substr(0, equals), value = part.substr(equals + 1);
    if (!seen.insert(key).second) return {};
    if (key == "prefix") {
      out.prefix = value;
    } else if (key == "after") {
      out.after = value;
    } else if (key == "max_bytes") {
      const char* const end = value.data() + value.size();
      const auto [at, failure] = std::from_chars(value.data(), end, out.max_bytes);
      if (failure != std::errc() || at != end) return {};
    } else {
      return {};
    }
  }
  return out;
}

void read_entry(Store& store, EntryKey key, const Respond& respond) {
  store.get(std::move(key), [respond](Result<StoredEntry> entry) {
    if (!entry) return respond(store_error(entry.error()));
    respond({200, "application/octet-stream", std::string(base::as_text(entry->content)),
             entry->version});
  });
}

void write_entry(Store& store, EntryKey key, const HttpRequest& request, const Respond& respond) {
  auto condition = condition_of(request);
  if (!condition) return respond(store_error(condition.error()));
  store.put(std::move(key), base::to_bytes(base::as_bytes(request.body)), *std::move(condition),
            [respond](Result<std::string> version) {
              if (!version) return respond(store_error(version.error()));
              respond({204, {}, {}, *version});
            });
}

void remove_entry(Store& store, EntryKey key, const HttpRequest& request, const Respond& respond) {
  const auto condition = condition_of(request);
  if (!condition || !condition->version) {
    return respond(store_error(StoreErrc::condition_missing));
  }
  store.remove(std::move(key), *condition->version, [respond](const Status& removed) {
    respond(removed ? HttpResponse{204, {}, {}, {}} : store_error(removed.error()));
  });
}

void list_entries(Store& store, const std::string& folder, const HttpRequest& request,
                  const Respond& respond) {
  if (request.method != "GET") {
    return respond(http_error(405, "method_not_allowed", "only GET is answered here"));
  }
  const auto query = query_of(folder, request.query);
  if (!query) return respond(bad_query("\"" + request.query + "\" is not understood"));
  store.list(*query, [respond](const Result<StorePage>& page) {
    if (!page) return respond(store_error(page.error()));
    const base::Bytes encoded = keyservice::encode_store_page(*page);
    respond({200, "application/cbor", std::string(base::as_text(encoded)), {}});
  });
}

}  // namespace

void serve_store(Store& store, const std::string& folder, const std::optional<std::string>& name,
                 const HttpRequest& request, const Respond& respond) {
  if (!name) return list_entries(store, folder, request, respond);
  EntryKey key{folder, *name};
  if (request.method == "GET") return read_entry(store, std::move(key), respond);
  if (request.method == "PUT") return write_entry(store, std::move(key), request, respond);
  if (request.method == "DELETE") return remove_entry(store, std::move(key), request, respond);
  respond(http_error(405, "method_not_allowed", "only GET, PUT and DELETE are answered here"));
}

void serve_custodians(Store& store, const Respond& respond) {
  store.custodians([respond](const Result<std::vector<Announcement>>& found) {
    if (!found) return respond(store_error(found.error()));
    ordered_json custodians = ordered_json::array();
    for (const Announcement& one : *found)
      custodians.push_back({{"name", one.name}, {"address", one.address}});
    const ordered_json body = {{"custodians", std::move(custodians)}};
    respond({200,
             "application/json",
             body.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n",
             {}});
  });
}

}  // namespace concordat::parent

#include "deploy/parent/store_service.hpp"

#include <charconv>
#include <map>
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
  if (error.is(StoreErrc::predecessor_missing)) return 424;
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

using Query = std::map<std::string, std::string, std::less<>>;

// Nothing where it is not understood or has other keys. Names need no escapes.
std::optional<Query> query_of(std::string_view text, const std::set<std::string_view>& keys) {
  Query out;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || !keys.contains(part.substr(0, equals))) return {};
    const bool first = out.emplace(part.substr(0, equals), part.substr(equals + 1)).second;
    if (!first) return {};
  }
  return out;
}

HttpResponse bad_query(const HttpRequest& request, std::string_view wanted) {
  return http_error(400, "bad_request",
                    "\"" + request.query + "\" is not understood; want " + std::string(wanted) +
                        ", each at most once");
}

Result<WriteCondition> condition_of(const HttpRequest& request, const Query& query) {
  if (request.if_match.has_value() == request.if_none_match.has_value()) {
    return StoreErrc::condition_missing;
  }
  WriteCondition out;
  if (request.if_match) {
    CONCORDAT_TRY(out.version, version_in(*request.if_match));
  } else if (*request.if_none_match != "*") {
    return StoreErrc::condition_missing;
  }
  const auto behind = query.find("behind");
  if (behind != query.end()) out.behind = {behind->second, query.at("behind_version")};
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
  const auto query = query_of(request.query, {"behind", "behind_version"});
  const bool whole = query && query->contains("behind") == query->contains("behind_version");
  if (!whole) return respond(bad_query(request, "?behind=NAME&behind_version=VERSION"));
  auto condition = condition_of(request, *query);
  if (!condition) return respond(store_error(condition.error()));
  store.put(std::move(key), base::to_bytes(base::as_bytes(request.body)), *std::move(condition),
            [respond](Result<std::string> version) {
              if (!version) return respond(store_error(version.error()));
              respond({204, {}, {}, *version});
            });
}

void write_entries(Store& store, const std::string& folder, const HttpRequest& request,
                   const Respond& respond) {
  auto batch = keyservice::parse_store_batch(base::as_bytes(request.body));
  if (!batch) return respond(http_error(400, "bad_request", batch.error().to_string()));
  store.put_together(folder, *std::move(batch), [respond](const Status& written) {
    respond(written ? HttpResponse{204, {}, {}, {}} : store_error(written.error()));
  });
}

void remove_entry(Store& store, EntryKey key, const HttpRequest& request, const Respond& respond) {
  const auto condition = condition_of(request, {});
  if (!condition || !condition->version) {
    return respond(store_error(StoreErrc::condition_missing));
  }
  store.remove(std::move(key), *condition->version, [respond](const Status& removed) {
    respond(removed ? HttpResponse{204, {}, {}, {}} : store_error(removed.error()));
  });
}

void remove_entries(Store& store, const std::string& folder, const HttpRequest& request,
                    const Respond& respond) {
  const auto query = query_of(request.query, {"prefix", "before"});
  if (!query || !query->contains("before")) {
    return respond(bad_query(request, "?prefix=NAME&before=NAME"));
  }
  const auto prefix = query->find("prefix");
  store.remove_range(
      {folder, prefix == query->end() ? "" : prefix->second, query->at("before")},
      [respond](const Status& removed) {
        respond(removed ? HttpResponse{204, {}, {}, {}} : store_error(removed.error()));
      });
}

std::optional<ListQuery> list_query_of(const std::string& folder, std::string_view text) {
  const auto query = query_of(text, {"prefix", "after", "max_bytes"});
  if (!query) return {};
  const auto value = [&](std::string_view key) {
    const auto found = query->find(key);
    return found == query->end() ? std::string() : found->second;
  };
  ListQuery out{folder, value("prefix"), value("after")};
  if (!query->contains("max_bytes")) return out;
  const std::string number = value("max_bytes");
  const char* const end = number.data() + number.size();
  const auto [at, failure] = std::from_chars(number.data(), end, out.max_bytes);
  if (failure != std::errc() || at != end) return {};
  return out;
}

void list_entries(Store& store, const std::string& folder, const HttpRequest& request,
                  const Respond& respond) {
  const auto query = list_query_of(folder, request.query);
  if (!query) return respond(bad_query(request, "?prefix=NAME&after=NAME&max_bytes=NUMBER"));
  store.list(*query, [respond](const Result<StorePage>& page) {
    if (!page) return respond(store_error(page.error()));
    const base::Bytes encoded = keyservice::encode_store_page(*page);
    respond({200, "application/cbor", std::string(base::as_text(encoded)), {}});
  });
}

}  // namespace

void serve_store(Store& store, const std::string& folder, const std::optional<std::string>& name,
                 const HttpRequest& request, const Respond& respond) {
  if (!name && request.method == "GET") return list_entries(store, folder, request, respond);
  if (!name && request.method == "POST") return write_entries(store, folder, request, respond);
  if (!name && request.method == "DELETE") return remove_entries(store, folder, request, respond);
  if (!name) {
    return respond(
        http_error(405, "method_not_allowed", "only GET, POST and DELETE are answered here"));
  }
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

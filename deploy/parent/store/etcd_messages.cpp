#include "deploy/parent/store/etcd_messages.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

#include "attest/base/json.hpp"

namespace concordat::parent::etcd {
namespace {

using base::Error;
using base::JsonObject;
using base::Result;
using base::Status;
using nlohmann::json;

// google.rpc.Code
constexpr std::uint64_t kResourceExhausted = 8;
constexpr std::uint64_t kUnavailable = 14;
constexpr std::uint64_t kDeadlineExceeded = 4;
constexpr std::size_t kMaxQuoted = 200;

std::string base64(std::string_view text) {
  return base::to_base64(base::as_bytes(text));
}

Error not_understood(const std::string& why) {
  return Error(StoreErrc::failed, "etcd's answer is not understood: " + why);
}

// A number that may be text, and that is left out when it is zero.
Result<std::int64_t> number(JsonObject& object, std::string_view key) {
  const json* value = object.find(key);
  if (value == nullptr) return 0;
  if (value->is_number_integer()) return value->get<std::int64_t>();
  std::int64_t out = 0;
  const std::string text = value->is_string() ? value->get<std::string>() : "";
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) {
    return object.bad_value(key, "want a whole number");
  }
  return out;
}

Result<bool> flag(JsonObject& object, std::string_view key) {
  if (object.find(key) == nullptr) return false;
  return object.get_bool(key);
}

Result<base::Bytes> bytes(JsonObject& object, std::string_view key) {
  CONCORDAT_TRY(const auto text, object.find_text(key));
  return base::from_base64(text.value_or(""));
}

// The objects of an array that may be absent.
template <class Read>
Status for_each_object(JsonObject& object, std::string_view key, Read read) {
  const json* array = object.find(key);
  if (array == nullptr) return {};
  if (!array->is_array()) return object.bad_value(key, "want an array");
  for (const json& item : *array) {
    CONCORDAT_TRY(JsonObject inner, JsonObject::from(item, object.place_of(key)));
    CONCORDAT_CHECK(read(inner));
  }
  return {};
}

Result<KeyValue> read_key_value(JsonObject& object) {
  KeyValue out;
  CONCORDAT_TRY(const base::Bytes key, bytes(object, "key"));
  out.key = base::as_text(key);
  CONCORDAT_TRY(out.value, bytes(object, "value"));
  CONCORDAT_TRY(out.mod_revision, number(object, "mod_revision"));
  CONCORDAT_TRY(out.lease, number(object, "lease"));
  return out;
}

Result<RangeReply> read_range(JsonObject& object) {
  RangeReply out;
  CONCORDAT_TRY(out.more, flag(object, "more"));
  CONCORDAT_CHECK(for_each_object(object, "kvs", [&](JsonObject& item) -> Status {
    CONCORDAT_TRY(KeyValue found, read_key_value(item));
    out.found.push_back(std::move(found));
    return {};
  }));
  return out;
}

// `read` on the object that `body` is; whatever is wrong with it is this one error.
template <class Read>
auto parsed(std::string_view body, Read read) -> decltype(read(std::declval<JsonObject&>())) {
  const auto value = base::parse_strict_json(body);
  if (!value) return not_understood(value.error().to_string());
  auto object = JsonObject::from(*value, "");
  if (!object) return not_understood(object.error().to_string());
  auto out = read(*object);
  if (!out) return not_understood(out.error().to_string());
  return out;
}

json read_requests(const Txn& txn) {
  json out = json::array();
  for (const std::string& key : txn.reads)
    out.push_back({{"request_range", {{"key", base64(key)}}}});
  return out;
}

json write_requests(const Txn& txn) {
  json out = json::array();
  for (const Put& put : txn.puts) {
    json request = {{"key", base64(put.key)}, {"value", base::to_base64(put.value)}};
    if (put.lease != 0) request["lease"] = std::to_string(put.lease);
    out.push_back({{"request_put", std::move(request)}});
  }
  for (const Removal& removal : txn.removals) {
    json request = {{"key", base64(removal.from)}};
    if (!removal.to.empty()) request["range_end"] = base64(removal.to);
    out.push_back({{"request_delete_range", std::move(request)}});
  }
  return out;
}

// One answer a read, in their order; none where something was written.
Status read_answers(JsonObject& object, TxnReply& out) {
  return for_each_object(object, "responses", [&](JsonObject& item) -> Status {
    CONCORDAT_TRY(JsonObject answer, item.get_object("response_range"));
    CONCORDAT_TRY(RangeReply range, read_range(answer));
    out.reads.push_back(range.found.empty() ? std::nullopt
                                            : std::optional(std::move(range.found.front())));
    return {};
  });
}

Result<Lease> read_lease(JsonObject& object) {
  Lease out;
  CONCORDAT_TRY(out.id, number(object, "ID"));
  CONCORDAT_TRY(out.ttl, number(object, "TTL"));
  return out;
}

}  // namespace

std::int64_t revision_of(const std::optional<KeyValue>& kept) noexcept {
  return kept ? kept->mod_revision : 0;
}

std::string last_part(const std::string& key) {
  return key.substr(key.rfind('/') + 1);
}

std::string range_request(const std::string& from, const std::string& to, std::size_t limit) {
  return json{{"key", base64(from)}, {"range_end", base64(to)}, {"limit", std::to_string(limit)}}
      .dump();
}

Result<RangeReply> parse_range(std::string_view body) {
  return parsed(body, [](JsonObject& object) { return read_range(object); });
}

std::string txn_request(const Txn& txn) {
  json compare = json::array();
  for (const Unchanged& condition : txn.conditions) {
    compare.push_back({{"target", "MOD"},
                       {"result", "EQUAL"},
                       {"key", base64(condition.key)},
                       {"mod_revision", std::to_string(condition.mod_revision)}});
  }
  return json{{"compare", std::move(compare)},
              {"success", shape_of(txn).writes ? write_requests(txn) : read_requests(txn)},
              {"failure", read_requests(txn)}}
      .dump();
}

TxnShape shape_of(const Txn& txn) noexcept {
  return {!txn.puts.empty() || !txn.removals.empty(), txn.reads.size()};
}

Result<TxnReply> parse_txn(std::string_view body, TxnShape asked) {
  return parsed(body, [&](JsonObject& object) -> Result<TxnReply> {
    TxnReply out;
    CONCORDAT_TRY(const bool held, flag(object, "succeeded"));
    out.written = held && asked.writes;
    CONCORDAT_TRY(JsonObject header, object.get_object("header"));
    CONCORDAT_TRY(out.revision, number(header, "revision"));
    if (out.written) return out;
    CONCORDAT_CHECK(read_answers(object, out));
    if (out.reads.size() != asked.reads) {
      return object.bad_value("responses", std::to_string(out.reads.size()) + " answers");
    }
    return out;
  });
}

std::string lease_grant_request(std::chrono::seconds ttl) {
  return json{{"TTL", std::to_string(ttl.count())}}.dump();
}
std::string lease_request(std::int64_t id) {
  return json{{"ID", std::to_string(id)}}.dump();
}

Result<Lease> parse_lease_grant(std::string_view body) {
  return parsed(body, read_lease);
}
Result<Lease> parse_lease_keep_alive(std::string_view body) {
  return parsed(body, [](JsonObject& object) -> Result<Lease> {
    CONCORDAT_TRY(JsonObject result, object.get_object("result"));
    return read_lease(result);
  });
}

Error failure(unsigned status, std::string_view body) {
  const std::string quoted =
      "etcd answered " + std::to_string(status) + ": " +
      json(body.substr(0, kMaxQuoted)).dump(-1, ' ', true, json::error_handler_t::replace);
  if (status == 503 || status == 504) return Error(StoreErrc::unreachable, quoted);
  const auto value = base::parse_strict_json(body);
  if (!value || !value->is_object()) return Error(StoreErrc::failed, quoted);
  const auto member = [&](const char* key) {
    return value->contains(key) ? value->at(key) : json();
  };
  const json code = member("code"), message = member("message");
  const std::string text = message.is_string() ? message.get<std::string>() : "";
  if (code == kResourceExhausted && text.find("space exceeded") != std::string::npos) {
    return Error(StoreErrc::full, quoted);
  }
  if (text.find("request is too large") != std::string::npos) {
    return Error(StoreErrc::too_large, quoted);
  }
  if (code == kUnavailable || code == kDeadlineExceeded) {
    return Error(StoreErrc::unreachable, quoted);
  }
  return Error(StoreErrc::failed, quoted);
}

}  // namespace concordat::parent::etcd

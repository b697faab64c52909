#include "keyservice/parent_store.hpp"

#include <nlohmann/json.hpp>

#include "attest/base/hash.hpp"
#include "attest/base/json.hpp"
#include "peer/relay_preface.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

constexpr const char* kStore = "/v1/store";

std::string path_of(const std::string& name) {
  return std::string(kStore) + "/" + name;
}

std::string quoted(const std::string& version) {
  return "\"" + version + "\"";
}

ParentStoreErrc code_of(unsigned status) {
  switch (status) {
    case 404:
      return ParentStoreErrc::not_found;
    case 424:
      return ParentStoreErrc::predecessor_missing;
    case 412:
      return ParentStoreErrc::conflict;
    case 507:
      return ParentStoreErrc::full;
    case 503:
      return ParentStoreErrc::unavailable;
    default:
      return ParentStoreErrc::failed;
  }
}

Error refusal(const HttpReply& reply) {
  return Error(code_of(reply.status), "the parent answered " + std::to_string(reply.status));
}

Result<std::vector<std::string>> names_of(const nlohmann::json& value) {
  CONCORDAT_TRY(base::JsonObject object, base::JsonObject::from(value, ""));
  CONCORDAT_TRY(const nlohmann::json* list, object.get("custodians"));
  if (!list->is_array()) return object.bad_value("custodians", "want an array");
  std::vector<std::string> names;
  for (const auto& item : *list) {
    CONCORDAT_TRY(base::JsonObject custodian, base::JsonObject::from(item, "custodians"));
    CONCORDAT_TRY(std::string name, custodian.get_text("name"));
    if (!peer::is_enclave_name(name)) return custodian.bad_value("name", "not an enclave's name");
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

base::CodeInfo describe(ParentStoreErrc code) noexcept {
  switch (code) {
    case ParentStoreErrc::conflict:
      return {"store_conflict", "somebody else wrote the entry"};
    case ParentStoreErrc::predecessor_missing:
      return {"store_predecessor_missing", "the entry that it comes behind is not there so"};
    case ParentStoreErrc::not_found:
      return {"store_not_found", "there is no such entry"};
    case ParentStoreErrc::full:
      return {"store_full", "the parent's store is full"};
    case ParentStoreErrc::unavailable:
      return {"store_unavailable", "the parent's store cannot be reached or is busy; try again"};
    case ParentStoreErrc::failed:
      return {"store_failed", "the parent's store failed"};
    case ParentStoreErrc::malformed:
      return {"store_malformed", "the parent's answer is not understood"};
  }
  return {"unknown", "unknown store error"};
}

std::string store_version(BytesView content) {
  return base::sha256({content}).hex();
}

HttpRequest store_put(const std::string& name, BytesView content,
                      const std::optional<std::string>& expected,
                      const std::optional<StorePredecessor>& behind) {
  const HttpHeader condition =
      expected ? HttpHeader{"if-match", quoted(*expected)} : HttpHeader{"if-none-match", "*"};
  const std::string query =
      behind ? "?behind=" + behind->name + "&behind_version=" + behind->version : "";
  return {"PUT", path_of(name) + query, {condition}, std::string(base::as_text(content))};
}

HttpRequest store_put_together(const StoreBatch& batch) {
  return {"POST", kStore, {}, std::string(base::as_text(encode_store_batch(batch)))};
}

HttpRequest store_get(const std::string& name) {
  return {"GET", path_of(name), {}, {}};
}

HttpRequest store_remove(const std::string& name, const std::string& version) {
  return {"DELETE", path_of(name), {{"if-match", quoted(version)}}, {}};
}

HttpRequest store_remove_range(const std::string& prefix, const std::string& before) {
  return {"DELETE", std::string(kStore) + "?prefix=" + prefix + "&before=" + before, {}, {}};
}

HttpRequest store_list(const std::string& prefix, const std::string& after, std::size_t max_bytes) {
  return {"GET",
          std::string(kStore) + "?prefix=" + prefix + "&after=" + after +
              "&max_bytes=" + std::to_string(max_bytes),
          {},
          {}};
}

HttpRequest list_custodians() {
  return {"GET", "/v1/custodians", {}, {}};
}

Status read_store_write(const HttpReply& reply) {
  return reply.status == 204 ? Status() : Status(refusal(reply));
}

Result<std::optional<Bytes>> read_store_get(const HttpReply& reply) {
  if (reply.status == 404) return std::optional<Bytes>();
  if (reply.status != 200) return refusal(reply);
  return std::optional(base::to_bytes(base::as_bytes(reply.body)));
}

Result<StorePage> read_store_list(const HttpReply& reply) {
  if (reply.status != 200) return refusal(reply);
  auto page = parse_store_page(base::as_bytes(reply.body));
  if (!page) return Error(ParentStoreErrc::malformed, page.error().to_string());
  return page;
}

Result<std::vector<std::string>> read_custodians(const HttpReply& reply) {
  if (reply.status != 200) return refusal(reply);
  const auto value = base::parse_strict_json(reply.body);
  if (!value) return Error(ParentStoreErrc::malformed, value.error().to_string());
  auto names = names_of(*value);
  if (!names) return Error(ParentStoreErrc::malformed, names.error().to_string());
  return names;
}

}  // namespace concordat::keyservice

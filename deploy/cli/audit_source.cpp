#include "deploy/cli/audit_source.hpp"

#include <nlohmann/json.hpp>

#include "keyservice/audit_records.hpp"
#include "keyservice/store_page.hpp"

namespace concordat::cli {

using base::Bytes;
using base::Error;
using base::Result;

void add_audit_store_options(Command command, AuditStoreOptions& options) {
  command.add_option("--parent", options.parent, "Operator endpoint of the custodian's parent")
      .type_name("ENDPOINT")
      .required();
  command
      .add_option("--store", options.store,
                  "Folder of the store that the parent's configuration gives the custodian")
      .type_name("NAME");
  command
      .add_option("--custodian", options.custodian,
                  "Name of the custodian in the parent's configuration: each has a log")
      .type_name("NAME");
}

Result<ParentLog> ParentLog::open(const AuditStoreOptions& options, const ParentCall& call) {
  CONCORDAT_TRY(peer::Endpoint parent, operator_endpoint(options.parent));
  return ParentLog(std::move(parent), options, call);
}

Result<std::optional<std::string>> ParentLog::get(const std::string& target) {
  const std::string where = peer::to_string(parent_);
  auto answer = call_(parent_, {"GET", "/v1/store/" + folder_ + target});
  if (!answer) return Error(ParentErrc::unreachable, where + ": " + answer.error().to_string());
  if (answer->status == 404) return std::optional<std::string>();
  if (answer->status != 200) {
    return Error(ParentErrc::refused,
                 where + target + ": status " + std::to_string(answer->status));
  }
  return std::optional<std::string>(std::move(answer->body));
}

Result<std::optional<Bytes>> ParentLog::read(const std::string& name, std::size_t max) {
  Bytes out;
  for (std::size_t part = 0;; ++part) {
    CONCORDAT_TRY(const auto content,
                  get("/" + keyservice::audit_record_name(custodian_, name, part)));
    if (!content && part == 0) return std::optional<Bytes>();
    if (!content) break;  // what is there is not what its name says, and is found to be so
    const base::BytesView bytes = base::as_bytes(*content);
    out.insert(out.end(), bytes.begin(), bytes.end());
    if (out.size() > max) return Error(ParentErrc::not_understood, name + " is too large");
    if (content->size() < keyservice::kMaxStoreEntry) break;
  }
  return std::optional<Bytes>(std::move(out));
}

Result<std::vector<std::string>> ParentLog::names() {
  std::vector<std::string> out;
  std::string after;
  for (bool more = true; more;) {
    CONCORDAT_TRY(const auto body, get("?prefix=" + keyservice::audit_record_prefix(custodian_) +
                                       "&after=" + after));
    if (!body) break;
    CONCORDAT_TRY(const auto page, keyservice::parse_store_page(base::as_bytes(*body)));
    for (const auto& entry : page.entries) {
      if (auto file = keyservice::audit_file_in(custodian_, entry.name))
        out.push_back(*std::move(file));
    }
    more = page.more && !page.entries.empty();
    if (more) after = page.entries.back().name;
  }
  return out;
}

}  // namespace concordat::cli

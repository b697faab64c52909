// A log as it lies in a parent's store, read over the parent's operator endpoint.
#pragma once

#include "deploy/cli/commands.hpp"
#include "keyservice/audit/source.hpp"

namespace concordat::cli {

struct AuditStoreOptions {
  std::string parent;
  std::string store = "custodian";
  std::string custodian = "custodian";
};
// --parent, --store and --custodian.
void add_audit_store_options(Command command, AuditStoreOptions& options);

class ParentLog final : public keyservice::audit::Source {
 public:
  // Fails where --parent cannot be understood.
  [[nodiscard]] static base::Result<ParentLog> open(const AuditStoreOptions& options,
                                                    const ParentCall& call);

  [[nodiscard]] base::Result<std::optional<base::Bytes>> read(const std::string& name,
                                                              std::size_t max) override;
  [[nodiscard]] base::Result<std::vector<std::string>> names() override;

 private:
  ParentLog(peer::Endpoint parent, const AuditStoreOptions& options, const ParentCall& call)
      : parent_(std::move(parent)),
        folder_(options.store),
        custodian_(options.custodian),
        call_(call) {}
  [[nodiscard]] base::Result<std::optional<std::string>> get(const std::string& target);

  peer::Endpoint parent_;
  std::string folder_, custodian_;
  const ParentCall& call_;
};

}  // namespace concordat::cli

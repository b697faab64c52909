// concordat audit export
#include <filesystem>
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/audit_command.hpp"
#include "deploy/cli/audit_source.hpp"
#include "keyservice/audit/copy.hpp"
#include "keyservice/audit/tile.hpp"

namespace concordat::cli {
namespace {

namespace audit = keyservice::audit;
namespace fs = std::filesystem;
using base::Error;
using base::Result;
using base::Status;

// The log moves on while it is copied: what was its last tile may be gone when it is asked for.
constexpr int kMaxTries = 5;

struct AuditExportOptions {
  AuditStoreOptions from;
  std::string folder;
  bool json = false;
};

class FolderDestination final : public audit::Destination {
 public:
  explicit FolderDestination(fs::path path) : path_(std::move(path)) {}
  bool has(const std::string& name) override {
    std::error_code error;
    return fs::exists(path_ / name, error);
  }
  Status write(const std::string& name, const base::Bytes& content) override {
    const fs::path file = path_ / name;
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    if (error) return Error(base::FileErrc::cannot_write, file.string() + ": " + error.message());
    return base::write_file(file, content);
  }

 private:
  fs::path path_;
};

// Partial tiles that the checkpoint needs no more.
Status remove_what_is_over(const fs::path& path, const audit::Checkpoint& head) {
  audit::Folder folder(path);
  CONCORDAT_TRY(const auto names, folder.names());
  for (const std::string& name : names) {
    const auto tile = audit::parse_tile_path(name);
    if (!tile || !tile->is_partial()) continue;
    const auto wanted = audit::tile_at(head.size, tile->level, tile->index);
    if (wanted && *wanted == *tile) continue;
    std::error_code error;
    fs::remove(path / name, error);
    if (error) return Error(base::FileErrc::cannot_write, name + ": " + error.message());
    fs::remove((path / name).parent_path(), error);  // where it is empty now
  }
  return {};
}

Result<audit::Copied> copy(const AuditExportOptions& options, const Invocation& invocation) {
  CONCORDAT_TRY(ParentLog log, ParentLog::open(options.from, invocation.call_parent));
  FolderDestination folder(options.folder);
  for (int i = 1;; ++i) {
    CONCORDAT_TRY(auto copied, audit::copy_log(log, folder));
    if (copied.missing != 0 && i < kMaxTries) continue;
    CONCORDAT_CHECK(remove_what_is_over(options.folder, copied.checkpoint));
    return copied;
  }
}

ExitStatus run_export(const AuditExportOptions& options, const Invocation& invocation) {
  const auto copied = copy(options, invocation);
  if (!copied) return fail(invocation, "audit export", copied.error());
  const audit::Checkpoint& head = copied->checkpoint;
  const nlohmann::ordered_json fields = {{"origin", head.origin},
                                         {"size", head.size},
                                         {"root", head.root.hex()},
                                         {"files", copied->files},
                                         {"missing", copied->missing}};
  std::string text = head.origin + ": " + std::to_string(head.size) + " entries, " +
                     std::to_string(copied->files) + " files written to " + options.folder + "\n";
  if (copied->missing != 0) {
    text += std::to_string(copied->missing) + " files are missing: run verify\n";
  }
  return answer(invocation, options.json, fields, text);
}

}  // namespace

void add_audit_export(Command audit, Invocation& invocation) {
  auto options = std::make_shared<AuditExportOptions>();
  const Command command = audit.add_subcommand(
      "export", "Copy a custodian's log from its parent's store into a folder");
  command.add_option("folder", options->folder, "Where to").type_name("FOLDER").required();
  add_audit_store_options(command, options->from);
  command.add_flag("--json", options->json, "Print one JSON object");
  command.footer(
      "Into a folder that holds an earlier export only what is new is copied. Nothing is judged:\n"
      "that is for verify, which needs nothing but the folder.\n"
      "Examples:\n"
      "  concordat audit export audit-2026-02 --parent unix:/run/concordat/operator.sock\n"
      "  concordat audit export replica --parent tcp:127.0.0.1:8900 --custodian custodian-2\n"
      "Exit status: 0 copied, 1 usage or input/output error.");
  on_chosen(command, invocation,
            [options, &invocation] { return run_export(*options, invocation); });
}

}  // namespace concordat::cli

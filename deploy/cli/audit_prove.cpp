// concordat audit prove
#include <nlohmann/json.hpp>
#include <ostream>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/audit_command.hpp"
#include "keyservice/audit/proof.hpp"

namespace concordat::cli {
namespace {

namespace audit = keyservice::audit;
using base::Error;
using base::Result;

struct ProveOptions {
  std::string folder;
  std::optional<std::uint64_t> entry;
  std::optional<std::uint64_t> since;
  bool json = false;
};

Result<base::Bytes> read(audit::Folder& folder, const std::string& name, std::size_t max) {
  CONCORDAT_TRY(auto content, folder.read(name, max));
  if (!content) return Error(audit::Errc::file_missing, name);
  return *std::move(content);
}

struct Proven {
  std::string first_lines;
  audit::Proof hashes;
  base::Bytes checkpoint;
};

// What leads nowhere is not printed: the proof is checked as whoever gets it would.
base::Status check(const audit::Checkpoint& head, const ProveOptions& options,
                   audit::ProofMaker& maker, audit::Folder& folder, const audit::Proof& proof) {
  if (options.since) {
    CONCORDAT_TRY(const audit::Hash earlier, maker.root(*options.since));
    return audit::verify_consistency(*options.since, head.size, earlier, head.root, proof);
  }
  CONCORDAT_TRY(const auto tile, audit::tile_at(head.size, audit::Tile::kEntries,
                                                *options.entry / audit::kTileWidth));
  CONCORDAT_TRY(const base::Bytes bundle, read(folder, audit::path_of(tile), audit::kMaxBundle));
  std::vector<base::BytesView> entries;
  CONCORDAT_CHECK(audit::split_bundle(bundle, entries));
  const std::size_t at = *options.entry % audit::kTileWidth;
  if (at >= entries.size()) return Error(audit::Errc::file_damaged, audit::path_of(tile));
  audit::TreeHasher hasher;
  return audit::verify_inclusion(*options.entry, head.size, hasher.leaf(entries[at]), proof,
                                 head.root);
}

Result<Proven> prove(const ProveOptions& options) {
  audit::Folder folder(options.folder);
  CONCORDAT_TRY(base::Bytes note,
                read(folder, std::string(audit::kCheckpointName), audit::kMaxNote));
  CONCORDAT_TRY(const auto head, audit::SignedCheckpoint::parse(note));
  const std::uint64_t size = head.checkpoint.size;
  audit::ProofMaker maker(size, [&](const audit::Tile& tile) -> Result<std::vector<audit::Hash>> {
    CONCORDAT_TRY(const base::Bytes content,
                  read(folder, audit::path_of(tile), audit::kTileWidth * audit::Hash::kSize));
    auto hashes = audit::decode_hashes(content);
    if (!hashes) return Error(audit::Errc::file_damaged, audit::path_of(tile));
    return *std::move(hashes);
  });
  CONCORDAT_TRY(auto proof, options.since ? maker.consistency(*options.since, size)
                                          : maker.inclusion(*options.entry, size));
  CONCORDAT_CHECK(check(head.checkpoint, options, maker, folder, proof));
  const std::string first =
      options.since ? "old " + std::to_string(*options.since) + "\n"
                    : "c2sp.org/tlog-proof@v1\nindex " + std::to_string(*options.entry) + "\n";
  return Proven{first, std::move(proof), std::move(note)};
}

ExitStatus run_prove(const ProveOptions& options, const Invocation& invocation) {
  const auto proven = prove(options);
  if (!proven) return answer_failure(invocation, options.json, "audit prove", proven.error());
  std::string text = proven->first_lines;
  nlohmann::ordered_json hashes = nlohmann::ordered_json::array();
  for (const audit::Hash& hash : proven->hashes) {
    text += base::to_base64(hash.view()) + "\n";
    hashes.push_back(base::to_base64(hash.view()));
  }
  const std::string note(base::as_text(proven->checkpoint));
  nlohmann::ordered_json fields;
  if (options.entry) fields["index"] = *options.entry;
  if (options.since) fields["old"] = *options.since;
  fields["proof"] = std::move(hashes);
  fields["checkpoint"] = note;
  return answer(invocation, options.json, fields, text + "\n" + note);
}

}  // namespace

void add_audit_prove(Command audit, Invocation& invocation) {
  auto options = std::make_shared<ProveOptions>();
  const Command prove = audit.add_subcommand(
      "prove", "Print a proof that an entry is in a log, or that it only grew");
  prove.add_option("folder", options->folder, "Exported log").type_name("FOLDER").required();
  const Command which = prove.add_option_group("which", "What to prove");
  which.add_option("--entry", options->entry, "That this entry is in the log").type_name("INDEX");
  which
      .add_option("--since", options->since,
                  "That the log of so many entries is how this one began")
      .type_name("SIZE");
  which.require_option(1);
  prove.add_flag("--json", options->json, "Print one JSON object");
  prove.footer(
      "For --entry the text is a C2SP tlog-proof, for --since what a C2SP tlog-witness is asked\n"
      "with: hashes in base64 and then the log's checkpoint, whose signatures are for the reader\n"
      "to verify. A proof that does not lead to the checkpoint's root is not printed.\n"
      "Examples:\n"
      "  concordat audit prove audit-2026-01 --entry 4711 > 4711.tlog-proof\n"
      "  concordat audit prove audit-2026-02 --since 1200\n"
      "Exit status: 0 proven, 2 refused, 1 usage or input/output error.");
  on_chosen(prove, invocation, [options, &invocation] { return run_prove(*options, invocation); });
}

}  // namespace concordat::cli

// What an auditor and a custodian read of a log: notes, checkpoints, verifier keys, names of tiles,
// bundles and entries. Whatever is taken has one spelling.
#include <cstdlib>

#include "keyservice/audit/checkpoint.hpp"
#include "keyservice/audit/entry.hpp"
#include "keyservice/audit/tile.hpp"

namespace {

using namespace concordat;
namespace audit = keyservice::audit;

void require(bool is_right) {
  if (!is_right) std::abort();
}

void try_as_note(base::BytesView bytes) {
  const auto note = audit::Note::parse(bytes);
  if (!note) return;
  require(base::equal(note->encode(), bytes));
  const auto checkpoint = audit::Checkpoint::parse(note->text);
  if (checkpoint) require(checkpoint->encode() == note->text);
}

void try_as_names(std::string_view text) {
  if (const auto tile = audit::parse_tile_path(text)) require(audit::path_of(*tile) == text);
  if (const auto verifier = audit::NoteVerifier::parse(text)) require(verifier->encode() == text);
  if (const auto head = audit::Checkpoint::parse(text)) require(head->encode() == text);
}

void try_as_bundle(base::BytesView bytes) {
  std::vector<base::BytesView> entries;
  if (!audit::split_bundle(bytes, entries)) return;
  base::Bytes again;
  for (const base::BytesView entry : entries)
    audit::append_to_bundle(again, entry);
  require(base::equal(again, bytes));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView bytes(data, size);
  try_as_note(bytes);
  try_as_names(base::as_text(bytes));
  try_as_bundle(bytes);
  if (const auto entry = audit::decode_entry(bytes)) {
    require(base::equal(audit::encode(*entry), bytes));
  }
  if (const auto hashes = audit::decode_hashes(bytes)) {
    require(base::equal(audit::encode_hashes(*hashes), bytes));
  }
  return 0;
}

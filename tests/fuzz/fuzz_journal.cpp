// What a store may hand over as a record, and what a record may hold: frames, names, changes,
// pieces of a snapshot and its own record. Whatever decodes encodes to the same bytes, and no frame
// opens that was not sealed with the key.
#include <cstdlib>

#include "attest/base/secret_access.hpp"
#include "keyservice/journal/chain.hpp"
#include "keyservice/keyring/state/change.hpp"
#include "keyservice/keyring/state/table_snapshot.hpp"

namespace {

using namespace concordat;
namespace journal = keyservice::journal;

base::SecretBytes secret_of(base::BytesView bytes) {
  base::Bytes copy = base::to_bytes(bytes);
  return base::SecretBytes::take(copy);
}
bool is_same(const base::SecretBytes& encoded, base::BytesView bytes) {
  return base::equal(encoded.expose(base::SecretAccess{}), bytes);
}

const journal::Sealer& sealer() {
  static base::SystemRandom random;
  static const journal::Sealer instance = [] {
    journal::Keys keys;
    keys.current = 1;
    base::Bytes key(journal::kJournalKeySize, 7);
    keys.by_generation.emplace(1, base::SecretBytes::take(key));
    return journal::Sealer("acme", std::move(keys), random);
  }();
  return instance;
}

void try_as_record(base::BytesView bytes) {
  const auto frame = journal::decode_frame(bytes);
  if (frame && !base::equal(journal::encode(*frame), bytes)) std::abort();
  if (sealer().open(journal::entry_after({}), bytes)) std::abort();
  (void)journal::parse_entry_name(base::as_text(bytes));
  (void)journal::parse_snapshot_name(base::as_text(bytes));
}

void try_as_content(base::BytesView bytes) {
  const base::SecretBytes content = secret_of(bytes);
  if (auto change = keyservice::decode_change(content)) {
    if (!is_same(keyservice::encode(*change), bytes)) std::abort();
    keyservice::KeyTable table;
    const journal::SealedUnder sealed{1, 1};
    if (table.check(*change, sealed).has_value() !=
        table.apply(*std::move(change), sealed).has_value()) {
      std::abort();
    }
  }
  if (const auto manifest = journal::decode_manifest(content)) {
    if (!is_same(journal::encode(*manifest), bytes)) std::abort();
  }
  keyservice::TableLoader loader;
  if (!loader.load(content)) return;
  const auto table = loader.finish();
  if (!table) return;
  base::Bytes again;
  for (const base::SecretBytes& piece : table->save())
    base::append(again, piece.expose(base::SecretAccess{}));
  if (!base::equal(again, bytes)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView bytes(data, size);
  try_as_record(bytes);
  if (size <= journal::kMaxContent) try_as_content(bytes);
  return 0;
}

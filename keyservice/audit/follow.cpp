#include "keyservice/audit/follow.hpp"

#include "keyservice/audit/proof.hpp"

namespace concordat::keyservice::audit {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

namespace {

const std::string kHeadFile(kCheckpointName);

}  // namespace

Result<Bytes> Follower::read(const std::string& name, std::size_t max) {
  CONCORDAT_TRY(auto content, source_.read(name, max));
  if (!content) return Error(Errc::file_missing, name);
  return *std::move(content);
}

bool Follower::is_of_the_same_log(const Checkpoint& head) {
  const std::string wanted = entries_ ? head_.origin : expectations_.origin.value_or(head.origin);
  if (head.origin != wanted) {
    findings_.add(Fault::checkpoint_of_other_log, kHeadFile + " line 1", "it is of " + head.origin);
  } else if (head.size < head_.size) {
    findings_.add(Fault::rolled_back, kHeadFile + " line 2",
                  std::to_string(head_.size) + " entries were seen, " + std::to_string(head.size) +
                      " are there");
  } else if (entries_ && head.size == head_.size && head.root != head_.root) {
    findings_.add(Fault::forked, kHeadFile + " line 3",
                  "the root seen of so many entries was " + head_.root.hex());
  }
  return findings_.all().empty();
}

Result<Follower::Growth> Follower::read_growth(std::uint64_t size) {
  Growth out;
  for (std::uint64_t at = head_.size; at < size;) {
    CONCORDAT_TRY(const Tile tile, tile_at(size, Tile::kEntries, at / kTileWidth));
    CONCORDAT_TRY(Bytes bundle, read(path_of(tile), kMaxBundle));
    out.bundles.push_back(std::move(bundle));
    std::vector<BytesView> entries;
    const Status split = split_bundle(out.bundles.back(), entries);
    if (!split || entries.size() != tile.width) {
      return Error(Errc::malformed_bundle, path_of(tile) + ": " + std::to_string(entries.size()) +
                                               " entries, want " + std::to_string(tile.width));
    }
    const auto from = static_cast<std::ptrdiff_t>(at % kTileWidth);
    out.entries.insert(out.entries.end(), entries.begin() + from, entries.end());
    at = (at / kTileWidth) * kTileWidth + tile.width;
  }
  return out;
}

void Follower::check_growth(const Checkpoint& head, Growth& growth) {
  TileTree next = tree_;
  growth.leaves.reserve(growth.entries.size());
  for (const BytesView entry : growth.entries)
    next.append(growth.leaves.emplace_back(next.hasher().leaf(entry)));
  if (next.root() != head.root) tell_fork(head);
}

// By the log's own tiles: whether they lead from what was seen to what is there now.
void Follower::tell_fork(const Checkpoint& head) {
  ProofMaker maker(head.size, [this](const Tile& tile) -> Result<std::vector<Hash>> {
    CONCORDAT_TRY(const Bytes content, read(path_of(tile), kTileWidth * Hash::kSize));
    auto hashes = decode_hashes(content);
    if (!hashes) return Error(Errc::file_damaged, path_of(tile));
    return *std::move(hashes);
  });
  const auto proof = maker.consistency(head_.size, head.size);
  const bool is_growth =
      proof && verify_consistency(head_.size, head.size, head_.root, head.root, *proof);
  if (is_growth) {
    findings_.add(Fault::entry_changed,
                  entry_place(head_.size) + " to " + entry_place(head.size - 1),
                  "the tiles lead to the checkpoint's root, the entries do not");
  } else {
    findings_.add(head_.size == 0 ? Fault::root_differs : Fault::forked, kHeadFile + " line 3",
                  "what was seen, and what came since, do not lead to it");
  }
}

Result<bool> Follower::look(
    const std::function<void(std::uint64_t index, const Entry& entry)>& on_entry) {
  if (!findings_.all().empty()) return false;
  CONCORDAT_TRY(Bytes note, read(kHeadFile, kMaxNote));
  if (note == note_) return true;
  const auto parsed = SignedCheckpoint::parse(note);
  if (!parsed) {
    findings_.add(Fault::checkpoint_malformed, kHeadFile, parsed.error().to_string());
    return false;
  }
  const Checkpoint& head = parsed->checkpoint;
  if (!is_of_the_same_log(head)) return false;
  auto growth = read_growth(head.size);
  if (!growth && !growth.error().is(Errc::malformed_bundle)) return growth.error();
  if (!growth) {
    findings_.add(Fault::bundle_malformed, "log", growth.error().detail());
    return false;
  }
  check_growth(head, *growth);
  if (!findings_.all().empty()) return false;
  if (!entries_) {
    entries_ = std::make_unique<EntryCheck>(source_, expectations_, head.origin, findings_);
  }
  for (std::size_t i = 0; i < growth->entries.size(); ++i) {
    const std::uint64_t index = tree_.size();
    const Entry* const entry =
        entries_->check(index, growth->entries[i], [this] { return tree_.root(); });
    tree_.append(growth->leaves[i]);
    if (entry != nullptr && on_entry) on_entry(index, *entry);
  }
  Report report;
  entries_->check_head(parsed->note, report);
  head_ = head;
  note_ = std::move(note);
  return findings_.all().empty();
}

}  // namespace concordat::keyservice::audit

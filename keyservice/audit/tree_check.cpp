#include "keyservice/audit/tree_check.hpp"

#include <algorithm>

namespace concordat::keyservice::audit {

using base::Bytes;
using base::BytesView;

// One bundle with its tile at level 0.
struct TreeCheck::Bundle {
  Tile tile;         // at level 0
  std::string name;  // of the bundle
  Bytes content;
  std::vector<BytesView> entries;
  std::vector<Hash> of_entries;
  std::optional<std::vector<Hash>> of_tile;
  std::vector<Hash> right;  // what the tree is taken to be of

  [[nodiscard]] std::uint64_t first() const { return tile.index * kTileWidth; }
  [[nodiscard]] bool is_whole() const { return of_entries.size() == tile.width; }
  // Where the entry is that belongs in this place: there, or where it was moved to.
  [[nodiscard]] std::optional<std::size_t> find(std::size_t place) const {
    if (place < of_entries.size() && of_entries[place] == right[place]) return place;
    const auto found = std::ranges::find(of_entries, right[place]);
    if (found == of_entries.end()) return std::nullopt;
    return static_cast<std::size_t>(found - of_entries.begin());
  }
};

namespace {

std::string hash_place(const Tile& tile, std::size_t at) {
  return path_of(tile) + " hash " + std::to_string(at);
}

}  // namespace

std::optional<Bytes> TreeCheck::read(const std::string& name, std::size_t max) {
  auto content = source_.read(name, max);
  if (!content) {
    findings_.add(Fault::file_unreadable, name, content.error().to_string());
    return std::nullopt;
  }
  if (!*content) findings_.add(Fault::file_missing, name);
  return *std::move(content);
}

std::optional<std::vector<Hash>> TreeCheck::read_tile(const Tile& tile) {
  const auto content = read(path_of(tile), kTileWidth * Hash::kSize + 1);
  if (!content) return std::nullopt;
  auto hashes = decode_hashes(*content);
  if (hashes && hashes->size() == tile.width) return hashes;
  findings_.add(
      Fault::tile_malformed, path_of(tile),
      std::to_string(content->size()) + " bytes, want " + std::to_string(tile.width * Hash::kSize));
  return std::nullopt;
}

std::optional<Hash> TreeCheck::hash_above(const Tile& tile) {
  const auto above = tile_at(checkpoint_.size, tile.level + 1, tile.index / kTileWidth);
  if (!above) return std::nullopt;
  const auto content = source_.read(path_of(*above), kTileWidth * Hash::kSize + 1);
  if (!content || !*content) return std::nullopt;
  const auto hashes = decode_hashes(**content);
  if (!hashes || hashes->size() != above->width) return std::nullopt;
  return hashes->at(tile.index % kTileWidth);
}

void TreeCheck::read_entries(Bundle& bundle) {
  auto content = read(bundle.name, kMaxBundle);
  if (!content) return;
  bundle.content = *std::move(content);
  if (const auto split = split_bundle(bundle.content, bundle.entries); !split) {
    findings_.add(Fault::bundle_malformed, bundle.name, split.error().detail());
  }
  if (bundle.entries.size() > bundle.tile.width) {
    findings_.add(Fault::entry_added, entry_place(bundle.first() + bundle.tile.width),
                  bundle.name + " holds " + std::to_string(bundle.entries.size()) + " entries");
    bundle.entries.resize(bundle.tile.width);
  }
  bundle.of_entries.reserve(bundle.entries.size());
  for (const BytesView entry : bundle.entries)
    bundle.of_entries.push_back(tree_.hasher().leaf(entry));
}

bool TreeCheck::is_tile_right(const Bundle& bundle) {
  if (!bundle.is_whole()) return true;
  if (!bundle.tile.is_partial()) {
    const auto above = hash_above(bundle.tile);
    return !above || tree_.hasher().root_of(bundle.of_entries) != *above;
  }
  TileTree tree = tree_;
  for (const Hash& hash : bundle.of_entries)
    tree.append(hash);
  return tree.root() != checkpoint_.root;
}

void TreeCheck::tell_differences(const Bundle& bundle) {
  const auto& right = bundle.right;
  for (std::size_t i = 0; i < bundle.of_entries.size(); ++i) {
    if (bundle.of_entries[i] == right[i]) continue;
    const auto elsewhere = std::ranges::find(right, bundle.of_entries[i]);
    const std::string detail = "in " + bundle.name;
    if (elsewhere == right.end()) {
      findings_.add(Fault::entry_changed, entry_place(bundle.first() + i), detail);
    } else if (bundle.is_whole()) {  // where one is missing, those behind it have all moved
      const auto at = static_cast<std::uint64_t>(elsewhere - right.begin());
      findings_.add(Fault::entry_moved, entry_place(bundle.first() + i),
                    "it is " + entry_place(bundle.first() + at) + ", " + detail);
    }
  }
  if (!bundle.is_whole()) {
    for (std::size_t i = 0; i < right.size(); ++i) {
      if (std::ranges::find(bundle.of_entries, right[i]) != bundle.of_entries.end()) continue;
      const bool is_changed = i < bundle.of_entries.size() &&
                              std::ranges::find(right, bundle.of_entries[i]) == right.end();
      if (is_changed) continue;
      findings_.add(Fault::entry_missing, entry_place(bundle.first() + i), "in " + bundle.name);
    }
  }
  if (!bundle.of_tile) return;
  for (std::size_t i = 0; i < right.size(); ++i) {
    if (bundle.of_tile->at(i) != right[i]) {
      findings_.add(Fault::tile_changed, hash_place(bundle.tile, i),
                    "it is " + bundle.of_tile->at(i).hex() + ", of the entry " + right[i].hex());
    }
  }
}

void TreeCheck::check_bundle(const Tile& tile, const OnEntry& on_entry) {
  Bundle bundle{tile, path_of({Tile::kEntries, tile.index, tile.width}), {}, {}, {}, {}, {}};
  read_entries(bundle);
  bundle.of_tile = read_tile(tile);
  if (bundle.of_tile && *bundle.of_tile == bundle.of_entries) {
    bundle.right = bundle.of_entries;
  } else {
    const bool take_tile = bundle.of_tile && is_tile_right(bundle);
    bundle.right = take_tile ? *bundle.of_tile : bundle.of_entries;
    // What neither says: the root will not be the checkpoint's.
    bundle.right.resize(tile.width);
    tell_differences(bundle);
  }
  const TileTree::OnFull on_full = [this](const Tile& full, std::span<const Hash> hashes) {
    if (full.level != 0) check_tile(full, hashes);
  };
  for (std::size_t i = 0; i < tile.width; ++i) {
    const std::optional<std::size_t> at = bundle.find(i);
    on_entry(bundle.first() + i, at ? bundle.entries[*at] : BytesView(), at.has_value());
    tree_.append(bundle.right[i], on_full);
  }
}

void TreeCheck::check_tile(const Tile& tile, std::span<const Hash> below) {
  const auto hashes = read_tile(tile);
  if (!hashes) return;
  for (std::size_t i = 0; i < below.size(); ++i) {
    if (hashes->at(i) != below[i] && disagreements_.size() <= kMaxFindings) {
      disagreements_.push_back({tile, i, hashes->at(i), below[i]});
    }
  }
}

void TreeCheck::tell_disagreements() {
  const bool is_below_right = tree_.root() == checkpoint_.root;
  for (const Disagreement& each : disagreements_) {
    const Tile below{each.tile.level - 1, each.tile.index * kTileWidth + each.at, kTileWidth};
    const std::string above = hash_place(each.tile, each.at);
    const std::string values =
        above + " is " + each.found.hex() + ", " + path_of(below) + " leads to " + each.below.hex();
    findings_.add(Fault::tile_changed, is_below_right ? above : path_of(below), values);
  }
  if (!is_below_right) {
    findings_.add(
        Fault::root_differs, std::string(kCheckpointName) + " line 3",
        "it is " + checkpoint_.root.hex() + ", the entries lead to " + tree_.root().hex());
  }
}

void TreeCheck::run(const OnEntry& on_entry) {
  const TileRow row = tile_row(checkpoint_.size, 0);
  for (std::uint64_t index = 0; index < row.full; ++index) {
    check_bundle({0, index, kTileWidth}, on_entry);
    if (findings_.is_full()) return;  // a checkpoint may claim any size
  }
  if (row.partial != 0) check_bundle({0, row.full, row.partial}, on_entry);
  for (unsigned level = 1; level < kMaxTileLevels; ++level) {
    const std::vector<Hash> partial = tree_.partial()[level];
    if (partial.empty()) continue;
    check_tile({level, tile_row(checkpoint_.size, level).full, partial.size()}, partial);
  }
  tell_disagreements();
}

bool TreeCheck::needs(const std::string& name) const {
  if (name == kCheckpointName) return true;
  const auto tile = parse_tile_path(name);
  if (!tile) return false;
  const auto wanted = tile_at(checkpoint_.size, tile->level, tile->index);
  return wanted && *wanted == *tile;
}

}  // namespace concordat::keyservice::audit

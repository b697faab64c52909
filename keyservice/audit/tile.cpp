#include "keyservice/audit/tile.hpp"

#include <charconv>

namespace concordat::keyservice::audit {
namespace {

using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

constexpr std::string_view kEntriesLevel = "entries";

std::string index_path(std::uint64_t index) {
  std::string digits = std::to_string(index);
  digits.insert(0, (3 - digits.size() % 3) % 3, '0');
  std::string out;
  for (std::size_t i = 0; i < digits.size(); i += 3) {
    const bool is_last = i + 3 == digits.size();
    out += (is_last ? "" : "x") + digits.substr(i, 3) + (is_last ? "" : "/");
  }
  return out;
}

// Digits that begin `text`, which they are taken off; a spelling that is not ours shows when the
// path is built again.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool take(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

std::optional<std::uint64_t> take_index(std::string_view& text) {
  std::uint64_t index = 0;
  for (bool is_last = false; !is_last;) {
    is_last = !take(text, "x");
    std::string_view group = text.substr(0, 3);
    const std::size_t size = group.size();
    const auto value = take_number(group);
    if (!value || !group.empty() || index > kMaxTreeSize / 1000) return std::nullopt;
    index = index * 1000 + *value;
    text.remove_prefix(size);
    if (!is_last && !take(text, "/")) return std::nullopt;
  }
  return index;
}

std::optional<Tile> read_path(std::string_view text) {
  Tile tile;
  if (!take(text, kTilePrefix)) return std::nullopt;
  if (take(text, kEntriesLevel)) {
    tile.level = Tile::kEntries;
  } else {
    const auto level = take_number(text);
    if (!level || *level >= Tile::kEntries) return std::nullopt;
    tile.level = static_cast<unsigned>(*level);
  }
  if (!take(text, "/")) return std::nullopt;
  const auto index = take_index(text);
  if (!index) return std::nullopt;
  tile.index = *index;
  if (take(text, ".p/")) {
    const auto width = take_number(text);
    if (!width || *width == 0 || *width >= kTileWidth) return std::nullopt;
    tile.width = static_cast<std::size_t>(*width);
  }
  if (!text.empty()) return std::nullopt;
  return tile;
}

}  // namespace

std::string path_of(const Tile& tile) {
  std::string out(kTilePrefix);
  out += tile.level == Tile::kEntries ? std::string(kEntriesLevel) : std::to_string(tile.level);
  out += "/" + index_path(tile.index);
  if (tile.is_partial()) out += ".p/" + std::to_string(tile.width);
  return out;
}

Result<Tile> parse_tile_path(std::string_view path) {
  const auto tile = read_path(path);
  if (!tile || path_of(*tile) != path) return Error(Errc::malformed_tile_path);
  return *tile;
}

TileRow tile_row(std::uint64_t size, unsigned level) noexcept {
  const unsigned shift = level == Tile::kEntries ? 0 : level * kTileHeight;
  if (shift >= 64) return {};
  const std::uint64_t hashes = size >> shift;
  return {hashes / kTileWidth, static_cast<std::size_t>(hashes % kTileWidth)};
}

Result<Tile> tile_at(std::uint64_t size, unsigned level, std::uint64_t index) {
  const TileRow row = tile_row(size, level);
  if (index < row.full) return Tile{level, index, kTileWidth};
  if (index == row.full && row.partial != 0) return Tile{level, index, row.partial};
  return Error(Errc::out_of_range, path_of({level, index, kTileWidth}) + " of a tree of " +
                                       std::to_string(size) + " entries");
}

base::Bytes encode_hashes(std::span<const Hash> hashes) {
  base::Bytes out;
  out.reserve(hashes.size() * Hash::kSize);
  for (const Hash& hash : hashes)
    base::append(out, hash.view());
  return out;
}

std::optional<std::vector<Hash>> decode_hashes(BytesView tile) {
  const std::size_t count = tile.size() / Hash::kSize;
  if (count == 0 || count > kTileWidth || tile.size() % Hash::kSize != 0) return std::nullopt;
  std::vector<Hash> out(count);
  for (std::size_t i = 0; i < count; ++i)
    std::ranges::copy(tile.subspan(i * Hash::kSize, Hash::kSize), out[i].mutable_view().begin());
  return out;
}

void append_to_bundle(base::Bytes& bundle, BytesView entry) {
  bundle.push_back(static_cast<std::uint8_t>(entry.size() >> 8));
  bundle.push_back(static_cast<std::uint8_t>(entry.size()));
  base::append(bundle, entry);
}

Status split_bundle(BytesView bundle, std::vector<BytesView>& entries) {
  entries.clear();
  std::size_t offset = 0;
  const auto fail = [&](std::string_view what) {
    return Error(Errc::malformed_bundle, "entry " + std::to_string(entries.size()) +
                                             " of the bundle, at byte " + std::to_string(offset) +
                                             ": " + std::string(what));
  };
  while (offset < bundle.size()) {
    if (entries.size() == kTileWidth) return fail("one more than a bundle holds");
    if (bundle.size() - offset < 2) return fail("half a length");
    const std::size_t size = std::size_t{bundle[offset]} << 8 | bundle[offset + 1];
    if (bundle.size() - offset - 2 < size) return fail("longer than what is left");
    entries.push_back(bundle.subspan(offset + 2, size));
    offset += 2 + size;
  }
  return {};
}

TileTree::TileTree() : partial_(kMaxTileLevels) {}

TileTree::TileTree(std::uint64_t size, std::vector<std::vector<Hash>> partial)
    : partial_(std::move(partial)) {
  partial_.resize(kMaxTileLevels);
  // The complete subtrees of the right edge, largest first: from the topmost tile down, each of a
  // tile's hashes by the bits of its width.
  std::vector<Hash> subtrees;
  for (std::size_t level = kMaxTileLevels; level-- > 0;) {
    const std::vector<Hash>& hashes = partial_[level];
    std::size_t begin = 0;
    for (std::size_t width = kTileWidth / 2; width != 0; width /= 2) {
      if ((hashes.size() & width) == 0) continue;
      const auto first = hashes.begin() + static_cast<std::ptrdiff_t>(begin);
      subtrees.push_back(hasher_.root_of({first, first + static_cast<std::ptrdiff_t>(width)}));
      begin += width;
    }
  }
  range_ = CompactRange::restore(size, std::move(subtrees));
}

void TileTree::append(const Hash& leaf, const OnFull& on_full) {
  const std::uint64_t index = range_.size();
  range_.append(leaf, hasher_, [&](unsigned height, const Hash& hash) {
    if (height % kTileHeight != 0) return;
    const unsigned level = height / kTileHeight;
    std::vector<Hash>& hashes = partial_[level];
    hashes.push_back(hash);
    if (hashes.size() != kTileWidth) return;
    if (on_full) on_full({level, index >> (kTileHeight * (level + 1)), kTileWidth}, hashes);
    hashes.clear();
  });
}

}  // namespace concordat::keyservice::audit

#include "keyservice/audit/copy.hpp"

#include <set>

#include "keyservice/audit/evidence.hpp"
#include "keyservice/audit/limits.hpp"
#include "keyservice/audit/tile.hpp"

namespace concordat::keyservice::audit {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

namespace {

class Copy {
 public:
  Copy(Source& from, Destination& to) : from_(from), to_(to) {}

  Result<Copied> run() {
    const std::string name(kCheckpointName);
    CONCORDAT_TRY(const auto note, from_.read(name, kMaxNote));
    if (!note) return Error(Errc::file_missing, name);
    CONCORDAT_TRY(auto head, SignedCheckpoint::parse(*note));
    out_.checkpoint = std::move(head.checkpoint);
    CONCORDAT_CHECK(copy_rows());
    CONCORDAT_CHECK(write(name, *note));
    return std::move(out_);
  }

 private:
  Status copy_rows() {
    const std::uint64_t size = out_.checkpoint.size;
    for (unsigned level = 0; level < kMaxTileLevels; ++level) {
      const TileRow row = tile_row(size, level);
      for (std::uint64_t index = 0; index < row.full + (row.partial != 0 ? 1 : 0); ++index) {
        CONCORDAT_TRY(const Tile tile, tile_at(size, level, index));
        CONCORDAT_CHECK(copy_tile(tile));
        if (level == 0) CONCORDAT_CHECK(copy_bundle({Tile::kEntries, index, tile.width}));
      }
    }
    return {};
  }
  // A partial one is written anew: an earlier batch may have left another under its name.
  [[nodiscard]] bool has(const Tile& tile) { return !tile.is_partial() && to_.has(path_of(tile)); }
  Status copy_tile(const Tile& tile) {
    if (has(tile)) return {};
    CONCORDAT_TRY(const auto content, read(path_of(tile), kTileWidth * Hash::kSize + 1));
    return content ? write(path_of(tile), *content) : Status();
  }
  // Evidence first: a bundle that is there has all of its.
  Status copy_bundle(const Tile& tile) {
    if (has(tile)) return {};
    CONCORDAT_TRY(const auto content, read(path_of(tile), kMaxBundle));
    if (!content) return {};
    std::vector<BytesView> entries;
    (void)split_bundle(*content, entries);  // those before what is malformed
    for (const BytesView bytes : entries) {
      const auto entry = decode_entry(bytes);
      if (entry) CONCORDAT_CHECK(copy_evidence(entry->event));
    }
    return write(path_of(tile), *content);
  }
  Status copy_evidence(const Event& event) {
    for (const EvidenceRef& ref : event.evidence) {
      const std::string name = evidence_name(ref.hash);
      if (!evidence_.insert(ref.hash).second || to_.has(name)) continue;
      CONCORDAT_TRY(const auto content, read(name, kMaxEvidence));
      if (content) CONCORDAT_CHECK(write(name, *content));
    }
    return {};
  }
  Result<std::optional<Bytes>> read(const std::string& name, std::size_t max) {
    CONCORDAT_TRY(auto content, from_.read(name, max));
    if (!content) ++out_.missing;
    return content;
  }
  Status write(const std::string& name, const Bytes& content) {
    ++out_.files;
    return to_.write(name, content);
  }

  Source& from_;
  Destination& to_;
  Copied out_;
  std::set<base::Sha256Digest> evidence_;
};

}  // namespace

Result<Copied> copy_log(Source& from, Destination& to) {
  return Copy(from, to).run();
}

}  // namespace concordat::keyservice::audit

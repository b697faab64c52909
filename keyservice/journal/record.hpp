// Records of the store: their names, their places, and the frame around what is sealed.
//
//   entry.POSITION               one entry of the journal
//   snapshot.POSITION-ID         says how many chunks a snapshot has; written last of it
//   chunk.POSITION-ID-INDEX      a part of its state
//
// POSITION is 16 lower-case hex digits, ID 32 (random: two snapshots of one position never mix),
// INDEX 8; so names sort as positions do. JOURNAL.md has the bytes.
#pragma once

#include <string>

#include "attest/base/bytes.hpp"
#include "keyservice/journal/limits.hpp"
#include "keyservice/journal/store.hpp"

namespace concordat::keyservice::journal {

// The last entry: its position, counted from 1, and the hash of the whole record. Nothing is there
// at position 0, whose hash is zero.
struct Head {
  std::uint64_t position = 0;
  base::Sha256Digest hash;

  friend bool operator==(const Head&, const Head&) = default;
};
[[nodiscard]] base::Sha256Digest hash_of(base::BytesView record);

enum class RecordKind : std::uint8_t { entry = 1, snapshot, chunk };
[[nodiscard]] std::string_view to_string(RecordKind kind) noexcept;

// Where a record belongs: all that is authenticated with its content besides realm and generation.
struct Place {
  RecordKind kind = RecordKind::entry;
  std::string name;
  std::uint64_t position = 0;  // of the entry; of the last entry in a snapshot
  base::Sha256Digest link;     // of the entry before; of the last entry in a snapshot
  std::uint32_t index = 0;     // of the chunk, from 0
  std::uint32_t count = 1;     // chunks of the snapshot
};

using SnapshotId = base::FixedBytes<struct SnapshotIdTag, 16>;

[[nodiscard]] std::string entry_name(std::uint64_t position);
[[nodiscard]] Place entry_after(const Head& head);
[[nodiscard]] Place snapshot_place(const Head& head, const SnapshotId& id);
[[nodiscard]] Place chunk_place(const Head& head, const SnapshotId& id, std::uint32_t index,
                                std::uint32_t count);
inline constexpr std::string_view kEntryPrefix = "entry.";
inline constexpr std::string_view kSnapshotPrefix = "snapshot.";
// Of the chunks of one snapshot.
[[nodiscard]] std::string chunk_prefix(const Head& head, const SnapshotId& id);

// What a snapshot at `position` makes superfluous, as Store::remove takes it: older snapshots, and
// the entries before its last one, which stays: it shows writers of the next one, who must name it,
// that they are up to date.
struct Superfluous {
  std::string prefix;
  std::string before;
};
[[nodiscard]] std::vector<Superfluous> made_superfluous_by(std::uint64_t position);

struct SnapshotName {
  std::uint64_t position = 0;
  SnapshotId id;
};
[[nodiscard]] base::Result<std::uint64_t> parse_entry_name(std::string_view name);
[[nodiscard]] base::Result<SnapshotName> parse_snapshot_name(std::string_view name);

// "entry.000000000000000c (position 12)": how refusals name a record.
[[nodiscard]] std::string described(const Place& place);

// A record as it lies in the store. What it states of itself is there so that a refusal can say
// what stands in a place; nothing is believed before the seal opened.
struct Frame {
  std::string name;
  std::string realm;
  std::uint32_t generation = 0;
  base::Sha256Digest link;
  std::uint32_t index = 0;
  std::uint32_t count = 0;
  base::FixedBytes<struct SaltTag, kSaltSize> salt;
  base::Bytes box;  // ciphertext and tag
};
[[nodiscard]] base::Bytes encode(const Frame& frame);
// Canonical only: what decodes encodes to the same bytes. malformed_record, record_too_large.
[[nodiscard]] base::Result<Frame> decode_frame(base::BytesView record);

}  // namespace concordat::keyservice::journal

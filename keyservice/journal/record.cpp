#include "keyservice/journal/record.hpp"

#include <charconv>

#include "attest/base/cbor.hpp"
#include "attest/base/hash.hpp"
#include "keyservice/cbor_items.hpp"
#include "keyservice/journal/errc.hpp"

namespace concordat::keyservice::journal {
namespace {

using base::Error;
using base::Result;

constexpr std::uint64_t kFormat = 1;
constexpr std::size_t kFrameItems = 9;
constexpr std::string_view kChunkPrefix = "chunk.";
constexpr std::size_t kPositionDigits = 16;
constexpr std::size_t kIndexDigits = 8;

std::string hex(std::uint64_t value, std::size_t digits) {
  std::string out(digits, '0');
  for (std::size_t i = digits; i-- > 0; value >>= 4)
    out[i] = "0123456789abcdef"[value & 15];
  return out;
}

Result<std::uint64_t> from_hex_digits(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  // Upper case and signs are not how we write it.
  if (error != std::errc() || hex(value, text.size()) != text) {
    return Error(Errc::malformed_record, "a name without a position");
  }
  return value;
}

std::string snapshot_suffix(std::uint64_t position, const SnapshotId& id) {
  return hex(position, kPositionDigits) + "-" + id.hex();
}

Result<Frame> read_frame(base::cbor::Reader& reader) {
  CONCORDAT_TRY(const std::size_t items, reader.read_array(kFrameItems));
  if (items != kFrameItems) return Error(Errc::malformed_record, std::to_string(items) + " items");
  CONCORDAT_TRY(const std::uint64_t format, reader.read_uint());
  if (format != kFormat) {
    return Error(Errc::malformed_record, "format " + std::to_string(format) + " is not known");
  }
  Frame frame;
  CONCORDAT_TRY(frame.name, reader.read_text(kMaxName));
  CONCORDAT_TRY(frame.realm, reader.read_text(kMaxRealm));
  CONCORDAT_TRY(frame.generation, read_uint32(reader));
  CONCORDAT_TRY(frame.link, read_fixed<base::Sha256Digest>(reader));
  CONCORDAT_TRY(frame.index, read_uint32(reader));
  CONCORDAT_TRY(frame.count, read_uint32(reader));
  CONCORDAT_TRY(const base::BytesView salt, reader.read_bytes(kSaltSize));
  CONCORDAT_TRY(frame.salt, decltype(frame.salt)::from(salt));
  CONCORDAT_TRY(frame.box, read_bytes(reader, kMaxRecord));
  CONCORDAT_CHECK(reader.finish());
  return frame;
}

}  // namespace

base::Sha256Digest hash_of(base::BytesView record) {
  return base::sha256({record});
}

std::string_view to_string(RecordKind kind) noexcept {
  switch (kind) {
    case RecordKind::entry:
      return "entry";
    case RecordKind::snapshot:
      return "snapshot";
    case RecordKind::chunk:
      return "chunk";
  }
  return "unknown";
}

std::string entry_name(std::uint64_t position) {
  return std::string(kEntryPrefix) + hex(position, kPositionDigits);
}

Place entry_after(const Head& head) {
  return {RecordKind::entry, entry_name(head.position + 1), head.position + 1, head.hash, 0, 1};
}

Place snapshot_place(const Head& head, const SnapshotId& id) {
  return {RecordKind::snapshot,
          std::string(kSnapshotPrefix) + snapshot_suffix(head.position, id),
          head.position,
          head.hash,
          0,
          1};
}

std::string chunk_prefix(const Head& head, const SnapshotId& id) {
  return std::string(kChunkPrefix) + snapshot_suffix(head.position, id) + "-";
}

Place chunk_place(const Head& head, const SnapshotId& id, std::uint32_t index,
                  std::uint32_t count) {
  return {RecordKind::chunk,
          chunk_prefix(head, id) + hex(index, kIndexDigits),
          head.position,
          head.hash,
          index,
          count};
}

std::vector<Superfluous> made_superfluous_by(std::uint64_t position) {
  std::vector<Superfluous> out;
  // Snapshots before their chunks: a reader that found the one finds the others a while longer.
  for (const std::string_view prefix : {kEntryPrefix, kSnapshotPrefix, kChunkPrefix}) {
    out.push_back({std::string(prefix), std::string(prefix) + hex(position, kPositionDigits)});
  }
  return out;
}

Result<std::uint64_t> parse_entry_name(std::string_view name) {
  if (!name.starts_with(kEntryPrefix) || name.size() != kEntryPrefix.size() + kPositionDigits) {
    return Error(Errc::malformed_record, "not the name of an entry");
  }
  return from_hex_digits(name.substr(kEntryPrefix.size()));
}

Result<SnapshotName> parse_snapshot_name(std::string_view name) {
  constexpr std::size_t kIdDigits = 2 * SnapshotId::kSize;
  if (!name.starts_with(kSnapshotPrefix) ||
      name.size() != kSnapshotPrefix.size() + kPositionDigits + 1 + kIdDigits) {
    return Error(Errc::malformed_record, "not the name of a snapshot");
  }
  name.remove_prefix(kSnapshotPrefix.size());
  SnapshotName out;
  CONCORDAT_TRY(out.position, from_hex_digits(name.substr(0, kPositionDigits)));
  CONCORDAT_TRY(out.id, SnapshotId::from_hex(name.substr(kPositionDigits + 1)));
  if (snapshot_suffix(out.position, out.id) != name) {
    return Error(Errc::malformed_record, "not the name of a snapshot");
  }
  return out;
}

std::string described(const Place& place) {
  std::string out = place.name + " (position " + std::to_string(place.position);
  if (place.kind == RecordKind::chunk) {
    out += ", chunk " + std::to_string(place.index + 1) + " of " + std::to_string(place.count);
  }
  return out + ")";
}

base::Bytes encode(const Frame& frame) {
  base::cbor::Writer out;
  out.array(kFrameItems).uint(kFormat).text(frame.name).text(frame.realm).uint(frame.generation);
  out.bytes(frame.link.view()).uint(frame.index).uint(frame.count);
  out.bytes(frame.salt.view()).bytes(frame.box);
  return std::move(out).take();
}

Result<Frame> decode_frame(base::BytesView record) {
  if (record.size() > kMaxRecord) {
    return Error(Errc::record_too_large, std::to_string(record.size()) + " bytes");
  }
  base::cbor::Reader reader(record);
  auto frame = read_frame(reader);
  if (!frame && !frame.error().is(Errc::malformed_record)) {
    return Error(Errc::malformed_record, frame.error().to_string());
  }
  return frame;
}

}  // namespace concordat::keyservice::journal

#include "keyservice/admin_keys.hpp"

#include "keyservice/cbor_items.hpp"
#include "keyservice/message_parts.hpp"
#include "policy/key_pattern.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::Error;
using base::Result;
using base::Status;
using base::cbor::Reader;
using base::cbor::Writer;

constexpr std::size_t kKeyItems = 8;
constexpr std::size_t kVersionItems = 6;

Error out_of_range(const char* what, std::uint64_t value) {
  return Error(Errc::malformed_response, std::string(what) + " " + std::to_string(value));
}

// A key's name and nothing else, so that it can be shown as it is.
Status read_name(Reader& reader, std::string& name) {
  CONCORDAT_TRY(const std::string_view text, reader.read_text(kMaxKeyName));
  CONCORDAT_CHECK(policy::check_key_name(text));
  name = text;
  return {};
}

Result<base::UnixMillis> read_shown_time(Reader& reader) {
  // Ten thousand years: what RFC 3339 can write.
  constexpr std::uint64_t kMost = 253'402'300'799'999;
  CONCORDAT_TRY(const std::uint64_t time, read_at_most(reader, kMost));
  return base::UnixMillis{static_cast<std::int64_t>(time)};
}

Status read_array_of(Reader& reader, std::size_t items) {
  CONCORDAT_TRY(const std::size_t count, reader.read_array(items));
  return count == items ? Status() : Status(out_of_range("items", count));
}

Result<ShownKey> read_key(Reader& reader) {
  CONCORDAT_CHECK(read_array_of(reader, kKeyItems));
  ShownKey out;
  KeySummary& key = out.summary;
  CONCORDAT_CHECK(read_name(reader, key.name));
  CONCORDAT_TRY(key.type, read_enum(reader, KeyType::hmac));
  CONCORDAT_TRY(key.exportable, reader.read_bool());
  CONCORDAT_TRY(key.state, read_enum(reader, VersionState::destroyed));
  CONCORDAT_TRY(key.minimum_version, read_uint32(reader));
  CONCORDAT_TRY(key.newest_version, read_uint32(reader));
  CONCORDAT_TRY(key.created, read_shown_time(reader));
  CONCORDAT_TRY(out.is_recorded, reader.read_bool());
  return out;
}

Result<std::optional<PublicKey>> read_public_key(Reader& reader) {
  CONCORDAT_TRY(const bool none, reader.take_null());
  if (none) return std::optional<PublicKey>();
  CONCORDAT_CHECK(read_array_of(reader, 2));
  PublicKey out;
  CONCORDAT_TRY(out.type, read_enum(reader, KeyType::hmac));
  CONCORDAT_TRY(out.raw, read_bytes(reader, kMaxRawPublicKey));
  if (out.raw.empty() || out.raw.size() != raw_public_key_size(out.type)) {
    return out_of_range("size of a public key", out.raw.size());
  }
  return std::optional(std::move(out));
}

Result<ShownVersion> read_shown_version(Reader& reader) {
  CONCORDAT_CHECK(read_array_of(reader, kVersionItems));
  ShownVersion out;
  VersionDescription& version = out.description;
  CONCORDAT_TRY(version.version, read_uint32(reader));
  CONCORDAT_TRY(version.state, read_enum(reader, VersionState::destroyed));
  CONCORDAT_TRY(version.origin, read_enum(reader, KeyOrigin::imported));
  CONCORDAT_TRY(version.created, read_shown_time(reader));
  CONCORDAT_TRY(version.root_generation, read_uint32(reader));
  CONCORDAT_TRY(out.public_key, read_public_key(reader));
  return out;
}

template <class T>
Result<T> as_malformed(Result<T> read) {
  if (read || read.error().is(Errc::malformed_response)) return read;
  return as(Errc::malformed_response, read.error());
}

template <class Item>
Result<std::vector<Item>> read_all(const AdminReply& reply, Result<Item> (*read)(Reader&)) {
  Reader reader(reply.items);
  std::vector<Item> out;
  for (std::size_t i = 0; i < reply.count; ++i) {
    CONCORDAT_TRY(Item item, read(reader));
    out.push_back(std::move(item));
  }
  CONCORDAT_CHECK(reader.finish());
  return out;
}

template <class Item>
Result<Item> read_one(const AdminReply& reply, Result<Item> (*read)(Reader&)) {
  CONCORDAT_TRY(std::vector<Item> items, as_malformed(read_all(reply, read)));
  if (items.size() != 1) return out_of_range("items", items.size());
  return std::move(items.front());
}

Result<Rewrapped> read_rewrapped(Reader& reader) {
  Rewrapped out;
  CONCORDAT_CHECK(read_name(reader, out.name));
  CONCORDAT_TRY(out.version, read_uint32(reader));
  CONCORDAT_TRY(out.envelope, read_bytes(reader, kMaxEnvelope));
  CONCORDAT_CHECK(reader.finish());
  return out;
}

}  // namespace

Bytes encode(const ShownKey& shown) {
  const KeySummary& key = shown.summary;
  Writer out;
  out.array(kKeyItems).text(key.name).uint(number(key.type)).boolean(key.exportable);
  out.uint(number(key.state)).uint(key.minimum_version).uint(key.newest_version);
  out.uint(static_cast<std::uint64_t>(key.created.value)).boolean(shown.is_recorded);
  return std::move(out).take();
}

Bytes encode(const ShownVersion& shown) {
  const VersionDescription& version = shown.description;
  Writer out;
  out.array(kVersionItems).uint(version.version).uint(number(version.state));
  out.uint(number(version.origin)).uint(static_cast<std::uint64_t>(version.created.value));
  out.uint(version.root_generation);
  if (shown.public_key) {
    out.array(2).uint(number(shown.public_key->type)).bytes(shown.public_key->raw);
  } else {
    out.null();
  }
  return std::move(out).take();
}

Result<std::vector<ShownKey>> decode_keys(const AdminReply& part) {
  return as_malformed(read_all(part, read_key));
}

Result<std::vector<ShownVersion>> decode_versions(const AdminReply& part) {
  return as_malformed(read_all(part, read_shown_version));
}

Result<ShownKey> decode_key(const AdminReply& last) {
  return read_one(last, read_key);
}

Bytes encode_key_count(std::uint64_t count) {
  return std::move(Writer().uint(count)).take();
}

Result<std::uint64_t> decode_key_count(const AdminReply& last) {
  return read_one<std::uint64_t>(last, [](Reader& reader) { return reader.read_uint(); });
}

Bytes encode(const Rewrapped& rewrapped) {
  Writer out;
  out.text(rewrapped.name).uint(rewrapped.version).bytes(rewrapped.envelope);
  return std::move(out).take();
}

Result<Rewrapped> decode_rewrapped(const AdminReply& last) {
  Reader reader(last.items);
  if (last.count != kRewrappedItems) return out_of_range("items", last.count);
  return as_malformed(read_rewrapped(reader));
}

}  // namespace concordat::keyservice

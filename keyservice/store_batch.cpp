#include "keyservice/store_batch.hpp"

#include <set>

#include "attest/base/cbor_fields.hpp"
#include "attest/base/cbor_fixed.hpp"

namespace concordat::keyservice {
namespace {

using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
using base::cbor::Field;
using base::cbor::Reader;
using base::cbor::Writer;

constexpr std::string_view kBehind = "behind";
constexpr std::string_view kPuts = "puts";
constexpr std::size_t kVersionSize = 64;

Status read_behind(Reader& reader, StoreBatch& batch) {
  CONCORDAT_TRY(const bool none, reader.take_null());
  if (none) return {};
  CONCORDAT_CHECK(want_array(reader, 2));
  CONCORDAT_TRY(const std::string_view name, reader.read_text(kMaxStoreName));
  CONCORDAT_TRY(const std::string_view version, reader.read_text(kVersionSize));
  batch.behind = {std::string(name), std::string(version)};
  return {};
}

Result<StoreBatch::Put> read_put(Reader& reader, std::size_t room) {
  CONCORDAT_CHECK(want_array(reader, 3));
  StoreBatch::Put put;
  CONCORDAT_TRY(const std::string_view name, reader.read_text(kMaxStoreName));
  put.name = name;
  CONCORDAT_TRY(const bool is_new, reader.take_null());
  if (!is_new) {
    CONCORDAT_TRY(const std::string_view version, reader.read_text(kVersionSize));
    put.expected = version;
  }
  CONCORDAT_TRY(const BytesView content, reader.read_bytes(room));
  put.content = base::to_bytes(content);
  return put;
}

Status read_puts(Reader& reader, StoreBatch& batch) {
  std::size_t room = kMaxStoreBatchContent;
  std::set<std::string> names;
  return base::cbor::for_each_item(reader, kMaxStoreBatchPuts, [&]() -> Status {
    CONCORDAT_TRY(StoreBatch::Put put, read_put(reader, room));
    if (!names.insert(put.name).second) {
      return Error(base::cbor::Errc::malformed, "'" + put.name + "' comes twice");
    }
    room -= put.content.size();
    batch.puts.push_back(std::move(put));
    return {};
  });
}

void write_text_or_null(Writer& writer, const std::optional<std::string>& text) {
  text ? writer.text(*text) : writer.null();
}

}  // namespace

base::Bytes encode_store_batch(const StoreBatch& batch) {
  Writer writer;
  writer.map(2).text(kBehind);
  if (batch.behind) {
    writer.array(2).text(batch.behind->name).text(batch.behind->version);
  } else {
    writer.null();
  }
  writer.text(kPuts).array(batch.puts.size());
  for (const StoreBatch::Put& put : batch.puts) {
    writer.array(3).text(put.name);
    write_text_or_null(writer, put.expected);
    writer.bytes(put.content);
  }
  return std::move(writer).take();
}

Result<StoreBatch> parse_store_batch(BytesView encoded) {
  StoreBatch batch;
  Reader reader(encoded);
  CONCORDAT_CHECK(base::cbor::read_fields(
      reader, Field{kBehind, [&](Reader& r) { return read_behind(r, batch); }},
      Field{kPuts, [&](Reader& r) { return read_puts(r, batch); }}));
  CONCORDAT_CHECK(reader.finish());
  if (batch.puts.empty()) return Error(base::cbor::Errc::malformed, "puts: there is none");
  return batch;
}

}  // namespace concordat::keyservice

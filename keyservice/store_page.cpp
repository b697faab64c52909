#include "keyservice/store_page.hpp"

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

constexpr std::string_view kMore = "more";
constexpr std::string_view kEntries = "entries";

Result<StorePage::Entry> read_entry(Reader& reader) {
  CONCORDAT_CHECK(want_array(reader, 2));
  CONCORDAT_TRY(const std::string_view name, reader.read_text(kMaxStoreName));
  CONCORDAT_TRY(const BytesView content, reader.read_bytes(kMaxStoreEntry));
  return StorePage::Entry{std::string(name), base::to_bytes(content)};
}

Status read_entries(Reader& reader, StorePage& page) {
  return base::cbor::for_each_item(reader, kMaxStorePageEntries, [&]() -> Status {
    CONCORDAT_TRY(StorePage::Entry entry, read_entry(reader));
    if (!page.entries.empty() && entry.name <= page.entries.back().name) {
      return Error(base::cbor::Errc::malformed, "names do not ascend");
    }
    page.entries.push_back(std::move(entry));
    return {};
  });
}

}  // namespace

base::Bytes encode_store_page(const StorePage& page) {
  Writer writer;
  writer.map(2).text(kMore).boolean(page.more).text(kEntries).array(page.entries.size());
  for (const StorePage::Entry& entry : page.entries)
    writer.array(2).text(entry.name).bytes(entry.content);
  return std::move(writer).take();
}

Result<StorePage> parse_store_page(BytesView encoded) {
  StorePage page;
  Reader reader(encoded);
  CONCORDAT_CHECK(
      base::cbor::read_fields(reader,
                              Field{kMore,
                                    [&](Reader& r) -> Status {
                                      CONCORDAT_TRY(page.more, r.read_bool());
                                      return {};
                                    }},
                              Field{kEntries, [&](Reader& r) { return read_entries(r, page); }}));
  CONCORDAT_CHECK(reader.finish());
  return page;
}

}  // namespace concordat::keyservice

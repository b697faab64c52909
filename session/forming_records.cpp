#include "session/forming_records.hpp"

#include "attest/base/cbor_fixed.hpp"

namespace concordat::session {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
namespace cbor = base::cbor;

constexpr std::uint64_t kView = 0, kSigned = 1, kReady = 2;

Result<FormingRecord> read_record(cbor::Reader& reader) {
  CONCORDAT_TRY(const std::size_t items, reader.read_array(3));
  CONCORDAT_TRY(const std::uint64_t kind, reader.read_uint());
  if (kind == kView && items == 2) {
    CONCORDAT_TRY(const BytesView roster, reader.read_bytes(limits::kRosterBytes));
    return FormingRecord(ViewRecord{base::to_bytes(roster)});
  }
  if (kind == kSigned && items == 3) {
    SignedRecord out;
    CONCORDAT_TRY(out.run, read_fixed<RunId>(reader));
    CONCORDAT_TRY(out.signature, read_fixed<policy::Signature>(reader));
    return FormingRecord(out);
  }
  if (kind == kReady && items == 2) {
    CONCORDAT_TRY(const RunId run, read_fixed<RunId>(reader));
    return FormingRecord(ReadyRecord{run});
  }
  return Error(cbor::Errc::malformed, "another record");
}

Result<FormingRecord> read_whole(BytesView record) {
  cbor::Reader reader(record);
  CONCORDAT_TRY(FormingRecord out, read_record(reader));
  CONCORDAT_CHECK(reader.finish());
  return out;
}

struct Encoder {
  cbor::Writer& writer;
  void operator()(const ViewRecord& view) const { writer.array(2).uint(kView).bytes(view.roster); }
  void operator()(const SignedRecord& record) const {
    writer.array(3).uint(kSigned).bytes(record.run.view()).bytes(record.signature.view());
  }
  void operator()(const ReadyRecord& ready) const {
    writer.array(2).uint(kReady).bytes(ready.run.view());
  }
};

}  // namespace

Bytes encode(const FormingRecord& record) {
  cbor::Writer writer;
  std::visit(Encoder{writer}, record);
  return std::move(writer).take();
}

Result<FormingRecord> decode_forming_record(BytesView record) {
  auto read = read_whole(record);
  if (!read) return Error(FormingErrc::malformed_roster, read.error().to_string());
  return read;
}

}  // namespace concordat::session

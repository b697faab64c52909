#include "session/protocols/frost/group_info.hpp"

#include "attest/base/cbor.hpp"
#include "session/protocols/frost/errc.hpp"

namespace concordat::session::frost {
namespace {

using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
using base::cbor::Reader;

constexpr std::string_view kGroupFormat = "concordat/frost-group/1";

Result<Element> read_group_element(Reader& reader) {
  CONCORDAT_TRY(const BytesView bytes, reader.read_bytes(kElementSize));
  return read_element(bytes);
}

Status bad_group(const Status& why) {
  return why ? Status() : Status(Error(Errc::bad_group, why.error().to_string()));
}

}  // namespace

Status check_threshold(std::size_t threshold, std::size_t holders) {
  if (threshold >= kMinThreshold && threshold <= holders && holders <= kMaxHolders) return {};
  return Error(Errc::bad_threshold,
               std::to_string(threshold) + " of " + std::to_string(holders) + " holders");
}

Result<GroupInfo> GroupInfo::of(const base::sharing::Commitments<Curve>& commitments,
                                std::size_t holders, std::uint64_t epoch) {
  CONCORDAT_CHECK(check_threshold(commitments.threshold(), holders));
  GroupInfo out;
  out.public_key_ = commitments.constant();
  out.threshold_ = commitments.threshold();
  out.epoch_ = epoch;
  for (Index index = 1; index <= holders; ++index) {
    CONCORDAT_TRY(const Element share, commitments.of_share(index));
    out.verification_shares_.push_back(share);
  }
  return out;
}

Result<GroupInfo> GroupInfo::decode(BytesView encoded) {
  GroupInfo out;
  const auto read = [&]() -> Status {
    Reader reader(encoded);
    CONCORDAT_TRY(const std::size_t parts, reader.read_array(5));
    CONCORDAT_TRY(const std::string_view format, reader.read_text(kGroupFormat.size()));
    if (parts != 5 || format != kGroupFormat) return Error(Errc::bad_group, "another format");
    CONCORDAT_TRY(out.public_key_, read_group_element(reader));
    CONCORDAT_TRY(out.threshold_, reader.read_uint());
    CONCORDAT_TRY(out.epoch_, reader.read_uint());
    if (out.epoch_ > kMaxEpoch) return Error(Errc::bad_group, "epoch");
    CONCORDAT_TRY(const std::size_t holders, reader.read_array(kMaxHolders));
    for (std::size_t i = 0; i < holders; ++i) {
      CONCORDAT_TRY(const Element share, read_group_element(reader));
      out.verification_shares_.push_back(share);
    }
    return reader.finish();
  };
  CONCORDAT_CHECK(bad_group(read()));
  CONCORDAT_CHECK(check_threshold(out.threshold(), out.holders()));
  return out;
}

base::Bytes GroupInfo::encoded() const {
  base::cbor::Writer writer;
  writer.array(5).text(kGroupFormat).bytes(public_key_.view()).uint(threshold_).uint(epoch_);
  writer.array(holders());
  for (const Element& share : verification_shares_)
    writer.bytes(share.view());
  return std::move(writer).take();
}

}  // namespace concordat::session::frost

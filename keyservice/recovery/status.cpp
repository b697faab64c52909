#include "keyservice/recovery/status.hpp"

#include "keyservice/cbor_items.hpp"
#include "keyservice/error.hpp"
#include "keyservice/limits.hpp"
#include "keyservice/recovery/reading.hpp"
#include "policy/limits.hpp"

namespace concordat::keyservice::recovery {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
using base::cbor::Reader;
using base::cbor::Writer;

constexpr std::size_t kItems = 7;
constexpr std::size_t kOrderItems = 4;
constexpr std::size_t kHolderItems = 4;

Result<ShownStatus::Order> read_order(Reader& reader) {
  CONCORDAT_CHECK(want_array(reader, kOrderItems));
  ShownStatus::Order out;
  CONCORDAT_TRY(out.set, read_fixed<RecoverySetId>(reader));
  CONCORDAT_TRY(out.set_digest, read_fixed<base::Sha256Digest>(reader));
  CONCORDAT_TRY(out.generation, read_uint32(reader));
  CONCORDAT_TRY(out.not_after, read_time(reader));
  return out;
}

Result<HolderState> read_holder(Reader& reader) {
  CONCORDAT_CHECK(want_array(reader, kHolderItems));
  HolderState out;
  CONCORDAT_TRY(out.name, reader.read_text(policy::limits::kNameLength));
  CONCORDAT_TRY(out.is_in, reader.read_bool());
  CONCORDAT_TRY(out.refused, reader.read_uint());
  CONCORDAT_TRY(out.last_refusal, reader.read_text(kMaxErrorCode));
  return out;
}

Result<ShownStatus> read_status(Reader& reader) {
  CONCORDAT_CHECK(want_array(reader, kItems));
  ShownStatus out;
  CONCORDAT_TRY(out.phase, read_enum(reader, Phase::collecting));
  CONCORDAT_TRY(const bool no_target, reader.take_null());
  if (!no_target) {
    CONCORDAT_TRY(out.target, read_fixed<policy::HolderKey>(reader));
  }
  CONCORDAT_TRY(const bool no_order, reader.take_null());
  if (!no_order) {
    CONCORDAT_TRY(out.order, read_order(reader));
  }
  CONCORDAT_TRY(out.threshold, reader.read_uint());
  CONCORDAT_TRY(const std::size_t holders, reader.read_array(kMaxHolders));
  for (std::size_t i = 0; i < holders; ++i) {
    CONCORDAT_TRY(HolderState holder, read_holder(reader));
    out.holders.push_back(std::move(holder));
  }
  CONCORDAT_TRY(out.not_authentic, reader.read_uint());
  CONCORDAT_TRY(out.has_root, reader.read_bool());
  CONCORDAT_CHECK(reader.finish());
  return out;
}

}  // namespace

ShownStatus shown(const RestorationStatus& status, bool has_root) {
  ShownStatus out{status.phase,   status.target,        {},      status.threshold,
                  status.holders, status.not_authentic, has_root};
  if (status.order) {
    out.order = {status.order->set, status.order->set_digest, status.order->generation,
                 status.order->not_after};
  }
  return out;
}

Bytes encode(const ShownStatus& status) {
  Writer out;
  out.array(kItems).uint(number(status.phase));
  status.target ? void(out.bytes(status.target->view())) : void(out.null());
  if (status.order) {
    out.array(kOrderItems).bytes(status.order->set.view()).bytes(status.order->set_digest.view());
    out.uint(status.order->generation);
    out.uint(static_cast<std::uint64_t>(status.order->not_after.value));
  } else {
    out.null();
  }
  out.uint(status.threshold).array(status.holders.size());
  for (const HolderState& holder : status.holders) {
    out.array(kHolderItems).text(holder.name).boolean(holder.is_in).uint(holder.refused);
    out.text(holder.last_refusal);
  }
  out.uint(status.not_authentic).boolean(status.has_root);
  return std::move(out).take();
}

Result<ShownStatus> decode_status(BytesView item) {
  Reader reader(item);
  auto status = read_status(reader);
  if (!status) return Error(keyservice::Errc::malformed_response, status.error().to_string());
  return status;
}

}  // namespace concordat::keyservice::recovery

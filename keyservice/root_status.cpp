#include "keyservice/root_status.hpp"

#include "attest/base/cbor.hpp"
#include "keyservice/cbor_items.hpp"
#include "keyservice/error.hpp"
#include "keyservice/limits.hpp"
#include "policy/limits.hpp"

namespace concordat::keyservice {
namespace {

using base::Error;
using base::Result;
using base::cbor::Reader;
using base::cbor::Writer;

constexpr std::size_t kStatusItems = 6;
constexpr std::size_t kGenerationItems = 5;

Result<RootStatus::Generation> read_one(Reader& reader) {
  RootStatus::Generation out;
  CONCORDAT_TRY(const std::size_t count, reader.read_array(kGenerationItems));
  if (count != kGenerationItems) return Error(Errc::malformed_response, "a generation");
  CONCORDAT_TRY(out.number, read_uint32(reader));
  CONCORDAT_TRY(out.is_current, reader.read_bool());
  CONCORDAT_TRY(out.is_held, reader.read_bool());
  CONCORDAT_TRY(out.versions, reader.read_uint());
  CONCORDAT_TRY(const std::string_view needed, reader.read_text(kMaxErrorDetail));
  out.needed = needed;
  return out;
}

Result<RootStatus> read_root_status(Reader& reader) {
  RootStatus out;
  CONCORDAT_TRY(const std::size_t count, reader.read_array(kStatusItems));
  if (count != kStatusItems) return Error(Errc::malformed_response, "items");
  CONCORDAT_TRY(const std::size_t generations, reader.read_array(policy::limits::kRootGenerations));
  for (std::size_t i = 0; i < generations; ++i) {
    CONCORDAT_TRY(out.generations.emplace_back(), read_one(reader));
  }
  CONCORDAT_TRY(out.sealing, read_uint32(reader));
  CONCORDAT_TRY(out.since, reader.read_uint());
  CONCORDAT_TRY(out.is_snapshot_wanting, reader.read_bool());
  CONCORDAT_TRY(out.implicit, read_uint32(reader));
  CONCORDAT_TRY(out.audit_log, read_uint32(reader));
  CONCORDAT_CHECK(reader.finish());
  return out;
}

}  // namespace

base::Status check_retirement(const Custody& custody, std::uint32_t audit_log,
                              std::uint32_t generation) {
  CONCORDAT_CHECK(custody.check_unneeded(generation));
  if (audit_log != 0 && audit_log != generation) return {};
  return Error(Errc::generation_needed,
               "generation " + std::to_string(generation) + ": this custodian's audit log is " +
                   (audit_log == 0 ? "not open, and may be signed under it" : "signed under it"));
}

RootStatus root_status(const Custody& custody, const policy::Policy& policy,
                       std::uint32_t audit_log) {
  RootStatus out;
  for (const policy::RootGeneration& pinned : policy.model().root_generations) {
    const base::Status spare = check_retirement(custody, audit_log, pinned.generation);
    out.generations.push_back(
        {pinned.generation, pinned.current, custody.root(pinned.generation) != nullptr,
         custody.versions_from(pinned.generation), spare ? std::string() : spare.error().detail()});
  }
  const journal::Journal& journal = custody.journal();
  out.sealing = journal.generation();
  out.since = journal.generation_since();
  out.is_snapshot_wanting = journal.needs_older_generation();
  out.implicit = custody.implicit_generation();
  out.audit_log = audit_log;
  return out;
}

base::Bytes encode(const RootStatus& status) {
  Writer out;
  out.array(kStatusItems).array(status.generations.size());
  for (const RootStatus::Generation& one : status.generations) {
    out.array(kGenerationItems).uint(one.number).boolean(one.is_current).boolean(one.is_held);
    out.uint(one.versions).text(one.needed);
  }
  out.uint(status.sealing).uint(status.since).boolean(status.is_snapshot_wanting);
  out.uint(status.implicit).uint(status.audit_log);
  return std::move(out).take();
}

Result<RootStatus> decode_root_status(base::BytesView item) {
  Reader reader(item);
  auto status = read_root_status(reader);
  if (status || status.error().is(Errc::malformed_response)) return status;
  return Error(Errc::malformed_response, status.error().to_string());
}

}  // namespace concordat::keyservice

#include "keyservice/keyring/state/change.hpp"

#include "attest/base/cbor.hpp"
#include "attest/base/secret_access.hpp"
#include "keyservice/cbor_items.hpp"
#include "keyservice/keyring/state/errc.hpp"
#include "keyservice/keyring/state/limits.hpp"
#include "keyservice/keyring/state/secret_writer.hpp"
#include "keyservice/limits.hpp"
#include "policy/limits.hpp"

namespace concordat::keyservice {
namespace {

using base::Error;
using base::Result;
using base::SecretBytes;
using base::cbor::Reader;
using base::cbor::Writer;

enum class ChangeKind : std::uint8_t {
  create = 1,
  version,
  state,
  minimum,
  uses,
  take_over,
  implicit,
  adopt,
  log,
  run,
};

SecretBytes finished(const Writer& head, const SecretBytes* material) {
  SecretWriter out(head.view().size() + (material != nullptr ? material->size() : 0));
  out.add(head.view());
  if (material != nullptr) out.add(*material);
  return out.take();
}

// Origin, generation, and the head of the material, which comes last.
void write_version(Writer& out, const NewVersion& version) {
  out.uint(number(version.origin)).uint(version.root_generation);
  out.bytes_head(version.material.size());
}

SecretBytes encode_one(const CreateKey& change) {
  Writer out;
  out.array(8).uint(number(ChangeKind::create)).text(change.name).uint(number(change.type));
  out.boolean(change.exportable).integer(change.at.value);
  write_version(out, change.first);
  return finished(out, &change.first.material);
}
SecretBytes encode_one(const AddVersion& change) {
  Writer out;
  out.array(8).uint(number(ChangeKind::version)).text(change.name).uint(change.adopted);
  out.uint(change.version).integer(change.at.value);
  write_version(out, change.made);
  return finished(out, &change.made.material);
}
SecretBytes encode_one(const SetState& change) {
  Writer out;
  out.array(5).uint(number(ChangeKind::state)).text(change.name).uint(change.adopted);
  out.uint(change.version).uint(number(change.state));
  return finished(out, nullptr);
}
SecretBytes encode_one(const SetMinimum& change) {
  Writer out;
  out.array(4).uint(number(ChangeKind::minimum)).text(change.name).uint(change.adopted);
  out.uint(change.minimum);
  return finished(out, nullptr);
}
SecretBytes encode_one(const ReserveUses& change) {
  Writer out;
  out.array(4).uint(number(ChangeKind::uses)).bytes(change.grant.view());
  out.uint(change.from).uint(change.to);
  return finished(out, nullptr);
}

SecretBytes encode_one(const TakeOver& change) {
  Writer out;
  out.array(3).uint(number(ChangeKind::take_over)).uint(change.generation).uint(change.implicit);
  return finished(out, nullptr);
}
SecretBytes encode_one(const MoveImplicit& change) {
  Writer out;
  out.array(3).uint(number(ChangeKind::implicit)).uint(change.from).uint(change.to);
  return finished(out, nullptr);
}
SecretBytes encode_one(const AdoptKey& change) {
  Writer out;
  out.array(3).uint(number(ChangeKind::adopt)).text(change.name).uint(change.generation);
  return finished(out, nullptr);
}

SecretBytes encode_one(const CountRun& change) {
  Writer out;
  out.array(5).uint(number(ChangeKind::run)).text(change.run.role).bytes(change.run.input.view());
  out.uint(change.number).bytes(change.run.run.view());
  return finished(out, nullptr);
}

SecretBytes encode_one(const HandOverLog& change) {
  Writer out;
  out.array(1 + kLogItems).uint(number(ChangeKind::log));
  write_log(out, change);
  return finished(out, nullptr);
}

Result<std::string> read_name(Reader& reader) {
  CONCORDAT_TRY(const std::string_view name, reader.read_text(kMaxKeyName));
  return std::string(name);
}

Result<NewVersion> read_version(Reader& reader) {
  NewVersion out;
  CONCORDAT_TRY(out.origin, read_enum(reader, KeyOrigin::imported));
  CONCORDAT_TRY(out.root_generation, read_uint32(reader));
  CONCORDAT_TRY(out.material, read_secret(reader, kMaxMaterial));
  return out;
}

Result<Change> read_create(Reader& reader) {
  CreateKey out;
  CONCORDAT_TRY(out.name, read_name(reader));
  CONCORDAT_TRY(out.type, read_enum(reader, KeyType::hmac));
  CONCORDAT_TRY(out.exportable, reader.read_bool());
  CONCORDAT_TRY(out.at, read_time(reader));
  CONCORDAT_TRY(out.first, read_version(reader));
  return Change(std::move(out));
}
Result<Change> read_add(Reader& reader) {
  AddVersion out;
  CONCORDAT_TRY(out.name, read_name(reader));
  CONCORDAT_TRY(out.adopted, read_uint32(reader));
  CONCORDAT_TRY(out.version, read_uint32(reader));
  CONCORDAT_TRY(out.at, read_time(reader));
  CONCORDAT_TRY(out.made, read_version(reader));
  return Change(std::move(out));
}
Result<Change> read_state(Reader& reader) {
  SetState out;
  CONCORDAT_TRY(out.name, read_name(reader));
  CONCORDAT_TRY(out.adopted, read_uint32(reader));
  CONCORDAT_TRY(out.version, read_uint32(reader));
  CONCORDAT_TRY(out.state, read_enum(reader, VersionState::destroyed));
  return Change(std::move(out));
}
Result<Change> read_minimum(Reader& reader) {
  SetMinimum out;
  CONCORDAT_TRY(out.name, read_name(reader));
  CONCORDAT_TRY(out.adopted, read_uint32(reader));
  CONCORDAT_TRY(out.minimum, read_uint32(reader));
  return Change(std::move(out));
}
Result<Change> read_uses(Reader& reader) {
  ReserveUses out;
  CONCORDAT_TRY(out.grant, read_grant(reader));
  CONCORDAT_TRY(out.from, reader.read_uint());
  CONCORDAT_TRY(out.to, reader.read_uint());
  return Change(std::move(out));
}

Result<Change> read_take_over(Reader& reader) {
  TakeOver out;
  CONCORDAT_TRY(out.generation, read_uint32(reader));
  CONCORDAT_TRY(out.implicit, read_uint32(reader));
  return Change(out);
}
Result<Change> read_implicit(Reader& reader) {
  MoveImplicit out;
  CONCORDAT_TRY(out.from, read_uint32(reader));
  CONCORDAT_TRY(out.to, read_uint32(reader));
  return Change(out);
}
Result<Change> read_adopt(Reader& reader) {
  AdoptKey out;
  CONCORDAT_TRY(out.name, read_name(reader));
  CONCORDAT_TRY(out.generation, read_uint32(reader));
  return Change(std::move(out));
}

Result<Change> read_run(Reader& reader) {
  CountRun out;
  CONCORDAT_TRY(const std::string_view role, reader.read_text(policy::limits::kNameLength));
  out.run.role = role;
  CONCORDAT_TRY(out.run.input, read_fixed<CountedInput>(reader));
  CONCORDAT_TRY(out.number, reader.read_uint());
  CONCORDAT_TRY(out.run.run, read_fixed<CountedRun>(reader));
  return Change(std::move(out));
}

Result<Change> read_log_change(Reader& reader) {
  CONCORDAT_TRY(HandOverLog out, read_log(reader));
  return Change(std::move(out));
}

Result<Change> read_change(Reader& reader) {
  CONCORDAT_TRY(const std::size_t items, reader.read_array(8));
  CONCORDAT_TRY(const ChangeKind kind, read_enum(reader, ChangeKind::run));
  const auto read = [&]() -> Result<Change> {
    if (kind == ChangeKind::create && items == 8) return read_create(reader);
    if (kind == ChangeKind::version && items == 8) return read_add(reader);
    if (kind == ChangeKind::state && items == 5) return read_state(reader);
    if (kind == ChangeKind::minimum && items == 4) return read_minimum(reader);
    if (kind == ChangeKind::uses && items == 4) return read_uses(reader);
    if (kind == ChangeKind::take_over && items == 3) return read_take_over(reader);
    if (kind == ChangeKind::implicit && items == 3) return read_implicit(reader);
    if (kind == ChangeKind::adopt && items == 3) return read_adopt(reader);
    if (kind == ChangeKind::log && items == 1 + kLogItems) return read_log_change(reader);
    if (kind == ChangeKind::run && items == 5) return read_run(reader);
    return Error(base::cbor::Errc::malformed, std::to_string(items) + " items");
  };
  CONCORDAT_TRY(Change change, read());
  CONCORDAT_CHECK(reader.finish());
  return change;
}

}  // namespace

void write_log(Writer& out, const HandOverLog& log) {
  out.text(log.origin).uint(log.generation).uint(log.size).bytes(log.root.view());
}

Result<HandOverLog> read_log(Reader& reader) {
  HandOverLog out;
  CONCORDAT_TRY(const std::string_view origin, reader.read_text(kMaxLogOrigin));
  out.origin = origin;
  CONCORDAT_TRY(out.generation, read_uint32(reader));
  CONCORDAT_TRY(out.size, reader.read_uint());
  CONCORDAT_TRY(out.root, read_fixed<base::Sha256Digest>(reader));
  return out;
}

SecretBytes encode(const Change& change) {
  return std::visit([](const auto& one) { return encode_one(one); }, change);
}

Result<Change> decode_change(const SecretBytes& content) {
  Reader reader(content.expose(base::SecretAccess{}));
  auto change = read_change(reader);
  if (!change) return Error(KeyStateErrc::malformed_change, change.error().to_string());
  return change;
}

}  // namespace concordat::keyservice

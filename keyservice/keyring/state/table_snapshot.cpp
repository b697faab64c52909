#include "keyservice/keyring/state/table_snapshot.hpp"

#include "attest/base/cbor.hpp"
#include "attest/base/secret_access.hpp"
#include "keyservice/cbor_items.hpp"
#include "keyservice/journal/limits.hpp"
#include "keyservice/keyring/state/errc.hpp"
#include "keyservice/keyring/state/limits.hpp"
#include "keyservice/keyring/state/secret_writer.hpp"
#include "keyservice/limits.hpp"
#include "policy/limits.hpp"

namespace concordat::keyservice {
namespace {

using base::Error;
using base::SecretBytes;
using base::Status;
using base::cbor::Reader;
using base::cbor::Writer;

enum class ItemKind : std::uint8_t { key = 1, version, uses, implicit, log, run };

class Pieces {
 public:
  void add(const Writer& head, const SecretBytes* material = nullptr) {
    const std::size_t size = head.view().size() + (material != nullptr ? material->size() : 0);
    if (size > writer_.room()) cut();
    writer_.add(head.view());
    if (material != nullptr) writer_.add(*material);
  }
  [[nodiscard]] std::vector<SecretBytes> take() {
    if (writer_.size() != 0) cut();
    return std::move(pieces_);
  }

 private:
  void cut() { pieces_.push_back(writer_.take()); }

  SecretWriter writer_{journal::kMaxContent};
  std::vector<SecretBytes> pieces_;
};

void save(const KeyRecord& record, Pieces& pieces) {
  const Key& key = record.key;
  Writer head;
  head.array(7).uint(number(ItemKind::key)).text(key.name).uint(number(key.type));
  head.boolean(key.exportable).uint(number(record.state)).uint(key.minimum_version);
  head.uint(key.versions.size());
  pieces.add(head);
  for (const KeyVersion& version : key.versions) {
    Writer out;
    out.array(6).uint(number(ItemKind::version)).uint(number(version.state));
    out.uint(number(version.origin)).integer(version.created.value);
    out.uint(version.root_generation).bytes_head(version.material.size());
    pieces.add(out, &version.material);
  }
}

void save_runs(const std::string& role, const CountedInput& input, const std::set<CountedRun>& runs,
               Pieces& pieces) {
  for (const CountedRun& run : runs) {
    Writer out;
    out.array(4).uint(number(ItemKind::run)).text(role).bytes(input.view()).bytes(run.view());
    pieces.add(out);
  }
}

Status malformed(std::string_view what) {
  return Error(KeyStateErrc::malformed_state, std::string(what));
}

}  // namespace

std::vector<SecretBytes> KeyTable::save() const {
  Pieces pieces;
  for (const auto& [name, record] : records_)
    keyservice::save(record, pieces);
  for (const auto& [grant, reserved] : uses_) {
    Writer out;
    out.array(3).uint(number(ItemKind::uses)).bytes(grant.view()).uint(reserved);
    pieces.add(out);
  }
  for (const auto& [origin, log] : logs_) {
    Writer out;
    out.array(1 + kLogItems).uint(number(ItemKind::log));
    write_log(out, log);
    pieces.add(out);
  }
  for (const auto& [role, of_role] : runs_.roles()) {
    for (const auto& [input, runs] : of_role.inputs)
      save_runs(role, input, runs, pieces);
  }
  Writer out;
  out.array(2).uint(number(ItemKind::implicit)).uint(implicit_);
  pieces.add(out);
  return pieces.take();
}

Status TableLoader::load(const SecretBytes& piece) {
  const base::BytesView bytes = piece.expose(base::SecretAccess{});
  Reader reader(bytes);
  while (reader.offset() < bytes.size()) {
    if (const Status read = read_item(reader); !read) {
      return read.error().is(KeyStateErrc::malformed_state) ? read
                                                            : malformed(read.error().to_string());
    }
  }
  return {};
}

Status TableLoader::read_item(Reader& reader) {
  CONCORDAT_TRY(const std::size_t items, reader.read_array(7));
  CONCORDAT_TRY(const ItemKind kind, read_enum(reader, ItemKind::run));
  if (kind == ItemKind::version && items == 6) return read_version(reader);
  if (versions_left_ != 0) return malformed("a key lacks versions");
  if (is_whole_) return malformed("an item behind the last one");
  if (kind == ItemKind::key && items == 7) return read_key(reader);
  if (kind == ItemKind::uses && items == 3) return read_uses(reader);
  if (kind == ItemKind::log && items == 1 + kLogItems) return read_handed_log(reader);
  if (kind == ItemKind::run && items == 4) return read_run(reader);
  if (kind == ItemKind::implicit && items == 2) return read_implicit(reader);
  return malformed("an item of " + std::to_string(items));
}

Status TableLoader::read_key(Reader& reader) {
  KeyRecord record;
  CONCORDAT_TRY(const std::string_view name, reader.read_text(kMaxKeyName));
  record.key.name = name;
  CONCORDAT_TRY(record.key.type, read_enum(reader, KeyType::hmac));
  CONCORDAT_TRY(record.key.exportable, reader.read_bool());
  CONCORDAT_TRY(record.state, read_enum(reader, VersionState::destroyed));
  CONCORDAT_TRY(record.key.minimum_version, read_uint32(reader));
  CONCORDAT_TRY(versions_left_, read_uint32(reader));
  if (versions_left_ == 0 || versions_left_ > table_.limits_.versions ||
      record.key.minimum_version == 0 || record.key.minimum_version > versions_left_) {
    return malformed("a key's versions");
  }
  auto& records = table_.records_;
  if (!table_.uses_.empty() || !table_.logs_.empty() || !table_.runs_.empty() ||
      records.size() >= table_.limits_.keys ||
      (!records.empty() && records.rbegin()->first >= name)) {
    return malformed("keys do not ascend, or are too many");
  }
  record.key.versions.reserve(std::min(versions_left_, std::uint32_t{16}));
  key_ = &records.emplace_hint(records.end(), name, std::move(record))->second;
  return {};
}

Status TableLoader::read_version(Reader& reader) {
  if (versions_left_ == 0) return malformed("a version without a key");
  KeyVersion version;
  version.version = static_cast<std::uint32_t>(key_->key.versions.size()) + 1;
  CONCORDAT_TRY(version.state, read_enum(reader, VersionState::destroyed));
  CONCORDAT_TRY(version.origin, read_enum(reader, KeyOrigin::imported));
  CONCORDAT_TRY(version.created, read_time(reader));
  CONCORDAT_TRY(version.root_generation, read_uint32(reader));
  CONCORDAT_TRY(version.material, read_secret(reader, kMaxMaterial));
  key_->key.versions.push_back(std::move(version));
  --versions_left_;
  return {};
}

Status TableLoader::read_uses(Reader& reader) {
  CONCORDAT_TRY(const GrantIdentity grant, read_grant(reader));
  CONCORDAT_TRY(const std::uint64_t reserved, reader.read_uint());
  if (reserved == 0) return malformed("a counter that counted nothing");
  auto& uses = table_.uses_;
  if (!table_.logs_.empty() || !table_.runs_.empty() ||
      uses.size() >= table_.limits_.counted_grants ||
      (!uses.empty() && uses.rbegin()->first >= grant)) {
    return malformed("counters do not ascend, or are too many");
  }
  uses.emplace_hint(uses.end(), grant, reserved);
  return {};
}

Status TableLoader::read_handed_log(Reader& reader) {
  CONCORDAT_TRY(HandOverLog log, read_log(reader));
  auto& logs = table_.logs_;
  if (const Status taken = table_.check_one(log);
      !taken || !table_.runs_.empty() || (!logs.empty() && logs.rbegin()->first >= log.origin)) {
    return malformed("audit logs do not ascend, or are too many");
  }
  std::string origin = log.origin;
  logs.emplace_hint(logs.end(), std::move(origin), std::move(log));
  return {};
}

Status TableLoader::read_run(Reader& reader) {
  RunOfInput run;
  CONCORDAT_TRY(const std::string_view role, reader.read_text(policy::limits::kNameLength));
  run.role = role;
  CONCORDAT_TRY(run.input, read_fixed<CountedInput>(reader));
  CONCORDAT_TRY(run.run, read_fixed<CountedRun>(reader));
  auto& runs = table_.runs_;
  const bool ascends = runs.empty() || last_run_ < std::tie(run.role, run.input, run.run);
  if (!ascends || !runs.check(run, runs.runs_of(run.role, run.input) + 1)) {
    return malformed("runs do not ascend, or are too many");
  }
  last_run_ = std::tie(run.role, run.input, run.run);
  runs.add(run);
  return {};
}

Status TableLoader::read_implicit(Reader& reader) {
  CONCORDAT_TRY(table_.implicit_, read_uint32(reader));
  is_whole_ = table_.implicit_ != 0;
  return is_whole_ ? Status() : malformed("no generation");
}

base::Result<KeyTable> TableLoader::finish() {
  if (!is_whole_) return Error(KeyStateErrc::malformed_state, "the last item is lacking");
  key_ = nullptr;
  return std::move(table_);
}

}  // namespace concordat::keyservice

#include "keyservice/keyring/state/key_table.hpp"

#include <algorithm>

#include "keyservice/keyring/state/errc.hpp"
#include "policy/finding.hpp"
#include "policy/key_pattern.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;
using base::Status;

namespace {

std::string of_version(std::string_view name, std::uint32_t version) {
  return policy::quote(name) + " version " + std::to_string(version);
}

// What a name without a record stands for.
KeyRecord implicit_key(const std::string& name, std::uint32_t generation) {
  KeyRecord out;
  out.key.name = name;
  out.key.exportable = true;
  out.key.versions.push_back({1, VersionState::enabled, KeyOrigin::derived, {}, generation, {}});
  return out;
}

KeyVersion make_version(std::uint32_t version, base::UnixMillis at, NewVersion&& made) {
  return {version, VersionState::enabled, made.origin,
          at,      made.root_generation,  std::move(made.material)};
}

bool is_size_of(KeyType type, std::size_t size) {
  switch (type) {
    case KeyType::derived:
      return size == 0;
    case KeyType::p384:
      return size == 48;
    case KeyType::hmac:
      return size >= 32 && size <= 64;
    case KeyType::ed25519:
    case KeyType::p256:
    case KeyType::x25519:
    case KeyType::aes256:
      return size == 32;
  }
  return false;
}

Status check_version(std::string_view name, KeyType type, const NewVersion& made) {
  const bool is_derived = type == KeyType::derived;
  if (is_derived != (made.origin == KeyOrigin::derived) ||
      is_derived != (made.root_generation != 0) || !is_size_of(type, made.material.size())) {
    return Error(KeyStateErrc::material_differs,
                 policy::quote(name) + ": " + std::to_string(made.material.size()) + " bytes");
  }
  return {};
}

Status check_derivation(const NewVersion& made, std::uint32_t sealing) {
  if (made.root_generation == 0 || made.root_generation == sealing) return {};
  return Error(KeyStateErrc::generation_differs, "generation " + std::to_string(sealing) +
                                                     " seals, and what is derived comes from " +
                                                     std::to_string(made.root_generation));
}

// What a change says of root generations agrees with how its entry is sealed: nothing but the entry
// that says so lets another generation in, and that one says it where no other entry could.
Status check_generations(const Change& change, const journal::SealedUnder& sealed) {
  const auto* const taken = std::get_if<TakeOver>(&change);
  const bool takes_over = sealed.generation > sealed.before;
  if (taken != nullptr ? !takes_over || taken->generation != sealed.generation
                       : takes_over && sealed.before != 0) {
    return Error(KeyStateErrc::generation_differs,
                 "generation " + std::to_string(sealed.generation) + " seals, behind " +
                     std::to_string(sealed.before) + ", and another one takes over, or none");
  }
  const auto* const moved = std::get_if<MoveImplicit>(&change);
  if (moved != nullptr && moved->to != sealed.generation) {
    return Error(KeyStateErrc::generation_differs,
                 "names without a record go to generation " + std::to_string(sealed.generation) +
                     ", which seals, not to " + std::to_string(moved->to));
  }
  const auto* const created = std::get_if<CreateKey>(&change);
  if (created != nullptr) return check_derivation(created->first, sealed.generation);
  const auto* const added = std::get_if<AddVersion>(&change);
  return added != nullptr ? check_derivation(added->made, sealed.generation) : Status();
}

void destroy(KeyVersion& version) noexcept {
  version.state = VersionState::destroyed;
  version.material.wipe();
}

UsableVersion usable(const Key& key, const KeyVersion& version) {
  return {key.type,
          key.exportable,
          version.version,
          version.origin,
          version.root_generation,
          version.material.empty() ? nullptr : &version.material};
}

Status check_usable(const KeyRecord& record) {
  if (record.state == VersionState::destroyed) {
    return Error(KeyStateErrc::key_destroyed, policy::quote(record.key.name));
  }
  if (record.state == VersionState::disabled) {
    return Error(KeyStateErrc::key_disabled, policy::quote(record.key.name));
  }
  return {};
}

Result<UsableVersion> use(const KeyRecord& record, const KeyVersion& version) {
  CONCORDAT_CHECK(check_usable(record));
  const std::string what = of_version(record.key.name, version.version);
  if (version.state == VersionState::destroyed) return Error(KeyStateErrc::version_destroyed, what);
  if (version.state == VersionState::disabled) return Error(KeyStateErrc::version_disabled, what);
  return usable(record.key, version);
}

UsableVersion implicit_version(std::uint32_t generation) {
  return {KeyType::derived, true, 1, KeyOrigin::derived, generation, nullptr};
}

KeySummary summary_of(const KeyRecord& record) {
  const Key& key = record.key;
  return {key.name,
          key.type,
          key.exportable,
          record.state,
          key.minimum_version,
          key.versions.back().version,
          key.versions.back().created};
}

}  // namespace

Status KeyTable::check(const Change& change, const journal::SealedUnder& sealed) const {
  CONCORDAT_CHECK(check_generations(change, sealed));
  CONCORDAT_CHECK(check_newer_log(change, sealed.generation));
  return std::visit([this](const auto& one) { return check_one(one); }, change);
}

Status KeyTable::apply(Change change, const journal::SealedUnder& sealed) {
  CONCORDAT_CHECK(check(change, sealed));
  std::visit([this](auto&& one) { apply_one(std::move(one)); }, std::move(change));
  return {};
}

const KeyRecord* KeyTable::find(std::string_view name) const {
  const auto found = records_.find(name);
  return found == records_.end() ? nullptr : &found->second;
}

Result<KeyTable::Subject> KeyTable::subject(const std::string& name, std::uint32_t adopted) const {
  CONCORDAT_CHECK(policy::check_key_name(name));
  const KeyRecord* record = find(name);
  if (record == nullptr && adopted == 0) {
    return Error(KeyStateErrc::key_unknown, policy::quote(name));
  }
  if (record == nullptr) {
    // Decided before implicit names moved to another generation: its bytes would be others.
    if (adopted != implicit_) {
      return Error(KeyStateErrc::generation_differs,
                   "names without a record are of generation " + std::to_string(implicit_));
    }
    if (records_.size() >= limits_.keys) return Error(KeyStateErrc::too_many, "keys");
    return Subject{};
  }
  if (adopted != 0) return Error(KeyStateErrc::key_exists, policy::quote(name));
  if (record->state == VersionState::destroyed) {
    return Error(KeyStateErrc::key_destroyed, policy::quote(name));
  }
  return Subject{record, record->key.type, record->key.versions.back().version};
}

Status KeyTable::check_one(const CreateKey& change) const {
  CONCORDAT_CHECK(policy::check_key_name(change.name));
  if (const KeyRecord* record = find(change.name)) {
    return Error(record->state == VersionState::destroyed ? KeyStateErrc::key_destroyed
                                                          : KeyStateErrc::key_exists,
                 policy::quote(change.name));
  }
  if (records_.size() >= limits_.keys) return Error(KeyStateErrc::too_many, "keys");
  return check_version(change.name, change.type, change.first);
}

Status KeyTable::check_one(const AddVersion& change) const {
  CONCORDAT_TRY(const Subject key, subject(change.name, change.adopted));
  if (key.record != nullptr) CONCORDAT_CHECK(check_usable(*key.record));
  if (change.version != key.newest + 1) {
    return Error(KeyStateErrc::version_differs,
                 "the newest is " + of_version(change.name, key.newest));
  }
  if (change.version > limits_.versions) return Error(KeyStateErrc::too_many, "versions");
  return check_version(change.name, key.type, change.made);
}

Status KeyTable::check_one(const SetState& change) const {
  CONCORDAT_TRY(const Subject key, subject(change.name, change.adopted));
  if (change.version > key.newest) {
    return Error(KeyStateErrc::version_unknown, of_version(change.name, change.version));
  }
  if (change.version != 0 && key.record != nullptr &&
      key.record->key.versions[change.version - 1].state == VersionState::destroyed) {
    return Error(KeyStateErrc::version_destroyed, of_version(change.name, change.version));
  }
  return {};
}

Status KeyTable::check_one(const SetMinimum& change) const {
  CONCORDAT_TRY(const Subject key, subject(change.name, change.adopted));
  if (change.minimum == 0 || change.minimum > key.newest) {
    return Error(KeyStateErrc::version_unknown, of_version(change.name, change.minimum));
  }
  return {};
}

Status KeyTable::check_one(const TakeOver& change) const {
  if (change.implicit == implicit_) return {};
  return Error(KeyStateErrc::generation_differs, "names without a record stand for generation " +
                                                     std::to_string(implicit_) + ", not " +
                                                     std::to_string(change.implicit));
}

Status KeyTable::check_one(const MoveImplicit& change) const {
  if (change.from == implicit_ && change.from < change.to) return {};
  return Error(KeyStateErrc::generation_differs,
               "names without a record stand for generation " + std::to_string(implicit_));
}

Status KeyTable::check_one(const AdoptKey& change) const {
  if (change.generation != implicit_) {
    return Error(KeyStateErrc::generation_differs,
                 "names without a record are of generation " + std::to_string(implicit_));
  }
  CONCORDAT_TRY([[maybe_unused]] const Subject key, subject(change.name, change.generation));
  return {};
}

Status KeyTable::check_one(const HandOverLog& change) const {
  if (change.origin.empty() || change.origin.size() > kMaxLogOrigin || change.generation == 0) {
    return Error(KeyStateErrc::malformed_change, "no log, or no generation");
  }
  if (handed_log(change.origin) == nullptr && logs_.size() >= limits_.handed_logs) {
    return Error(KeyStateErrc::too_many, "audit logs");
  }
  return {};
}

// A log goes to newer keys, and forward. What was handed to a generation that nobody who seals here
// has taken over yet may come back: a policy that calls the older one current brought it back.
Status KeyTable::check_newer_log(const Change& change, std::uint32_t sealing) const {
  const auto* const next = std::get_if<HandOverLog>(&change);
  const HandOverLog* const last = next != nullptr ? handed_log(next->origin) : nullptr;
  if (last == nullptr || last->generation > sealing) return {};
  if (next->generation > last->generation && next->size >= last->size) return {};
  return Error(KeyStateErrc::log_handed_over, "to generation " + std::to_string(last->generation) +
                                                  ", at size " + std::to_string(last->size));
}

Status KeyTable::check_one(const ReserveUses& change) const {
  if (change.from != reserved_uses(change.grant) || change.to <= change.from) {
    return Error(KeyStateErrc::uses_differ, "reserved up to " +
                                                std::to_string(reserved_uses(change.grant)) +
                                                ", not " + std::to_string(change.from));
  }
  if (change.from == 0 && uses_.size() >= limits_.counted_grants) {
    return Error(KeyStateErrc::too_many, "counted grants");
  }
  return {};
}

Status KeyTable::check_one(const CountRun& change) const {
  return runs_.check(change.run, change.number);
}

// What may run out of memory comes first: nothing is half changed.
template <class Modification>
void KeyTable::modify(const std::string& name, std::uint32_t adopted, Modification modification) {
  if (adopted == 0) return modification(records_.find(name)->second);
  KeyRecord record = implicit_key(name, adopted);
  modification(record);
  records_.emplace(name, std::move(record));
}

void KeyTable::apply_one(CreateKey&& change) {
  KeyRecord record;
  record.key.name = change.name;
  record.key.type = change.type;
  record.key.exportable = change.exportable;
  record.key.versions.push_back(make_version(1, change.at, std::move(change.first)));
  records_.emplace(std::move(change.name), std::move(record));
}

void KeyTable::apply_one(AddVersion&& change) {
  modify(change.name, change.adopted, [&](KeyRecord& record) {
    record.key.versions.push_back(make_version(change.version, change.at, std::move(change.made)));
  });
}

void KeyTable::apply_one(SetState&& change) {
  modify(change.name, change.adopted, [&](KeyRecord& record) {
    const bool is_destroyed = change.state == VersionState::destroyed;
    if (change.version != 0) {
      KeyVersion& version = record.key.versions[change.version - 1];
      is_destroyed ? destroy(version) : void(version.state = change.state);
      return;
    }
    record.state = change.state;
    if (is_destroyed) std::ranges::for_each(record.key.versions, destroy);
  });
}

void KeyTable::apply_one(SetMinimum&& change) {
  modify(change.name, change.adopted,
         [&](KeyRecord& record) { record.key.minimum_version = change.minimum; });
}

void KeyTable::apply_one(ReserveUses&& change) {
  uses_[change.grant] = change.to;
}

void KeyTable::apply_one(CountRun&& change) {
  runs_.add(change.run);
}

void KeyTable::apply_one(TakeOver&& change) {
  implicit_ = change.implicit;
}

void KeyTable::apply_one(MoveImplicit&& change) {
  implicit_ = change.to;
}

void KeyTable::apply_one(AdoptKey&& change) {
  modify(change.name, change.generation, [](KeyRecord&) {});
}

void KeyTable::apply_one(HandOverLog&& change) {
  std::string origin = change.origin;
  logs_.insert_or_assign(std::move(origin), std::move(change));
}

const HandOverLog* KeyTable::handed_log(std::string_view origin) const {
  const auto found = logs_.find(origin);
  return found == logs_.end() ? nullptr : &found->second;
}

std::size_t KeyTable::versions_from(std::uint32_t generation) const {
  std::size_t count = 0;
  for (const auto& [name, record] : records_) {
    count += static_cast<std::size_t>(
        std::ranges::count_if(record.key.versions, [&](const KeyVersion& version) {
          return version.root_generation == generation && version.state != VersionState::destroyed;
        }));
  }
  return count;
}

Result<UsableVersion> KeyTable::for_making(std::string_view name) const {
  const KeyRecord* record = find(name);
  if (record == nullptr) return implicit_version(implicit_);
  return use(*record, record->key.versions.back());
}

Result<UsableVersion> KeyTable::for_reading(std::string_view name, std::uint32_t version) const {
  const KeyRecord* record = find(name);
  const std::size_t versions = record == nullptr ? 1 : record->key.versions.size();
  if (record != nullptr) CONCORDAT_CHECK(check_usable(*record));
  if (version == 0 || version > versions) {
    return Error(KeyStateErrc::version_unknown, of_version(name, version));
  }
  if (record == nullptr) return implicit_version(implicit_);
  if (version < record->key.minimum_version) {
    return Error(
        KeyStateErrc::version_below_minimum,
        of_version(name, version) + ", minimum " + std::to_string(record->key.minimum_version));
  }
  return use(*record, record->key.versions[version - 1]);
}

std::size_t KeyTable::count_with(std::string_view prefix) const {
  std::size_t count = 0;
  for (auto at = records_.lower_bound(prefix);
       at != records_.end() && at->first.starts_with(prefix); ++at) {
    if (at->second.state != VersionState::destroyed) ++count;
  }
  return count;
}

std::vector<KeySummary> KeyTable::list(std::string_view after, std::size_t max) const {
  std::vector<KeySummary> out;
  for (auto at = records_.upper_bound(after); at != records_.end() && out.size() < max; ++at)
    out.push_back(summary_of(at->second));
  return out;
}

VersionDescription description_of(const KeyVersion& version) {
  return {version.version, version.state, version.origin, version.created, version.root_generation};
}

Result<KeyDescription> KeyTable::describe(std::string_view name) const {
  const KeyRecord* record = find(name);
  if (record == nullptr) return Error(KeyStateErrc::key_unknown, policy::quote(name));
  KeyDescription out{summary_of(*record), {}};
  for (const KeyVersion& version : record->key.versions) {
    out.versions.push_back(description_of(version));
  }
  return out;
}

std::uint64_t KeyTable::reserved_uses(const GrantIdentity& grant) const {
  const auto found = uses_.find(grant);
  return found == uses_.end() ? 0 : found->second;
}

}  // namespace concordat::keyservice

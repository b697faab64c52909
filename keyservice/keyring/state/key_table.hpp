// The keyring's records and counters: what the changes so far make. Checks each change against what
// is there; no I/O, no clock.
//
//   key      enabled <-> disabled -> destroyed      a version: the same; usable when both are
//                                                   enabled and it is not below the minimum
//
// Destroyed is for good: the name stays, with its versions' numbers and without any material, and
// neither is ever used again. A name without a record is an implicit derived key of version 1; the
// first change of it makes it a record. Which root generation it comes from is the table's to say,
// whatever a policy pins: the realm's first one, until it is moved by a change of its own.
#pragma once

#include <map>

#include "keyservice/journal/fold.hpp"
#include "keyservice/keyring/state/change.hpp"
#include "keyservice/keyring/state/limits.hpp"
#include "policy/model.hpp"

namespace concordat::keyservice {

struct KeyRecord {
  Key key;
  VersionState state = VersionState::enabled;  // of the whole key
};

// One version of a key that may be used as it stands. Lives until the next change.
struct UsableVersion {
  KeyType type = KeyType::derived;
  bool exportable = false;
  std::uint32_t version = 0;
  KeyOrigin origin = KeyOrigin::derived;
  std::uint32_t root_generation = 0;            // of derived ones
  const base::SecretBytes* material = nullptr;  // of all others
};

// A key without its material, for people.
struct KeySummary {
  std::string name;
  KeyType type = KeyType::derived;
  bool exportable = false;
  VersionState state = VersionState::enabled;
  std::uint32_t minimum_version = 0;
  std::uint32_t newest_version = 0;
  base::UnixMillis created;  // the newest version
};
struct VersionDescription {
  std::uint32_t version = 0;
  VersionState state = VersionState::enabled;
  KeyOrigin origin = KeyOrigin::derived;
  base::UnixMillis created;  // 0: before there was a record of it
  std::uint32_t root_generation = 0;
};
[[nodiscard]] VersionDescription description_of(const KeyVersion& version);
struct KeyDescription {
  KeySummary summary;
  std::vector<VersionDescription> versions;
};

class KeyTable {
 public:
  using Records = std::map<std::string, KeyRecord, std::less<>>;

  KeyTable() = default;
  explicit KeyTable(const TableLimits& limits) : runs_(limits.runs_of_role), limits_(limits) {}

  // Whether `apply` would take it as the content of an entry that is sealed so. Codes of errc.hpp;
  // bad_key_name.
  [[nodiscard]] base::Status check(const Change& change, const journal::SealedUnder& sealed) const;
  // Unchanged by what it refuses, and by std::bad_alloc.
  [[nodiscard]] base::Status apply(Change change, const journal::SealedUnder& sealed);

  // The newest version, with which things are made. key_destroyed, key_disabled, version_destroyed,
  // version_disabled.
  [[nodiscard]] base::Result<UsableVersion> for_making(std::string_view name) const;
  // An older one too, down to the minimum: version_unknown, version_below_minimum besides.
  [[nodiscard]] base::Result<UsableVersion> for_reading(std::string_view name,
                                                        std::uint32_t version) const;

  // Null for a name without a record.
  [[nodiscard]] const KeyRecord* find(std::string_view name) const;
  [[nodiscard]] const Records& records() const noexcept { return records_; }
  // That begin so and are not destroyed.
  [[nodiscard]] std::size_t count_with(std::string_view prefix) const;
  // Up to `max` of the names behind `after`, ascending: a page of the list, tombstones included.
  [[nodiscard]] std::vector<KeySummary> list(std::string_view after, std::size_t max) const;
  // key_unknown.
  [[nodiscard]] base::Result<KeyDescription> describe(std::string_view name) const;

  // Up to which use of the grant reservations were made.
  [[nodiscard]] std::uint64_t reserved_uses(const GrantIdentity& grant) const;

  // Of sessions, by role and input.
  [[nodiscard]] const RunCounts& runs() const noexcept { return runs_; }

  // Whose derived keys names without a record stand for.
  [[nodiscard]] std::uint32_t implicit_generation() const noexcept { return implicit_; }
  // With what the audit log was handed to the newest log key that it has; null: it was not.
  [[nodiscard]] const HandOverLog* handed_log(std::string_view origin) const;
  // How many versions of derived keys come from `generation`, destroyed ones left out.
  [[nodiscard]] std::size_t versions_from(std::uint32_t generation) const;

  // As pieces of a snapshot (table_snapshot.hpp).
  [[nodiscard]] std::vector<base::SecretBytes> save() const;

 private:
  friend class TableLoader;
  using Uses = std::map<GrantIdentity, std::uint64_t>;

  [[nodiscard]] base::Status check_one(const CreateKey& change) const;
  [[nodiscard]] base::Status check_one(const AddVersion& change) const;
  [[nodiscard]] base::Status check_one(const SetState& change) const;
  [[nodiscard]] base::Status check_one(const SetMinimum& change) const;
  [[nodiscard]] base::Status check_one(const ReserveUses& change) const;
  [[nodiscard]] base::Status check_one(const TakeOver& change) const;
  [[nodiscard]] base::Status check_one(const MoveImplicit& change) const;
  [[nodiscard]] base::Status check_one(const AdoptKey& change) const;
  [[nodiscard]] base::Status check_one(const HandOverLog& change) const;
  [[nodiscard]] base::Status check_one(const CountRun& change) const;
  void apply_one(CreateKey&& change);
  void apply_one(AddVersion&& change);
  void apply_one(SetState&& change);
  void apply_one(SetMinimum&& change);
  void apply_one(ReserveUses&& change);
  void apply_one(TakeOver&& change);
  void apply_one(MoveImplicit&& change);
  void apply_one(AdoptKey&& change);
  void apply_one(HandOverLog&& change);
  [[nodiscard]] base::Status check_newer_log(const Change& change, std::uint32_t sealing) const;
  void apply_one(CountRun&& change);
  // What a change is of: a record, or the implicit key that is about to become one.
  struct Subject {
    const KeyRecord* record = nullptr;  // null: implicit
    KeyType type = KeyType::derived;
    std::uint32_t newest = 1;
  };
  [[nodiscard]] base::Result<Subject> subject(const std::string& name, std::uint32_t adopted) const;
  template <class Modification>
  void modify(const std::string& name, std::uint32_t adopted, Modification modification);

  Records records_;
  Uses uses_;
  std::map<std::string, HandOverLog, std::less<>> logs_;  // by origin
  RunCounts runs_{kMaxRunsOfRole};
  TableLimits limits_;
  std::uint32_t implicit_ = policy::kFirstRootGeneration;
};

}  // namespace concordat::keyservice

#include "keyservice/keyring/state/keyring.hpp"

#include "keyservice/journal/errc.hpp"
#include "keyservice/keyring/state/errc.hpp"
#include "policy/finding.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;
using base::SecretBytes;
using base::Status;

Keyring::Keyring(journal::Store& store, journal::Sealer sealer, std::uint64_t entries_per_snapshot)
    : journal_(store, fold_, std::move(sealer)),
      uses_(journal_, fold_.table()),
      entries_per_snapshot_(entries_per_snapshot) {}

Result<UsableVersion> Keyring::for_making(std::string_view name) const {
  if (!journal_.is_loaded()) return Error(journal::Errc::not_loaded);
  return keys().for_making(name);
}

Result<UsableVersion> Keyring::for_reading(std::string_view name, std::uint32_t version) const {
  if (!journal_.is_loaded()) return Error(journal::Errc::not_loaded);
  return keys().for_reading(name, version);
}

std::uint32_t Keyring::adopted(std::string_view name, bool implicit) const {
  return implicit && keys().find(name) == nullptr ? keys().implicit_generation() : 0;
}

Result<SecretBytes> Keyring::checked(const Change& change) const {
  return checked(change, journal_.next_sealed().generation);
}
Result<SecretBytes> Keyring::checked(const Change& change, std::uint32_t generation) const {
  CONCORDAT_CHECK(keys().check(change, {generation, journal_.next_sealed().before}));
  return encode(change);
}

void Keyring::derive_from_sealing(NewVersion& made) const {
  if (made.origin == KeyOrigin::derived) made.root_generation = journal_.generation();
}

// After a change, which is there even if there is no memory to say what it made.
Result<KeySummary> Keyring::summary_of(const std::string& name) const {
  try {
    auto description = keys().describe(name);
    if (!description) return description.error();
    return std::move(description->summary);
  } catch (const std::bad_alloc&) {
    return Error(journal::Errc::outcome_unknown);
  }
}

void Keyring::append(std::string name, Decide decide, OnKey done) {
  journal_.append(std::move(decide), [this, name = std::move(name),
                                      done = std::move(done)](Result<journal::Head> appended) {
    if (!appended) {
      Error why = std::move(appended).error();  // moved: to be told it needs no memory
      if (!why.is(KeyStateErrc::unchanged)) return done(std::move(why));
    }
    const auto alive = lifetime_.watch();
    done(summary_of(name));
    if (!alive.expired()) snapshot_if_due();
  });
}

void Keyring::create(CreateKey key, OnKey done) {
  create_unless(
      std::move(key), [] { return Status(); }, std::move(done));
}

void Keyring::create_once(CreateKey key, Quota quota, OnKey done) {
  const auto refused = [this, name = key.name, quota = std::move(quota)]() -> Status {
    if (keys().find(name) != nullptr) return Error(KeyStateErrc::unchanged);
    if (keys().count_with(quota.prefix) < quota.limit) return {};
    return Error(KeyStateErrc::too_many,
                 std::to_string(quota.limit) + " keys " + policy::quote(quota.prefix + "*"));
  };
  create_unless(std::move(key), refused, std::move(done));
}

void Keyring::create_unless(CreateKey key, std::function<Status()> refused, OnKey done) {
  std::string name = key.name;
  const auto change = std::make_shared<Change>(std::move(key));
  append(
      std::move(name),
      [this, change, refused = std::move(refused)]() -> Result<SecretBytes> {
        CONCORDAT_CHECK(refused());
        derive_from_sealing(std::get<CreateKey>(*change).first);
        return checked(*change);
      },
      std::move(done));
}

void Keyring::rotate(Rotation rotation, OnKey done) {
  std::string name = rotation.name;
  const bool implicit = rotation.implicit;
  // Shared because deciding may have to be done again; generations are decided each time.
  const auto change =
      std::make_shared<Change>(AddVersion{std::move(rotation.name), 0, rotation.newest_version + 1,
                                          rotation.at, std::move(rotation.made)});
  append(
      std::move(name),
      [this, change, implicit]() -> Result<SecretBytes> {
        auto& add = std::get<AddVersion>(*change);
        derive_from_sealing(add.made);
        add.adopted = adopted(add.name, implicit);
        return checked(*change);
      },
      std::move(done));
}

void Keyring::set_state(std::string name, std::uint32_t version, VersionState state, bool implicit,
                        OnKey done) {
  const auto decide = [this, name, version, state, implicit]() -> Result<SecretBytes> {
    if (const KeyRecord* record = keys().find(name)) {
      const auto& versions = record->key.versions;
      const bool is_so = version == 0
                             ? record->state == state
                             : version <= versions.size() && versions[version - 1].state == state;
      if (is_so) return Error(KeyStateErrc::unchanged);
    }
    return checked(SetState{name, adopted(name, implicit), version, state});
  };
  append(std::move(name), decide, std::move(done));
}

void Keyring::set_minimum(std::string name, std::uint32_t minimum, bool implicit, OnKey done) {
  const auto decide = [this, name, minimum, implicit]() -> Result<SecretBytes> {
    const KeyRecord* record = keys().find(name);
    if (record != nullptr && record->state != VersionState::destroyed &&
        record->key.minimum_version == minimum) {
      return Error(KeyStateErrc::unchanged);
    }
    return checked(SetMinimum{name, adopted(name, implicit), minimum});
  };
  append(std::move(name), decide, std::move(done));
}

// Of the whole keyring and of no key.
void Keyring::append_change(std::uint32_t generation, Decide decide, Done done) {
  journal_.append_under(generation, std::move(decide),
                        [this, done = std::move(done)](Result<journal::Head> appended) {
                          if (!appended && !appended.error().is(KeyStateErrc::unchanged)) {
                            return done(Status(std::move(appended).error()));
                          }
                          const auto alive = lifetime_.watch();
                          done({});
                          if (!alive.expired()) snapshot_if_due();
                        });
}

void Keyring::take_over(std::uint32_t generation, Done done) {
  const auto was_so = std::make_shared<bool>(false);
  const auto decide = [this, generation, was_so]() -> Result<SecretBytes> {
    const std::uint32_t sealing = journal_.generation();
    *was_so = sealing == generation;
    if (*was_so) return Error(KeyStateErrc::unchanged);
    if (sealing > generation) {
      return Error(journal::Errc::generation_passed,
                   std::to_string(sealing) + " has taken over from " + std::to_string(generation));
    }
    return checked(TakeOver{generation, keys().implicit_generation()}, generation);
  };
  append_change(generation, decide, [this, was_so, done = std::move(done)](Status taken) {
    if (!taken || !journal_.needs_older_generation()) return done(std::move(taken));
    write_snapshot([was_so, done](const Status& written) { done(*was_so ? written : Status()); });
  });
}

void Keyring::move_implicit(std::uint32_t generation, Done done) {
  const auto decide = [this, generation]() -> Result<SecretBytes> {
    const std::uint32_t from = keys().implicit_generation();
    if (from == generation && from == journal_.generation()) return Error(KeyStateErrc::unchanged);
    return checked(MoveImplicit{from, generation});
  };
  append_change(0, decide, std::move(done));
}

void Keyring::adopt(std::string name, OnKey done) {
  const std::uint32_t generation = keys().implicit_generation();
  const auto decide = [this, name, generation]() -> Result<SecretBytes> {
    const KeyRecord* record = keys().find(name);
    if (record != nullptr && record->state != VersionState::destroyed) {
      return Error(KeyStateErrc::unchanged);
    }
    return checked(AdoptKey{name, generation});
  };
  append(std::move(name), decide, std::move(done));
}

void Keyring::count_run(RunOfInput given, std::uint64_t limit, OnRun done) {
  const auto run = std::make_shared<const RunOfInput>(std::move(given));
  const auto decide = [this, run, limit]() -> Result<SecretBytes> {
    CONCORDAT_CHECK(keys().runs().judge(*run, limit));
    return checked(CountRun{*run, keys().runs().runs_of(run->role, run->input) + 1});
  };
  journal_.append(decide, [this, run, done = std::move(done)](Result<journal::Head> appended) {
    if (!appended && !appended.error().is(KeyStateErrc::unchanged)) {
      Error why = std::move(appended).error();
      if (why.is(KeyStateErrc::runs_used_up) || why.is(KeyStateErrc::too_many)) {
        return done(std::move(why));
      }
      return done(Error(KeyStateErrc::uses_not_recorded, why.to_string()));
    }
    const auto alive = lifetime_.watch();
    done(keys().runs().runs_of(run->role, run->input));
    if (!alive.expired()) snapshot_if_due();
  });
}

void Keyring::hand_over(HandOverLog log, Done done) {
  const auto decide = [this, log = std::move(log)]() -> Result<SecretBytes> {
    const HandOverLog* const there = keys().handed_log(log.origin);
    if (there != nullptr && *there == log) return Error(KeyStateErrc::unchanged);
    return checked(log);
  };
  append_change(0, decide, std::move(done));
}

void Keyring::write_snapshot(Done done) {
  if (journal_.is_writing_snapshot()) return done(Error(journal::Errc::snapshot_under_way));
  journal_.write_snapshot([this, done = std::move(done)](const Status& written) {
    last_snapshot_ = written;
    const bool is_written = written.has_value();
    const auto alive = lifetime_.watch();
    done(written);
    // What it holds may be of before a generation took over. One that failed waits for the next
    // change.
    if (!alive.expired() && is_written && journal_.needs_older_generation()) snapshot_if_due();
  });
}

void Keyring::snapshot_if_due() {
  if (journal_.is_writing_snapshot()) return;
  const bool is_due = journal_.needs_older_generation() ||
                      journal_.entries_since_snapshot() >= entries_per_snapshot_;
  if (!is_due) return;
  write_snapshot([](const Status&) {});
}

}  // namespace concordat::keyservice

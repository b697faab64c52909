// A custodian's keyring over the store in memory, with what tests ask of it in one line.
#pragma once

#include <gtest/gtest.h>

#include "attest/base/secret_access.hpp"
#include "keyservice/journal/errc.hpp"
#include "keyservice/keyring/state/errc.hpp"
#include "keyservice/keyring/state/keyring.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::test {

using base::Bytes;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using base::Status;
using base::UnixMillis;
using keyservice::KeyOrigin;
using keyservice::KeyStateErrc;
using keyservice::KeySummary;
using keyservice::KeyType;
using keyservice::NewVersion;
using keyservice::VersionState;
using Failure = MemoryStore::Failure;

inline constexpr std::uint32_t kGeneration = 1;

inline SecretBytes material_of(std::uint8_t byte, std::size_t size = 32) {
  Bytes bytes(size, byte);
  return SecretBytes::take(bytes);
}
inline NewVersion generated(std::uint8_t byte, std::size_t size = 32) {
  return {KeyOrigin::generated, 0, material_of(byte, size)};
}
inline NewVersion derived() {
  return {KeyOrigin::derived, kGeneration, {}};
}
inline keyservice::CreateKey new_key(std::string name, std::uint8_t byte) {
  return {std::move(name), KeyType::aes256, false, kNow, generated(byte)};
}
inline keyservice::RunOfInput run_of_input(std::uint8_t input, std::uint8_t run,
                                           std::string role = "payments") {
  keyservice::RunOfInput out{std::move(role), {}, {}};
  out.input.mutable_view()[0] = input;
  out.run.mutable_view()[0] = run;
  return out;
}

inline keyservice::HandOverLog handed_log(std::uint32_t generation, std::uint64_t size,
                                          std::string origin = "acme/audit/custodian") {
  return {std::move(origin), generation, size, base::Sha256Digest()};
}

// Of the first so many generations.
inline keyservice::journal::Keys test_journal_keys(std::uint32_t generations = 1) {
  keyservice::journal::Keys keys;
  keys.current = kGeneration;
  for (std::uint32_t generation = 1; generation <= generations; ++generation) {
    keys.by_generation.emplace(generation, material_of(static_cast<std::uint8_t>(4 + generation),
                                                       keyservice::journal::kJournalKeySize));
  }
  return keys;
}
inline keyservice::journal::Sealer test_sealer(base::RandomSource& random) {
  return {"acme", test_journal_keys(), random};
}

struct Custodian {
  explicit Custodian(MemoryStore::Shared& world, std::uint64_t entries_per_snapshot = 1000)
      : shared(world), store(world), keyring(store, test_sealer(random), entries_per_snapshot) {}

  Status load() {
    Status out = base::Error(keyservice::journal::Errc::not_loaded);
    keyring.load([&](const Status& status) { out = status; });
    shared.run();
    return out;
  }
  Status refresh() {
    Status out = base::Error(keyservice::journal::Errc::not_loaded);
    keyring.refresh([&](const Status& status) { out = status; });
    shared.run();
    return out;
  }
  Result<KeySummary> create(keyservice::CreateKey key) {
    return run([&](const auto& done) { keyring.create(std::move(key), done); });
  }
  Result<KeySummary> rotate(std::string name, std::uint32_t newest, NewVersion made,
                            bool implicit = false, UnixMillis at = kNow) {
    return run([&](const auto& done) {
      keyring.rotate({std::move(name), newest, at, std::move(made), implicit}, done);
    });
  }
  Result<KeySummary> set_state(std::string name, std::uint32_t version, VersionState state,
                               bool implicit = false) {
    return run([&](const auto& done) {
      keyring.set_state(std::move(name), version, state, implicit, done);
    });
  }
  Result<KeySummary> set_minimum(std::string name, std::uint32_t minimum, bool implicit = false) {
    return run(
        [&](const auto& done) { keyring.set_minimum(std::move(name), minimum, implicit, done); });
  }
  Status take_over(std::uint32_t generation) {
    Status out = base::Error(keyservice::journal::Errc::not_loaded);
    keyring.take_over(generation, [&](const Status& status) { out = status; });
    shared.run();
    return out;
  }
  Status move_implicit(std::uint32_t generation) {
    Status out = base::Error(keyservice::journal::Errc::not_loaded);
    keyring.move_implicit(generation, [&](const Status& status) { out = status; });
    shared.run();
    return out;
  }
  Status use(const policy::Grant& grant) {
    Status out = base::Error(keyservice::journal::Errc::not_loaded);
    count_use(grant, [&](const Status& status) { out = status; });
    shared.run();
    return out;
  }
  void count_use(const policy::Grant& grant, keyservice::UseLimits::Done done) {
    keyring.uses().use(keyservice::identity_of(grant), grant.use_limit.value(), std::move(done));
  }
  Result<std::uint64_t> count_run(keyservice::RunOfInput run, std::uint64_t limit) {
    Result<std::uint64_t> out = base::Error(keyservice::journal::Errc::not_loaded);
    keyring.count_run(std::move(run), limit, [&](Result<std::uint64_t> done) { out = done; });
    shared.run();
    return out;
  }
  template <class Command>
  Result<KeySummary> run(Command command) {
    Result<KeySummary> out = base::Error(keyservice::journal::Errc::not_loaded);
    command([&](Result<KeySummary> result) { out = std::move(result); });
    shared.run();
    return out;
  }

  MemoryStore::Shared& shared;
  base::SystemRandom random;
  MemoryStore store;
  keyservice::Keyring keyring;
};

// All that a table says, materials included, to compare two.
inline std::string contents(const keyservice::KeyTable& table) {
  std::string out;
  for (const SecretBytes& piece : table.save())
    out += base::to_hex(piece.expose(SecretAccess{})) + "\n";
  return out;
}

}  // namespace concordat::test

// A custody with a root and a loaded keyring over a store in memory that answers at once.
#pragma once

#include <stdexcept>

#include "keyservice/custody.hpp"
#include "keyservice/journal/errc.hpp"
#include "tests/support/memory_store.hpp"

namespace concordat::test {

struct LoadedCustody {
  explicit LoadedCustody(
      const std::string& realm = "acme", std::uint32_t generation = 1,
      base::SecretBytes root = base::SecretBytes::random(keyservice::kRootSize)) {
    store.answers_later = false;
    custody.take(keyservice::Root::create(generation, std::move(root)).value(), realm);
    base::Status loaded = base::Error(keyservice::journal::Errc::not_loaded);
    custody.load([&](const base::Status& status) { loaded = status; });
    if (!loaded) throw std::logic_error("the keyring in memory does not load");
  }

  MemoryStore::Shared shared;
  MemoryStore store{shared};
  base::SystemRandom random;
  keyservice::Custody custody{store, random};
};

}  // namespace concordat::test

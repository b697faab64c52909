// Custodians with one store between them, whose state is the list of what was ever said.
#pragma once

#include <gtest/gtest.h>

#include <set>

#include "attest/base/secret_access.hpp"
#include "keyservice/journal/errc.hpp"
#include "keyservice/journal/journal.hpp"
#include "tests/support/memory_store.hpp"

namespace concordat::test {

using base::Bytes;
using base::BytesView;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using base::Status;
using keyservice::journal::Errc;
using keyservice::journal::Head;
using keyservice::journal::Journal;
using keyservice::journal::Keys;
using keyservice::journal::Sealer;
using Failure = MemoryStore::Failure;

inline SecretBytes secret_of(std::string_view text) {
  Bytes bytes = base::to_bytes(base::as_bytes(text));
  return SecretBytes::take(bytes);
}
inline std::string text_of(const SecretBytes& secret) {
  return std::string(base::as_text(secret.expose(SecretAccess{})));
}

class SayingsFold final : public keyservice::journal::Fold {
 public:
  Status apply(const SecretBytes& content, const keyservice::journal::SealedUnder&) override {
    const std::string text = text_of(content);
    if (text == "nonsense") return base::Error(Errc::malformed_record, "nonsense");
    said.push_back(text);
    return {};
  }
  // One piece each, behind one that is there in any case.
  std::vector<SecretBytes> save() const override {
    std::vector<SecretBytes> out;
    out.push_back(secret_of("said"));
    for (const std::string& text : said)
      out.push_back(secret_of(text));
    return out;
  }
  void begin_load() override { loading_.clear(); }
  Status load(const SecretBytes& piece) override {
    loading_.push_back(text_of(piece));
    return {};
  }
  Status commit_load() override {
    said.clear();
    if (loading_.empty()) return {};
    if (loading_[0] != "said") return base::Error(Errc::malformed_record);
    said.assign(loading_.begin() + 1, loading_.end());
    return {};
  }
  void clear() noexcept override { said.clear(); }

  std::vector<std::string> said;

 private:
  std::vector<std::string> loading_;
};

inline constexpr std::string_view kRealm = "acme";

// The same bytes for a generation each time, so that custodians agree.
inline Keys test_keys(std::vector<std::uint32_t> generations, std::uint8_t of_root = 0) {
  Keys out;
  out.current = generations.back();
  for (const std::uint32_t generation : generations) {
    Bytes key(keyservice::journal::kJournalKeySize,
              static_cast<std::uint8_t>(generation + of_root));
    out.by_generation.emplace(generation, SecretBytes::take(key));
  }
  return out;
}

struct Sayer {
  explicit Sayer(MemoryStore::Shared& world, Keys keys = test_keys({1}),
                 std::string_view realm = kRealm)
      : shared(world),
        store(world),
        journal(store, fold, Sealer(std::string(realm), std::move(keys), random)) {}

  Status load() {
    Status out = base::Error(Errc::not_loaded, "never answered");
    journal.load([&](const Status& status) { out = status; });
    shared.run();
    return out;
  }
  Status refresh() {
    Status out = base::Error(Errc::not_loaded, "never answered");
    journal.refresh([&](const Status& status) { out = status; });
    shared.run();
    return out;
  }
  // Under the generation that seals, or as the first entry of another.
  Result<Head> say(const std::string& text, std::uint32_t generation = 0) {
    Result<Head> out = base::Error(Errc::not_loaded, "never answered");
    journal.append_under(
        generation, [text] { return secret_of(text); }, [&](Result<Head> head) { out = head; });
    shared.run();
    return out;
  }
  Status snapshot() {
    Status out = base::Error(Errc::not_loaded, "never answered");
    journal.write_snapshot([&](const Status& status) { out = status; });
    shared.run();
    return out;
  }

  MemoryStore::Shared& shared;
  base::SystemRandom random;
  MemoryStore store;
  SayingsFold fold;
  Journal journal;
};

// What somebody who comes now reads.
inline Result<std::vector<std::string>> read_back(MemoryStore::Shared& world,
                                                  Keys keys = test_keys({1})) {
  Sayer reader(world, std::move(keys));
  if (const Status loaded = reader.load(); !loaded) return loaded.error();
  return reader.fold.said;
}

inline std::string entry_at(std::uint64_t position) {
  return keyservice::journal::entry_name(position);
}

}  // namespace concordat::test

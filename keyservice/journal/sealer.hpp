// Seals what is written and opens what is read, each in its place.
//
//   journal key = HKDF-Expand(prk of the root, "concordat/journal-key/1", 48)      (Root, SHA-384)
//   key         = HKDF-Expand(journal key, CBOR ["concordat/journal/1", salt], 32)
//   box         = AES-256-GCM(key, nonce = 0, content, associated)
//   associated  = CBOR ["concordat/journal/1", kind, name, realm, generation, position, link,
//   index,
//                       count]
//
// The salt is 32 fresh random bytes, so that a key seals one record and its nonce may be fixed:
// nothing that a store could roll back decides a nonce.
#pragma once

#include <map>

#include "attest/base/random.hpp"
#include "attest/base/secret.hpp"
#include "keyservice/journal/record.hpp"

namespace concordat::keyservice::journal {

// A journal key for each root generation that is held. Which of them seals is the chain's to say:
// that of its last entry, so that no older one comes back (chain.hpp).
struct Keys {
  std::uint32_t current = 0;   // seals what comes first in a journal of nothing
  std::uint32_t required = 0;  // snapshots under an older one are passed over
  std::map<std::uint32_t, base::SecretBytes> by_generation;  // kJournalKeySize bytes each
};

class Sealer {
 public:
  // `random` outlives this.
  Sealer(std::string realm, Keys keys, base::RandomSource& random);

  // `content`: 1 to kMaxContent bytes. unknown_generation: it is held no longer.
  [[nodiscard]] base::Result<base::Bytes> seal(const Place& place, const base::SecretBytes& content,
                                               std::uint32_t generation) const;
  [[nodiscard]] bool holds(std::uint32_t generation) const {
    return keys_.by_generation.contains(generation);
  }
  [[nodiscard]] std::uint32_t first_generation() const noexcept { return keys_.current; }
  [[nodiscard]] std::uint32_t required_generation() const noexcept { return keys_.required; }

  // What was sealed for exactly this place. Otherwise a refusal that names the place and what
  // stands there: malformed_record, record_too_large, foreign_realm, record_swapped (another
  // record's), chain_broken (another predecessor's), unknown_generation, record_forged.
  [[nodiscard]] base::Result<base::SecretBytes> open(const Place& place,
                                                     base::BytesView record) const;
  // With what the record states of itself, as it opened with that.
  struct Linked {
    base::Sha256Digest link;
    std::uint32_t generation = 0;
    base::SecretBytes content;
  };
  [[nodiscard]] base::Result<Linked> open_stating_generation(const Place& place,
                                                             base::BytesView record) const;
  // The same where the link is not known before.
  [[nodiscard]] base::Result<Linked> open_stating_link(Place place, base::BytesView record) const;

  void take(Keys keys) { keys_ = std::move(keys); }
  [[nodiscard]] base::RandomSource& random() const noexcept { return random_; }

 private:
  [[nodiscard]] base::Result<Linked> open(Place place, base::BytesView record,
                                          bool link_is_known) const;
  [[nodiscard]] base::Bytes associated(const Place& place, std::uint32_t generation) const;

  std::string realm_;
  Keys keys_;
  base::RandomSource& random_;
};

}  // namespace concordat::keyservice::journal

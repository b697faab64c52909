// What earlier verifications proved about certificates, so that a known leaf costs one P-384
// verification (the document's own) and a new leaf under known CAs two.
//
// An entry is keyed by the SHA-256 of the whole path, byte for byte, and is used only within the
// time during which every certificate of the path is valid. Only a complete successful verification
// makes one. Results about documents are never kept.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "attest/base/lru_map.hpp"
#include "attest/certificate.hpp"

namespace concordat::attest {

// A path root-first, without the leaf.
struct VerifiedAuthorities {
  std::vector<base::X509Ptr> certificates;
  Validity validity;  // of all of them at once
};

struct VerifiedLeaf {
  base::PkeyPtr key;
  Validity validity;       // the leaf's own
  Validity path_validity;  // of the leaf and every certificate above it at once
};

// Thread-safe. Bounded: the entry unused for longest goes first, which costs time and nothing else.
class ChainCache {
 public:
  struct Limits {
    // A path is shared by the enclaves of one instance, a leaf belongs to one enclave; about 6 KiB
    // and 3 KiB each.
    std::size_t paths = 256;
    std::size_t leaves = 1024;
  };
  struct Counts {
    std::uint64_t leaf_hits = 0;
    std::uint64_t path_hits = 0;  // new leaf, known CAs
    std::uint64_t misses = 0;
    std::size_t paths = 0;  // held now
    std::size_t leaves = 0;
  };

  ChainCache() : ChainCache(Limits{}) {}
  explicit ChainCache(Limits limits) : paths_(limits.paths), leaves_(limits.leaves) {}

  [[nodiscard]] Counts counts() const;

 private:
  friend class ChainVerifier;  // chain.cpp; nobody else looks up or inserts

  using Leaf = std::shared_ptr<const VerifiedLeaf>;
  using Authorities = std::shared_ptr<const VerifiedAuthorities>;

  // Null when unknown or not valid at `at`; an entry that has expired then is dropped.
  [[nodiscard]] Leaf find_leaf(const base::Sha256Digest& path, base::UnixMillis at);
  [[nodiscard]] Authorities find_authorities(const base::Sha256Digest& path, base::UnixMillis at);
  void insert(const base::Sha256Digest& path, Leaf leaf);
  void insert(const base::Sha256Digest& path, Authorities authorities);

  mutable std::mutex mutex_;
  base::LruMap<base::Sha256Digest, Authorities> paths_;
  base::LruMap<base::Sha256Digest, Leaf> leaves_;
  Counts counts_;
};

}  // namespace concordat::attest

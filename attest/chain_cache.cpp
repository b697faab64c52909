#include "attest/chain_cache.hpp"

namespace concordat::attest {
namespace {

template <class Map, class Key>
auto find_valid(Map& map, const Key& key, base::UnixMillis at, auto validity_of) {
  auto* found = map.find(key);
  using Entry = std::remove_reference_t<decltype(*found)>;
  if (found == nullptr) return Entry{};
  const Validity validity = validity_of(**found);
  if (validity.contains(at)) return *found;
  // Not yet valid stays: a clock may have been asked about the past.
  if (at > validity.not_after) map.erase(key);
  return Entry{};
}

}  // namespace

ChainCache::Leaf ChainCache::find_leaf(const base::Sha256Digest& path, base::UnixMillis at) {
  const std::lock_guard lock(mutex_);
  Leaf leaf =
      find_valid(leaves_, path, at, [](const VerifiedLeaf& known) { return known.path_validity; });
  if (leaf) ++counts_.leaf_hits;
  return leaf;
}

ChainCache::Authorities ChainCache::find_authorities(const base::Sha256Digest& path,
                                                     base::UnixMillis at) {
  const std::lock_guard lock(mutex_);
  Authorities authorities =
      find_valid(paths_, path, at, [](const VerifiedAuthorities& known) { return known.validity; });
  ++(authorities ? counts_.path_hits : counts_.misses);
  return authorities;
}

void ChainCache::insert(const base::Sha256Digest& path, Leaf leaf) {
  const std::lock_guard lock(mutex_);
  leaves_.insert(path, std::move(leaf));
}

void ChainCache::insert(const base::Sha256Digest& path, Authorities authorities) {
  const std::lock_guard lock(mutex_);
  paths_.insert(path, std::move(authorities));
}

ChainCache::Counts ChainCache::counts() const {
  const std::lock_guard lock(mutex_);
  Counts counts = counts_;
  counts.paths = paths_.size();
  counts.leaves = leaves_.size();
  return counts;
}

}  // namespace concordat::attest

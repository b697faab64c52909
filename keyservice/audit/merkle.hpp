// The tree of RFC 6962 section 2.1 over SHA-256: hashes of leaves and nodes, the right edge of a
// growing tree, and verification of proofs (RFC 9162 sections 2.1.3 and 2.1.4).
#pragma once

#include <bit>
#include <vector>

#include "attest/base/hash.hpp"
#include "keyservice/audit/errc.hpp"
#include "keyservice/audit/limits.hpp"

namespace concordat::keyservice::audit {

using Hash = base::Sha256Digest;

// Of the tree without leaves: SHA-256 of nothing.
[[nodiscard]] Hash empty_root();

// Hashes one after the other with one state of the library: a new one costs as much as a node.
class TreeHasher {
 public:
  // SHA-256(0x00 || entry)
  [[nodiscard]] Hash leaf(base::BytesView entry);
  // SHA-256(0x01 || left || right)
  [[nodiscard]] Hash node(const Hash& left, const Hash& right);
  // The root of these leaves, in place; at least one.
  [[nodiscard]] Hash root_of(std::vector<Hash> leaves);

 private:
  base::Sha256 sha256_;
};

// The right edge of a tree: as many hashes as its size has bits that are set.
class CompactRange {
 public:
  // `on_node(height, hash)` sees each complete node of the tree when it comes to be; a leaf's
  // height is 0.
  template <class OnNode>
  void append(const Hash& leaf, TreeHasher& hasher, OnNode&& on_node) {
    on_node(0U, leaf);
    Hash node = leaf;
    // Each bit that the size loses by counting on is a subtree that finds its sibling.
    const auto merges = static_cast<unsigned>(std::countr_one(size_));
    for (unsigned height = 1; height <= merges; ++height) {
      node = hasher.node(subtrees_.back(), node);
      subtrees_.pop_back();
      on_node(height, node);
    }
    subtrees_.push_back(node);
    ++size_;
  }
  void append(const Hash& leaf, TreeHasher& hasher) {
    append(leaf, hasher, [](unsigned, const Hash&) {});
  }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] Hash root(TreeHasher& hasher) const;

  // A range of `size` leaves from its complete subtrees, largest first: as many as bits are set.
  [[nodiscard]] static CompactRange restore(std::uint64_t size, std::vector<Hash> subtrees);

 private:
  std::uint64_t size_ = 0;
  std::vector<Hash> subtrees_;  // largest first
};

using Proof = std::vector<Hash>;

// proof_invalid unless `leaf` is at `index` of the tree of `size` leaves with this root.
[[nodiscard]] base::Status verify_inclusion(std::uint64_t index, std::uint64_t size,
                                            const Hash& leaf, const Proof& proof, const Hash& root);
// proof_invalid unless the tree of `from` leaves is how that of `to` leaves began. From the empty
// tree the proof is empty.
[[nodiscard]] base::Status verify_consistency(std::uint64_t from, std::uint64_t to,
                                              const Hash& from_root, const Hash& to_root,
                                              const Proof& proof);

}  // namespace concordat::keyservice::audit

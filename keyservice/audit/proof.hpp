// Proofs made from tiles (RFC 9162 sections 2.1.3.1 and 2.1.4.1): of a tree of any size up to that
// which the tiles are of, with no hash kept beside them.
#pragma once

#include <map>

#include "keyservice/audit/tile.hpp"

namespace concordat::keyservice::audit {

class ProofMaker {
 public:
  // The hashes of this tile; as many as its width.
  using ReadTile = std::function<base::Result<std::vector<Hash>>(const Tile& tile)>;

  // `size`: of the tree whose tiles `read` gives.
  ProofMaker(std::uint64_t size, ReadTile read) : size_(size), read_(std::move(read)) {}

  // out_of_range, file_damaged, and whatever `read` says. `of`: a tree's size, at most `size`.
  [[nodiscard]] base::Result<Hash> root(std::uint64_t of);
  [[nodiscard]] base::Result<Proof> inclusion(std::uint64_t index, std::uint64_t of);
  [[nodiscard]] base::Result<Proof> consistency(std::uint64_t from, std::uint64_t to);

 private:
  [[nodiscard]] base::Status check_size(std::uint64_t of) const;
  // Of the leaves from `begin` to before `end`, which lie in the tree as one subtree.
  [[nodiscard]] base::Result<Hash> subtree(std::uint64_t begin, std::uint64_t end);
  [[nodiscard]] base::Result<Hash> complete_subtree(std::uint64_t begin, unsigned height);
  [[nodiscard]] base::Result<const std::vector<Hash>*> tile(const Tile& wanted);

  std::uint64_t size_;
  ReadTile read_;
  TreeHasher hasher_;
  std::map<Tile, std::vector<Hash>> tiles_;  // that were read: a few for each proof
};

}  // namespace concordat::keyservice::audit

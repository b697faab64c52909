#include "keyservice/audit/proof.hpp"

#include <bit>

namespace concordat::keyservice::audit {
namespace {

using base::Error;
using base::Result;
using base::Status;

// Where the tree of `count` leaves, at least two, splits: the largest power of two below.
std::uint64_t split(std::uint64_t count) {
  return std::bit_floor(count - 1);
}

}  // namespace

Status ProofMaker::check_size(std::uint64_t of) const {
  if (of <= size_) return {};
  return Error(Errc::out_of_range,
               "the tree has " + std::to_string(size_) + " entries, not " + std::to_string(of));
}

Result<const std::vector<Hash>*> ProofMaker::tile(const Tile& wanted) {
  auto found = tiles_.find(wanted);
  if (found == tiles_.end()) {
    CONCORDAT_TRY(std::vector<Hash> hashes, read_(wanted));
    if (hashes.size() != wanted.width) {
      return Error(Errc::file_damaged,
                   path_of(wanted) + " has " + std::to_string(hashes.size()) + " hashes");
    }
    found = tiles_.emplace(wanted, std::move(hashes)).first;
  }
  return &found->second;
}

Result<Hash> ProofMaker::complete_subtree(std::uint64_t begin, unsigned height) {
  const unsigned level = height / kTileHeight;
  const std::uint64_t first = begin >> (level * kTileHeight);
  CONCORDAT_TRY(const Tile wanted, tile_at(size_, level, first / kTileWidth));
  CONCORDAT_TRY(const std::vector<Hash>* hashes, tile(wanted));
  const auto from = hashes->begin() + static_cast<std::ptrdiff_t>(first % kTileWidth);
  const auto count = std::ptrdiff_t{1} << (height % kTileHeight);
  if (hashes->end() - from < count) return Error(Errc::out_of_range, path_of(wanted));
  return hasher_.root_of({from, from + count});
}

Result<Hash> ProofMaker::subtree(std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t count = end - begin;
  if (std::has_single_bit(count)) {
    return complete_subtree(begin, static_cast<unsigned>(std::countr_zero(count)));
  }
  const std::uint64_t middle = begin + split(count);
  CONCORDAT_TRY(const Hash left, subtree(begin, middle));
  CONCORDAT_TRY(const Hash right, subtree(middle, end));
  return hasher_.node(left, right);
}

Result<Hash> ProofMaker::root(std::uint64_t of) {
  CONCORDAT_CHECK(check_size(of));
  if (of == 0) return empty_root();
  return subtree(0, of);
}

Result<Proof> ProofMaker::inclusion(std::uint64_t index, std::uint64_t of) {
  CONCORDAT_CHECK(check_size(of));
  if (index >= of) {
    return Error(Errc::out_of_range,
                 "entry " + std::to_string(index) + " of a tree of " + std::to_string(of));
  }
  Proof out;
  std::uint64_t begin = 0;
  for (std::uint64_t end = of; end - begin > 1;) {
    const std::uint64_t middle = begin + split(end - begin);
    const bool is_left = index < middle;
    CONCORDAT_TRY(const Hash other, is_left ? subtree(middle, end) : subtree(begin, middle));
    out.push_back(other);
    (is_left ? end : begin) = middle;
  }
  return Proof(out.rbegin(), out.rend());
}

Result<Proof> ProofMaker::consistency(std::uint64_t from, std::uint64_t to) {
  CONCORDAT_CHECK(check_size(to));
  if (from > to) {
    return Error(Errc::out_of_range, "a tree of " + std::to_string(to) + " entries does not hold " +
                                         std::to_string(from));
  }
  if (from == 0 || from == to) return Proof();
  Proof out;
  std::uint64_t begin = 0;
  std::uint64_t end = to;
  // Down to where the earlier tree ends at the end of a subtree.
  while (end != from) {
    const std::uint64_t middle = begin + split(end - begin);
    const bool is_left = from <= middle;
    CONCORDAT_TRY(const Hash other, is_left ? subtree(middle, end) : subtree(begin, middle));
    out.push_back(other);
    (is_left ? end : begin) = middle;
  }
  // The whole earlier tree is known to whoever asks.
  if (begin != 0) {
    CONCORDAT_TRY(const Hash last, subtree(begin, end));
    out.push_back(last);
  }
  return Proof(out.rbegin(), out.rend());
}

}  // namespace concordat::keyservice::audit

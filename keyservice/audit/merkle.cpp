#include "keyservice/audit/merkle.hpp"

namespace concordat::keyservice::audit {
namespace {

using base::Error;
using base::Status;

constexpr std::array<std::uint8_t, 1> kLeafPrefix{0x00};
constexpr std::uint8_t kNodePrefix = 0x01;

Status proof_of_length(const Proof& proof, bool is_used_up) {
  if (is_used_up) return {};
  return Error(Errc::proof_invalid, std::to_string(proof.size()) + " hashes are not what it takes");
}

Status leads_to(const Hash& found, const Hash& wanted, std::string_view what) {
  if (found == wanted) return {};
  return Error(Errc::proof_invalid,
               std::string(what) + " is " + wanted.hex() + ", the proof leads to " + found.hex());
}

}  // namespace

Hash empty_root() {
  return base::sha256({});
}

Hash TreeHasher::leaf(base::BytesView entry) {
  return sha256_.restart().update(kLeafPrefix).update(entry).finish();
}

Hash TreeHasher::node(const Hash& left, const Hash& right) {
  std::array<std::uint8_t, 1 + 2 * Hash::kSize> bytes;
  bytes[0] = kNodePrefix;
  std::ranges::copy(left.view(), bytes.begin() + 1);
  std::ranges::copy(right.view(), bytes.begin() + 1 + Hash::kSize);
  return sha256_.restart().update(bytes).finish();
}

Hash TreeHasher::root_of(std::vector<Hash> leaves) {
  // Level by level; the odd one out at the right goes up as it is, which makes the same tree as
  // splitting at the largest power of two.
  while (leaves.size() > 1) {
    const std::size_t pairs = leaves.size() / 2;
    for (std::size_t i = 0; i < pairs; ++i)
      leaves[i] = node(leaves[2 * i], leaves[2 * i + 1]);
    if (leaves.size() % 2 == 1) leaves[pairs] = leaves.back();
    leaves.resize(pairs + leaves.size() % 2);
  }
  return leaves.front();
}

Hash CompactRange::root(TreeHasher& hasher) const {
  if (subtrees_.empty()) return empty_root();
  Hash root = subtrees_.back();
  for (std::size_t i = subtrees_.size() - 1; i-- > 0;)
    root = hasher.node(subtrees_[i], root);
  return root;
}

CompactRange CompactRange::restore(std::uint64_t size, std::vector<Hash> subtrees) {
  CompactRange range;
  range.size_ = size;
  range.subtrees_ = std::move(subtrees);
  return range;
}

Status verify_inclusion(std::uint64_t index, std::uint64_t size, const Hash& leaf,
                        const Proof& proof, const Hash& root) {
  if (index >= size) {
    return Error(Errc::out_of_range,
                 "entry " + std::to_string(index) + " of a tree of " + std::to_string(size));
  }
  TreeHasher hasher;
  std::uint64_t at = index;
  std::uint64_t last = size - 1;
  Hash found = leaf;
  for (const Hash& sibling : proof) {
    if (last == 0) return proof_of_length(proof, false);
    if (at % 2 == 1 || at == last) {
      found = hasher.node(sibling, found);
      // Levels at which the right edge has no sibling.
      for (; at % 2 == 0 && at != 0; at >>= 1)
        last >>= 1;
    } else {
      found = hasher.node(found, sibling);
    }
    at >>= 1;
    last >>= 1;
  }
  CONCORDAT_CHECK(proof_of_length(proof, last == 0));
  return leads_to(found, root, "the root");
}

Status verify_consistency(std::uint64_t from, std::uint64_t to, const Hash& from_root,
                          const Hash& to_root, const Proof& proof) {
  if (from > to) {
    return Error(Errc::out_of_range, "a tree of " + std::to_string(to) + " entries does not hold " +
                                         std::to_string(from));
  }
  if (from == to || from == 0) {
    CONCORDAT_CHECK(proof_of_length(proof, proof.empty()));
    return leads_to(from == to ? to_root : empty_root(), from_root, "the earlier root");
  }
  TreeHasher hasher;
  std::uint64_t at = from - 1;
  std::uint64_t last = to - 1;
  for (; at % 2 == 1; at >>= 1)
    last >>= 1;
  // A complete subtree is its own first hash; the proof leaves it out.
  const bool is_complete = std::has_single_bit(from);
  if (proof.empty() && !is_complete) return proof_of_length(proof, false);
  std::size_t next = is_complete ? 0 : 1;
  Hash earlier = is_complete ? from_root : proof.front();
  Hash later = earlier;
  for (; next < proof.size(); ++next) {
    if (last == 0) return proof_of_length(proof, false);
    if (at % 2 == 1 || at == last) {
      earlier = hasher.node(proof[next], earlier);
      later = hasher.node(proof[next], later);
      for (; at % 2 == 0 && at != 0; at >>= 1)
        last >>= 1;
    } else {
      later = hasher.node(later, proof[next]);
    }
    at >>= 1;
    last >>= 1;
  }
  CONCORDAT_CHECK(proof_of_length(proof, last == 0));
  CONCORDAT_CHECK(leads_to(earlier, from_root, "the earlier root"));
  return leads_to(later, to_root, "the later root");
}

}  // namespace concordat::keyservice::audit

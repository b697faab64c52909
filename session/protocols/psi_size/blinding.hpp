// Items as elements of ristretto255 times a secret scalar: whoever does not know it cannot tell
// them from random ones (DDH, the hash as a random oracle).
#pragma once

#include <vector>

#include "attest/base/sharing/group.hpp"

namespace concordat::session::psi_size {

using Group = base::sharing::Ristretto255;
using Element = Group::Element;
// SHA-512 of an item, under a domain: what the library's map to the group takes.
inline constexpr std::size_t kDigestSize = 64;

// Into `digest`, 64 guarded bytes.
void hash_item(base::BytesView item, std::span<std::uint8_t, kDigestSize> digest);

// What `digests`, each 64 bytes, are of, blinded: the next ones behind those in `out`, `most` of
// them at most; whether there are more. The same work for each: which are items and which are
// random is not known here.
[[nodiscard]] bool blind(const base::SecretBytes& digests, const base::sharing::Scalar& key,
                         std::size_t most, std::vector<Element>& out);
// Elements that a peer blinded, blinded again: likewise.
[[nodiscard]] bool blind_again(const std::vector<Element>& elements,
                               const base::sharing::Scalar& key, std::size_t most,
                               std::vector<Element>& out);
// In ascending order, which says nothing of the items'.
void sort(std::vector<Element>& elements);

// Of what decode() took before.
[[nodiscard]] std::vector<Element> elements_of(base::BytesView bytes);
[[nodiscard]] base::Bytes encode(const std::vector<Element>& elements);
// So many elements, none the identity, strictly ascending: wrong_size, not_an_element,
// not_ascending.
[[nodiscard]] base::Result<std::vector<Element>> decode(base::BytesView bytes, std::size_t size);

}  // namespace concordat::session::psi_size

#include "session/protocols/psi_size/blinding.hpp"

#include <sodium.h>

#include <stdexcept>

#include "attest/base/secret_access.hpp"
#include "attest/base/stack_wipe.hpp"
#include "session/protocols/psi_size/errc.hpp"

namespace concordat::session::psi_size {
namespace {

static_assert(kDigestSize == crypto_core_ristretto255_HASHBYTES);
static_assert(kDigestSize == crypto_hash_sha512_BYTES);
static_assert(Element::kSize == crypto_core_ristretto255_BYTES);

constexpr std::string_view kItemDomain = "concordat/session/psi_size/1 item";

Element blinded(const Element& element, const base::sharing::Scalar& key) {
  const auto out = base::sharing::times<Group>(element, key);
  // The order is prime, the key not zero and the element not the identity.
  if (!out) throw std::logic_error("an element times a scalar is the identity");
  return *out;
}

}  // namespace

void hash_item(base::BytesView item, std::span<std::uint8_t, kDigestSize> digest) {
  const base::StackWipe wipe;
  crypto_hash_sha512_state state;
  crypto_hash_sha512_init(&state);
  crypto_hash_sha512_update(&state, base::as_bytes(kItemDomain).data(), kItemDomain.size());
  crypto_hash_sha512_update(&state, item.data(), item.size());
  crypto_hash_sha512_final(&state, digest.data());
  sodium_memzero(&state, sizeof state);
}

bool blind(const base::SecretBytes& digests, const base::sharing::Scalar& key, std::size_t most,
           std::vector<Element>& out) {
  const std::size_t all = digests.size() / kDigestSize;
  const std::size_t until = std::min(all, out.size() + most);
  const base::BytesView bytes = digests.expose(base::SecretAccess{});
  out.reserve(all);
  Element item;  // tells the item to whoever can guess it
  while (out.size() < until) {
    const base::StackWipe wipe;
    crypto_core_ristretto255_from_hash(item.mutable_view().data(),
                                       &bytes[out.size() * kDigestSize]);
    out.push_back(blinded(item, key));
  }
  sodium_memzero(item.mutable_view().data(), Element::kSize);
  return until < all;
}

bool blind_again(const std::vector<Element>& elements, const base::sharing::Scalar& key,
                 std::size_t most, std::vector<Element>& out) {
  const std::size_t until = std::min(elements.size(), out.size() + most);
  out.reserve(elements.size());
  while (out.size() < until)
    out.push_back(blinded(elements[out.size()], key));
  return until < elements.size();
}

void sort(std::vector<Element>& elements) {
  std::ranges::sort(elements);
}

std::vector<Element> elements_of(base::BytesView bytes) {
  std::vector<Element> out;
  out.reserve(bytes.size() / Element::kSize);
  for (; bytes.size() >= Element::kSize; bytes = bytes.subspan(Element::kSize))
    out.push_back(Element::from(bytes.first(Element::kSize)).value());
  return out;
}

base::Bytes encode(const std::vector<Element>& elements) {
  base::Bytes out;
  out.reserve(elements.size() * Element::kSize);
  for (const Element& element : elements)
    base::append(out, element.view());
  return out;
}

base::Result<std::vector<Element>> decode(base::BytesView bytes, std::size_t size) {
  if (bytes.size() != size * Element::kSize) {
    return base::Error(Errc::wrong_size, std::to_string(bytes.size()) + " bytes, want " +
                                             std::to_string(size * Element::kSize));
  }
  std::vector<Element> out;
  out.reserve(size);
  for (std::size_t i = 0; i < size; ++i) {
    out.push_back(Element::from(bytes.subspan(i * Element::kSize, Element::kSize)).value());
    const std::string place = "element " + std::to_string(i);
    if (!base::sharing::is_element<Group>(out[i])) return base::Error(Errc::not_an_element, place);
    if (i > 0 && !(out[i - 1] < out[i])) return base::Error(Errc::not_ascending, place);
  }
  return out;
}

}  // namespace concordat::session::psi_size

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

std::vector<Element> blind(const base::SecretBytes& digests, const base::sharing::Scalar& key) {
  std::vector<Element> out;
  out.reserve(digests.size() / kDigestSize);
  const base::BytesView all = digests.expose(base::SecretAccess{});
  Element item;  // tells the item to whoever can guess it
  for (std::size_t at = 0; at < all.size(); at += kDigestSize) {
    const base::StackWipe wipe;
    crypto_core_ristretto255_from_hash(item.mutable_view().data(), &all[at]);
    out.push_back(blinded(item, key));
  }
  sodium_memzero(item.mutable_view().data(), Element::kSize);
  std::ranges::sort(out);
  return out;
}

std::vector<Element> blind_again(const std::vector<Element>& elements,
                                 const base::sharing::Scalar& key) {
  std::vector<Element> out;
  out.reserve(elements.size());
  for (const Element& element : elements)
    out.push_back(blinded(element, key));
  std::ranges::sort(out);
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

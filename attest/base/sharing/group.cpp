#include "attest/base/sharing/group.hpp"

#include <sodium.h>

#include "attest/base/secret_access.hpp"
#include "attest/base/stack_wipe.hpp"

namespace concordat::base::sharing {
namespace {

// libsodium's calls of one group.
struct Calls {
  int (*is_valid)(const unsigned char* p);
  int (*base)(unsigned char* q, const unsigned char* n);
  int (*multiply)(unsigned char* q, const unsigned char* n, const unsigned char* p);
  int (*add)(unsigned char* r, const unsigned char* p, const unsigned char* q);
  FixedBytes<struct IdentityTag, kElementSize> identity;
};

template <class Group>
const Calls& calls() noexcept;
template <>
const Calls& calls<Ristretto255>() noexcept {
  static const Calls found{crypto_core_ristretto255_is_valid_point,
                           crypto_scalarmult_ristretto255_base,
                           crypto_scalarmult_ristretto255,
                           crypto_core_ristretto255_add,
                           {}};
  return found;
}
template <>
const Calls& calls<Edwards25519>() noexcept {
  static const Calls found = [] {
    Calls all{crypto_core_ed25519_is_valid_point,
              crypto_scalarmult_ed25519_base_noclamp,
              crypto_scalarmult_ed25519_noclamp,
              crypto_core_ed25519_add,
              {}};
    all.identity.mutable_view()[0] = 1;
    return all;
  }();
  return found;
}

template <class Group>
std::optional<typename Group::Element> unless_identity(int failed,
                                                       const typename Group::Element& element) {
  if (failed != 0 || equal(element.view(), calls<Group>().identity.view())) return std::nullopt;
  return element;
}

}  // namespace

template <class Group>
bool is_element(const typename Group::Element& element) noexcept {
  return !equal(element.view(), calls<Group>().identity.view()) &&
         calls<Group>().is_valid(element.view().data()) == 1;
}

template <class Group>
std::optional<typename Group::Element> times_base(const Scalar& scalar) {
  const StackWipe wipe;
  typename Group::Element out;
  const int failed =
      calls<Group>().base(out.mutable_view().data(), scalar.bytes().expose(SecretAccess{}).data());
  return unless_identity<Group>(failed, out);
}

template <class Group>
std::optional<typename Group::Element> times(const typename Group::Element& element,
                                             const Scalar& scalar) {
  const StackWipe wipe;
  typename Group::Element out;
  const int failed =
      calls<Group>().multiply(out.mutable_view().data(),
                              scalar.bytes().expose(SecretAccess{}).data(), element.view().data());
  return unless_identity<Group>(failed, out);
}

template <class Group>
std::optional<typename Group::Element> plus(const typename Group::Element& a,
                                            const typename Group::Element& b) {
  typename Group::Element out;
  const int failed =
      calls<Group>().add(out.mutable_view().data(), a.view().data(), b.view().data());
  return unless_identity<Group>(failed, out);
}

template bool is_element<Ristretto255>(const Ristretto255::Element&) noexcept;
template bool is_element<Edwards25519>(const Edwards25519::Element&) noexcept;
template std::optional<Ristretto255::Element> times_base<Ristretto255>(const Scalar&);
template std::optional<Edwards25519::Element> times_base<Edwards25519>(const Scalar&);
template std::optional<Ristretto255::Element> times<Ristretto255>(const Ristretto255::Element&,
                                                                  const Scalar&);
template std::optional<Edwards25519::Element> times<Edwards25519>(const Edwards25519::Element&,
                                                                  const Scalar&);
template std::optional<Ristretto255::Element> plus<Ristretto255>(const Ristretto255::Element&,
                                                                 const Ristretto255::Element&);
template std::optional<Edwards25519::Element> plus<Edwards25519>(const Edwards25519::Element&,
                                                                 const Edwards25519::Element&);

}  // namespace concordat::base::sharing

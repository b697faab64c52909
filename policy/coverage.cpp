#include "policy/coverage.hpp"

#include <algorithm>

#include "policy/key_pattern.hpp"

namespace concordat::policy {
namespace {

bool same_but_signer(const Image& a, const Image& b) {
  return a.pcr0 == b.pcr0 && a.pcr1 == b.pcr1 && a.pcr2 == b.pcr2;
}

}  // namespace

bool covers(const Image& wide, const Image& narrow) {
  return same_but_signer(wide, narrow) && (!wide.pcr8 || wide.pcr8 == narrow.pcr8);
}

bool can_be_same(const Image& a, const Image& b) {
  return same_but_signer(a, b) && (!a.pcr8 || !b.pcr8 || a.pcr8 == b.pcr8);
}

bool covers(const Pins& wide, const Pins& narrow) {
  if (!wide) return true;
  return narrow &&
         std::ranges::all_of(*narrow, [&](const Pin& pin) { return lists(wide, pin.value); });
}

bool can_be_same(const Pins& a, const Pins& b) {
  if (!a) return !b || !b->empty();
  if (!b) return !a->empty();
  return std::ranges::any_of(*a, [&](const Pin& pin) { return lists(b, pin.value); });
}

bool lists(const Pins& pins, const PcrValue& value) {
  return pins && std::ranges::find(*pins, value, &Pin::value) != pins->end();
}

bool covers(const Grant& wide, const Grant& narrow, Operation operation) {
  const bool as_long = !wide.expires || (narrow.expires && *narrow.expires <= *wide.expires);
  return wide.role == narrow.role && matches(wide.keys, narrow.keys) && as_long &&
         !wide.use_limit && std::ranges::find(wide.operations, operation) != wide.operations.end();
}

}  // namespace concordat::policy

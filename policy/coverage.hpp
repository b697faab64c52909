// Whether what one entry of a policy lets in is let in by another: the questions by which two
// policies are compared.
#pragma once

#include "policy/model.hpp"

namespace concordat::policy {

// Every enclave that is `narrow` is `wide` too, whatever they are called.
[[nodiscard]] bool covers(const Image& wide, const Image& narrow);
// Some enclave can be both.
[[nodiscard]] bool can_be_same(const Image& a, const Image& b);

// nullopt is "any".
using Pins = std::optional<std::vector<Pin>>;
[[nodiscard]] bool covers(const Pins& wide, const Pins& narrow);
// Some value is taken by both; an empty list takes none.
[[nodiscard]] bool can_be_same(const Pins& a, const Pins& b);
[[nodiscard]] bool lists(const Pins& pins, const PcrValue& value);

// Grants the operation on all keys of the narrow one for at least as long, and without counting:
// the uses of two counted grants add up, so that neither gives what the other does.
[[nodiscard]] bool covers(const Grant& wide, const Grant& narrow, Operation operation);

}  // namespace concordat::policy

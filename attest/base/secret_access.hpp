// The key to SecretBytes::expose. Include this only where secret bytes must meet a primitive or the
// wire; tests/layering lists the files that may, so that every such place is known by name.
#pragma once

#include "attest/base/secret.hpp"

namespace concordat::base {

class SecretAccess {
 public:
  explicit constexpr SecretAccess() noexcept = default;
};

}  // namespace concordat::base

// What a key of each type can do at all: one closed table. Whether a worker may is policy's word.
//
//            get sign verify encrypt decrypt wrap unwrap mac derive random public
//   derived   x   x     x       x       x     x     x     x    x      x      x
//   ed25519   x   x     x                                             x      x
//   p256      x   x     x                                             x      x
//   p384      x   x     x                                             x      x
//   x25519    x                                                x      x      x
//   aes256    x                 x       x     x     x          x      x
//   hmac      x         x                                 x    x      x
//
// `random` gives bytes of the custodian's generator and touches no key: its name stands only where
// grants name keys. `get` wants an exportable key besides.
#pragma once

#include "keyservice/keyring/key_types.hpp"
#include "policy/model.hpp"

namespace concordat::keyservice {

[[nodiscard]] bool is_allowed(KeyType type, policy::Operation operation) noexcept;
// operation_not_of_key otherwise.
[[nodiscard]] base::Status check_allowed(const KeyInUse& key, policy::Operation operation);

}  // namespace concordat::keyservice

// FROST(Ed25519, SHA-512): frost-keygen/1, frost-sign/1, frost-reshare/1 (README.md beside this
// file).
#pragma once

#include <span>

#include "session/protocol.hpp"

namespace concordat::session::frost {

[[nodiscard]] std::span<const ProtocolKind> kinds();

}  // namespace concordat::session::frost

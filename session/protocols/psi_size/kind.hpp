// Private set intersection size between two parties (README.md beside this file).
#pragma once

#include "session/protocol.hpp"

namespace concordat::session::psi_size {

[[nodiscard]] ProtocolKind kind();

}  // namespace concordat::session::psi_size

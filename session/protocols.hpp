// The protocols that this build has: those of every folder in session/protocols/ (PROTOCOLS.md).
#pragma once

#include <string>

#include "session/protocol.hpp"

namespace concordat::session {

// The order of folders' names; names of kinds are unique (tests/session holds it).
[[nodiscard]] std::vector<ProtocolKind> all_protocols();

// unknown_protocol, which lists the names that there are.
[[nodiscard]] base::Result<ProtocolKind> find_protocol(std::string_view name);

// "aggregate/1, psi-size/1": for --help and errors.
[[nodiscard]] std::string protocol_names();

enum class ProtocolsErrc { unknown_protocol = 1 };
[[nodiscard]] base::CodeInfo describe(ProtocolsErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(ProtocolsErrc) {
  return "session protocols";
}
[[nodiscard]] inline boost::system::error_code make_error_code(ProtocolsErrc e) {
  return base::enum_code(e);
}

}  // namespace concordat::session

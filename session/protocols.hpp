// The protocols that this build has: those of every folder in session/protocols/ (PROTOCOLS.md).
#pragma once

#include <string>

#include "session/protocol.hpp"

namespace concordat::session {

// The order of folders' names; names of kinds are unique (tests/session holds it).
[[nodiscard]] std::vector<ProtocolKind> all_protocols();

// unknown_protocol, which lists the names that there are.
[[nodiscard]] base::Result<ProtocolKind> find_protocol(std::string_view name);

// Whether this build has the protocol and it takes these parameters, for so many parties and such a
// threshold: unknown_protocol, or the protocol's own error with the place of the fault. Nothing of
// an input is taken. What VerifiedDescriptor::verify asks for.
[[nodiscard]] base::Status judge_parameters(std::string_view protocol, base::BytesView parameters,
                                            std::size_t parties, std::size_t threshold);

// ProtocolKind::watch of the protocol: unknown_protocol, cannot_be_watched, or the protocol's own.
[[nodiscard]] base::Result<std::unique_ptr<Protocol>> watch_protocol(std::string_view protocol,
                                                                     base::BytesView parameters,
                                                                     const Seat& seat);

// "aggregate/1, psi-size/1": for --help and errors.
[[nodiscard]] std::string protocol_names();

enum class ProtocolsErrc { unknown_protocol = 1, cannot_be_watched };
[[nodiscard]] base::CodeInfo describe(ProtocolsErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(ProtocolsErrc) {
  return "session protocols";
}
[[nodiscard]] inline boost::system::error_code make_error_code(ProtocolsErrc e) {
  return base::enum_code(e);
}

}  // namespace concordat::session

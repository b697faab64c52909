#include "session/protocols.hpp"

namespace concordat::session {

base::CodeInfo describe(ProtocolsErrc) noexcept {
  return {"unknown_protocol", "no protocol of this name"};
}

base::Result<ProtocolKind> find_protocol(std::string_view name) {
  for (const ProtocolKind& kind : all_protocols()) {
    if (kind.name == name) return kind;
  }
  return base::Error(ProtocolsErrc::unknown_protocol, "there are: " + protocol_names());
}

std::string protocol_names() {
  std::string out;
  for (const ProtocolKind& kind : all_protocols()) {
    if (!out.empty()) out += ", ";
    out += kind.name;
  }
  return out;
}

}  // namespace concordat::session

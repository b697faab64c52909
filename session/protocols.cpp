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

base::Status judge_parameters(std::string_view protocol, base::BytesView parameters,
                              std::size_t parties, std::size_t threshold) {
  CONCORDAT_TRY(const ProtocolKind kind, find_protocol(protocol));
  CONCORDAT_CHECK(kind.take(parameters, parties, threshold));
  return {};
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

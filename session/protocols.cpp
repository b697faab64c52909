#include "session/protocols.hpp"

namespace concordat::session {

base::CodeInfo describe(ProtocolsErrc code) noexcept {
  switch (code) {
    case ProtocolsErrc::unknown_protocol:
      return {"unknown_protocol", "no protocol of this name"};
    case ProtocolsErrc::cannot_be_watched:
      return {"cannot_be_watched", "only its parties can check what this protocol's parties send"};
  }
  return {"unknown", "unknown error of protocols"};
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

base::Result<std::unique_ptr<Protocol>> watch_protocol(std::string_view protocol,
                                                       base::BytesView parameters,
                                                       const Seat& seat) {
  CONCORDAT_TRY(const ProtocolKind kind, find_protocol(protocol));
  if (kind.watch == nullptr) {
    return base::Error(ProtocolsErrc::cannot_be_watched, std::string(protocol));
  }
  return kind.watch(parameters, seat);
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

// What differs between an enclave on EC2 and one in the lab: where the NSM, the roots and the
// sockets come from. Decided by which main() was linked, never by an option, a variable or a file.
#pragma once

#include <filesystem>
#include <functional>

#include "attest/nsm.hpp"
#include "attest/roots.hpp"
#include "peer/endpoint.hpp"
#include "session/protocol.hpp"

namespace concordat::enclave {

// References outlive the run.
struct Surroundings {
  attest::NsmTransport& nsm;
  const attest::TrustAnchors& anchors;
  peer::Endpoint relay;      // the parent's
  peer::Endpoint inbound;    // where the parent dials this enclave
  peer::UnixEndpoint agent;  // where a worker's application finds its agent
  // For custodians: the certificate authorities, in the measured image, that may vouch for KMS's
  // name.
  std::filesystem::path kms_authorities{};
  // Of the lab's worker that cheats in sessions, and of no other.
  std::function<std::unique_ptr<session::Protocol>(std::unique_ptr<session::Protocol>)> deviate{};
};

// vsock port on which the parent dials an enclave, and its own for relayed streams.
inline constexpr std::uint32_t kInboundPort = 7100;
inline constexpr std::uint32_t kRelayPort = 7000;

}  // namespace concordat::enclave

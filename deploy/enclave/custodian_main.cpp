// The custodian as it runs on EC2: /dev/nsm, vsock, AWS's roots and no others.
#include "attest/nsm_device.hpp"
#include "deploy/enclave/common.hpp"
#include "deploy/enclave/custodian.hpp"

namespace concordat::enclave {
namespace {

constexpr const char* kHelp =
    "concordat-custodian: the custodian of a group of enclaves.\n"
    "\n"
    "Runs inside an enclave image and takes no options: its configuration is the signed policy\n"
    "and the authority descriptor that its parent hands over, both checked against PCR16.\n"
    "Where the policy pins no root it performs genesis and ends; otherwise it gets the root from\n"
    "another custodian that its parent's setting custodians names (\"custodian-b,custodian-c\"),\n"
    "or that is announced to it, and that the policy's purpose replica lets answer, or unseals it\n"
    "through AWS KMS, and serves until SIGTERM.\n"
    "\n"
    "Exit status: 0 done, 2 refused (policy, evidence or root), 1 failed.\n"
    "\n"
    "Example (the command of an enclave image):\n"
    "  /concordat-custodian\n";

int start(base::Logger& log) {
  auto device = attest::NsmDevice::open();
  if (!device) return exit_status(device.error(), log);
  // Before anything else runs in here: the driver makes the device for everybody.
  if (const auto restricted = attest::restrict_device(); !restricted) {
    return exit_status(restricted.error(), log);
  }
  const Surroundings surroundings{*device,
                                  attest::TrustAnchors::aws(),
                                  peer::VsockEndpoint{peer::kParentContextId, kRelayPort},
                                  peer::VsockEndpoint{peer::kVsockAnyContextId, kInboundPort},
                                  peer::UnixEndpoint{"/run/concordat/agent.sock"},
                                  "/etc/ssl/certs/ca-certificates.crt"};
  return run_custodian(surroundings, log);
}

}  // namespace
}  // namespace concordat::enclave

int main(int argc, char** argv) {
  using namespace concordat;
  if (const auto ended = enclave::only_help(argc, argv, enclave::kHelp)) return *ended;
  base::Logger log("concordat-custodian");
  if (const auto prepared = enclave::prepare_process(); !prepared) {
    return enclave::exit_status(prepared.error(), log);
  }
  return enclave::start(log);
}
